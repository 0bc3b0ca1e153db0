"""The section Joules: nothing is drawn that the figures do not say."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

import pytest
from support import compared, records
from tandem.interference.compare.comparison import comparison
from tandem.interference.energy import NAMES
from tandem.report.page.compared import Compared
from tandem.report.page.markup import element
from tandem.report.page.runs import reported
from tandem.report.page.sections.joules import Joules, boards_of, gpu_bars, rows_by_board
from tandem.report.page.singles import why_not_measured
from tandem.report.plots.stack import Bars

NO_GPU = "foreground window: NVML: NVML Shared Library Not Found"


def joules(*runs: Path) -> Element:
    readings = reported(runs)
    noted = Compared(readings)
    for run in readings:
        for experiment in run.experiments():
            noted.note(run, experiment)
    return element("section", *Joules(noted).contents())


def text(found: Element) -> str:
    return " ".join("".join(found.itertext()).split())


def pair(block: int, energy_j: float | None = 300.0, **figures: float | None) -> Any:
    """A pair of the first cell: its GPU energy, and figures that are named."""
    record, found = compared.designed(1, 1, block, 1.25)
    records.put(record, **{"windows[1].gpus[0].energy_joules": energy_j})
    for name, value in figures.items():
        found["figures"][name] = compared.figure(value, None, None if value else NO_GPU)
    return record, found


def shares(low: float | None, high: float | None, saving: float = 0.1) -> dict[str, float | None]:
    return {
        "foreground_energy_low_joules": low,
        "foreground_energy_high_joules": high,
        "saving_of_sharing": saving,
    }


def bars(tmp_path: Path, *pairs: Any) -> Bars:
    run = records.write_run(tmp_path / "run_1", *pairs)
    found = comparison([str(run)])
    (group,) = found["energy"]
    ((_, rows),) = boards_of(group, "gpu").items()
    return gpu_bars("cell", group, rows, rows_by_board(found["groups"][0])[None])


def parts(found: Bars, lane: int = 0) -> list[tuple[str, float, float, bool]]:
    return [(each.kind, each.begin, each.end, each.is_hatched) for each in found.lanes[lane]]


def test_a_share_has_two_ends_and_what_lies_between_is_hatched(tmp_path: Path) -> None:
    found = bars(tmp_path, *(pair(block, **shares(100.0, 150.0)) for block in range(1, 4)))
    assert parts(found) == [
        ("foreground", 0.0, 100.0, False),
        ("either", 100.0, 150.0, True),
        ("background", 150.0, 300.0, False),
    ]
    assert "foreground 100 to 150 J" in found.says


def test_where_sharing_cost_energy_what_lies_between_is_an_excess(tmp_path: Path) -> None:
    found = bars(tmp_path, *(pair(block, **shares(100.0, 150.0, -0.2)) for block in (1, 2)))
    assert [kind for kind, *_ in parts(found)] == ["foreground", "excess", "background"]


def test_where_it_cost_energy_in_some_pairs_alone_nothing_is_called_an_excess(
    tmp_path: Path,
) -> None:
    pairs = [pair(1, **shares(100.0, 150.0, -0.2)), pair(2, **shares(100.0, 150.0, 0.2))]
    assert [kind for kind, *_ in parts(bars(tmp_path, *pairs))][1] == "either"


def test_without_controls_both_are_one_hatched_bar(tmp_path: Path) -> None:
    found = bars(tmp_path, *(pair(block, **shares(None, None)) for block in (1, 2)))
    assert parts(found) == [("both", 0.0, 300.0, True)]
    assert f"not divided: {NO_GPU}" in found.says


@pytest.mark.parametrize("ends", [(-20.0, 150.0), (100.0, 320.0)])
def test_a_share_that_reaches_beyond_the_whole_is_not_drawn(
    tmp_path: Path, ends: tuple[float, float]
) -> None:
    found = bars(tmp_path, *(pair(block, **shares(*ends)) for block in (1, 2)))
    assert parts(found) == [("both", 0.0, 300.0, True)]
    assert "not drawn as parts: the share reaches beyond what was measured" in found.says


def test_parts_are_of_the_pairs_whose_share_is_known(tmp_path: Path) -> None:
    pairs = [
        pair(1, 300.0, **shares(100.0, 150.0)),
        pair(2, 900.0, **shares(None, None)),
    ]
    found = bars(tmp_path, *pairs)
    assert parts(found)[-1] == ("background", 150.0, 300.0, False)
    assert "share known of 1 of 2 pairs; of these, 300 J" in found.says
    assert found.says[0] == "both 600 J"


def test_without_a_gpu_it_says_so_and_draws_nothing(tmp_path: Path) -> None:
    made = [compared.designed(1, 1, block) for block in (1, 2)]
    for record, _ in made:
        reason = "NVML: NVML Shared Library Not Found"
        records.put(record, **{"windows[1].gpus": [], "windows[1].gpus_reason": reason})
    found = joules(records.write_run(tmp_path / "run_1", *made))
    (figure,) = (each for each in found.iter("figure") if each.get("id") == "joules-gpu")
    assert f"no value: {NO_GPU}" in text(figure)
    assert not list(figure.iter("svg"))


def test_compare_has_the_same_joules_as_json(tmp_path: Path) -> None:
    run = records.write_run(tmp_path / "run_1", *(pair(block) for block in range(1, 7)))
    (group,) = comparison([str(run)])["energy"]
    rows = compared.rows(group)
    assert set(NAMES) < rows.keys()
    assert rows["gpu_joules"]["values"] == [300.0] * 6
    assert rows["gpu_joules"]["label"] == "measured" and rows["gpu_joules"]["verdict"] is None


def test_trainings_alone_are_dots(tmp_path: Path) -> None:
    made = records.record(mode="default", background=None, twin=None, mutated=[])
    found = joules(records.write_run(tmp_path / "run_1", made))
    assert "There is no pair" in text(found)
    (figure,) = (each for each in found.iter("figure") if each.get("id") == "alone-gpu")
    dots = [each.attrib["d"] for each in figure.iter("path") if each.get("class") == "dots"]
    assert [path.count("M") for path in dots] == [1]


@pytest.mark.parametrize(
    ("reason", "name", "found"),
    [
        ("CPU: a; b; GPU: c; d", "gpu_j", "GPU: c; d"),
        ("CPU: a; b; GPU: c; d", "cpu_j", "CPU: a; b"),
        ("GPU 0: MIG; GPU 1: no sensor", "gpu_j", "GPU 0: MIG; GPU 1: no sensor"),
        ("no foreground window", "gpu_j", "no foreground window"),
        (None, "cpu_j", "not measured"),
    ],
)
def test_why_an_energy_is_missing_is_told_of_that_energy_alone(
    reason: str | None, name: str, found: str
) -> None:
    assert why_not_measured(reason, name) == found
