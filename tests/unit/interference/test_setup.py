"""Sharing, power limit and clocks are conditions: what agrees in them is a repeat, else a level."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.compared import Pair, designed, groups, parallel, rows, setup
from support.records import put, write_run
from tandem.base.errors import UsageError
from tandem.report.compare.text import text_of_compare

BLOCKS = range(1, 7)
RATIOS = {"time_slicing": 1.8, "mps": 1.2}


def under(condition: Any, config: int, block: int, value: float) -> Pair:
    """One configuration under a condition: the same draws come back under each."""
    pair = designed(config, 1, block, value, gpu_setup=condition)
    pair[0]["hyperparameters"].update(learning_rate=0.001, dropout=0.0)
    return pair


def shared() -> Iterator[Pair]:
    """Configuration 1 under time slicing and 2 under MPS, each at two power limits (3 and 4)."""
    for block in BLOCKS:
        for number, (sharing, ratio) in enumerate(RATIOS.items()):
            for watts in (300.0, 700.0):
                config = 1 + number + (2 if watts == 700.0 else 0)
                value = (ratio + block / 100) * (1.1 if watts == 300.0 else 1.0)
                yield under(setup(sharing, power_limit_watts=watts), config, block, value)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "run", *shared())


@pytest.mark.parametrize(
    ("condition", "label"),
    [
        (setup("mps"), "MPS"),
        (setup(None), ""),
        (setup("time_slicing", power_limit_watts=300.0), "time slicing, 300 W"),
        (setup("mps", sm_clock_mhz=1200.0), "MPS, 1200 MHz"),
        (setup("time_slicing", memory_clock_mhz=2619.0), "time slicing, memory 2619 MHz"),
    ],
)
def test_what_was_measured_under_another_condition_is_no_repeat(
    tmp_path: Path, condition: Any, label: str
) -> None:
    pairs = [parallel(1), parallel(2), parallel(3, gpu_setup=condition)]
    found = {group["setup"]: group["experiments"] for group in groups(write_run(tmp_path, *pairs))}
    assert found == {"time slicing": 2, label: 1}


def test_what_mps_limits_a_training_to_is_a_condition_or_a_dose(tmp_path: Path) -> None:
    limit = {"CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": "50"}
    plain, front, back = (parallel(number, gpu_setup=setup("mps")) for number in (1, 2, 3))
    front[0]["environment"]["env"] = limit
    assert back[0]["background"]
    back[0]["background"]["parts"][0]["env"] = limit
    found = groups(write_run(tmp_path, plain, front, back))
    assert {(group["setup"], group["dose"]) for group in found} == {
        ("MPS", ""),
        ("MPS, active_thread_percentage=50", ""),
        ("MPS", "active_thread_percentage=50"),
    }


def test_slices_of_other_profiles_are_no_repeats(tmp_path: Path) -> None:
    pairs = [parallel(number, gpu_setup=setup("mig")) for number in (1, 2)]
    slice_of = {"uuid": "MIG-1", "board_uuid": "GPU-1", "siblings": []}
    for (record, _), profile in zip(pairs, ("3g.40gb", "1g.10gb"), strict=True):
        put(record, **{"gpu_setup.mig": [{**slice_of, "profile": profile}] * 2})
    labels = {group["setup"] for group in groups(write_run(tmp_path, *pairs))}
    assert labels == {"MIG, 3g.40gb + 3g.40gb", "MIG, 1g.10gb + 1g.10gb"}


def test_a_record_of_an_earlier_version_tells_by_its_boards_how_they_were_shared(
    tmp_path: Path,
) -> None:
    plain, mps = parallel(1), parallel(2)
    for record, _ in (plain, mps):
        del record["gpu_setup"]  # type: ignore[misc]
    mps[0]["windows"][1]["gpus"][0]["mps"] = True
    found = groups(write_run(tmp_path, plain, mps))
    assert {group["setup"] for group in found} == {"time slicing", "MPS"}


def test_a_limit_that_was_asked_for_is_told_once(tmp_path: Path) -> None:
    pair = parallel(1, gpu_setup=setup("time_slicing", power_limit_watts=300.0))
    run = write_run(tmp_path / "run", pair)
    uuid = pair[0]["windows"][1]["gpus"][0]["uuid"]
    board = f'{{"uuid": "{uuid}", "power_limit_watts": 300, "power_limit_default_watts": 700}}'
    machine = pair[0]["machine"]
    assert machine
    (run / machine["file"]).write_text(f'{{"boards": [{board}]}}')
    [group] = groups(run)
    assert group["setup"] == "time slicing, 300 W"
    assert "300" not in group["settings"]


# -- levels, names, and two against each other -----------------------------------------


def test_sharing_and_limits_are_factors_that_keep_each_other_apart(run: Path) -> None:
    found = groups(run, by="sharing")
    assert [(group["stratum"], group["level"]) for group in found] == [
        *[(1, "mps"), (1, "time_slicing")],
        *[(2, "mps"), (2, "time_slicing")],
    ]
    assert {group["experiments"] for group in found} == {len(BLOCKS)}
    found = groups(run, by="power_limit_watts")
    assert [group["level"] for group in found] == ["300", "700"] * 2


@pytest.mark.parametrize("name", ["sharing=mps", "sharing=MPS", "power_limit_watts=300.0"])
def test_a_condition_can_be_named(run: Path, name: str) -> None:
    assert sum(group["experiments"] for group in groups(f"{run}:{name}")) == 2 * len(BLOCKS)


def test_one_that_nobody_ran_under_is_told_with_those_that_are_known(run: Path) -> None:
    with pytest.raises(UsageError, match=r"sharing=mig \(known: time_slicing, mps\)"):
        groups(f"{run}:sharing=mig")


def test_two_conditions_are_paired_by_block(run: Path) -> None:
    """The same draws on one board: a ratio of slowdowns, for each limit that both have."""
    words = [f"{run}:sharing=time_slicing", "vs", f"{run}:sharing=mps"]
    for group in groups(words[0], *words[1:]):
        assert (group["paired"], group["unmatched"]) == (True, 0)
        slowdown = rows(group)["slowdown"]
        assert slowdown["units"] == len(BLOCKS)
        assert slowdown["estimate"] == pytest.approx(1.235 / 1.835, rel=0.001)
    assert len(groups(words[0], *words[1:])) == 2


def test_words_that_a_person_understands(run: Path) -> None:
    shown, _ = text_of_compare([str(run)], by="sharing", columns=100)
    assert "levels of sharing beside digits/wide" in shown
    lines = [line.split()[:2] for line in shown.splitlines()]
    assert ["MPS", "6"] in lines and ["time", "slicing"] in lines
    shown, _ = text_of_compare([str(run)], by="power_limit_watts")
    assert "300 W: 6 pairs" in shown
    cells, _ = text_of_compare([str(run)])
    assert "MPS, 300 W" in cells
    words = [f"{run}:sharing=time_slicing", "vs", f"{run}:sharing=mps"]
    two, _ = text_of_compare(words)
    assert "(time slicing, 300 W)" in two and "(MPS, 300 W)" in two
