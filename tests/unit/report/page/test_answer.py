"""The section Answer: the figures of compare, drawn."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from xml.etree.ElementTree import Element

import pytest
from support import compared, records
from tandem.interference.compare.comparison import comparison
from tandem.report.page.compared import Compared
from tandem.report.page.markup import element
from tandem.report.page.runs import reported
from tandem.report.page.sections.answer import Answer


def answer(*runs: Path) -> Element:
    readings = reported(runs)
    section = Answer(Compared(readings))
    for run in readings:
        for experiment in run.experiments():
            section.note(run, experiment)
    return element("section", *section.contents())


def text(found: Element) -> str:
    return " ".join("".join(found.itertext()).split())


def figure(found: Element, key: str) -> Element:
    (one,) = (each for each in found.iter("figure") if each.get("id") == key)
    return one


def table(found: Element, key: str) -> list[dict[str, str]]:
    links = [each for each in figure(found, key).iter("a") if each.text == "data as CSV"]
    data = unquote(links[0].attrib["href"].partition(",")[2])
    return list(csv.DictReader(io.StringIO(data)))


def of_compare(*runs: Path, **options: Any) -> list[dict[str, Any]]:
    found = comparison([str(run) for run in runs], **options)
    return json.loads(json.dumps(found))["groups"]  # type: ignore[no-any-return]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return records.write_run(tmp_path / "run_1", *compared.design((1, 2), (1, 2), range(1, 8)))


@pytest.mark.parametrize("name", ["slowdown", "energy_ratio", "foreground_energy_low_joules"])
def test_the_data_are_those_of_compare(run: Path, name: str) -> None:
    shown = table(answer(run), f"answer-{name}")
    groups = of_compare(run)
    assert len(shown) == len(groups) == 4
    for line, group in zip(shown, groups, strict=True):
        (row,) = (each for each in group["rows"] if each["figure"] == name)
        assert [float(line[key]) for key in ("estimate", "low", "high")] == [
            row[key] for key in ("estimate", "low", "high")
        ]
        values = line["values_of_units"].strip("[]").split()
        assert [float(value) for value in values] == row["values"]


def test_every_pair_is_a_dot_and_every_row_has_the_sentence_of_compare(run: Path) -> None:
    forest = figure(answer(run), "answer-slowdown")
    dots = [
        each.attrib["d"].count("M") for each in forest.iter("path") if each.get("class") == "dots"
    ]
    assert dots == [7, 7, 7, 7]
    assert "above 1 (Holm p" in text(forest)


def test_below_six_pairs_there_are_all_values_and_no_verdict(tmp_path: Path) -> None:
    run = records.write_run(tmp_path / "run_1", *compared.design((1,), (1,), range(1, 6)))
    forest = figure(answer(run), "answer-slowdown")
    assert "1.12, 1.13, 1.14, 1.15, 1.16" in text(forest)
    assert "Holm" not in text(forest) and "95 %" not in text(forest)


def test_runs_are_put_together(tmp_path: Path) -> None:
    runs = [
        records.write_run(tmp_path / name, *compared.design((1,), (1,), blocks))
        for name, blocks in (("run_1", range(1, 4)), ("run_2", range(4, 8)))
    ]
    (line,) = table(answer(*runs), "answer-slowdown")
    assert float(line["low"]) == of_compare(*runs)[0]["rows"][0]["low"]


def test_records_of_an_earlier_version_are_compared_as_compare_does(tmp_path: Path) -> None:
    pairs: list[Any] = [*compared.design((1, 2), (1,), range(1, 5))]
    for record, _ in pairs:
        record["record_version"] = 4
        for name in ("place", "group"):
            del record[name]
    run = records.write_run(tmp_path / "run_1", *pairs)
    shown = [float(line["estimate"]) for line in table(answer(run), "answer-slowdown")]
    assert shown == [group["rows"][0]["estimate"] for group in of_compare(run)]


def test_a_damaged_record_is_named_and_the_folder_is_not(run: Path) -> None:
    file = next(run.glob("*/experiment.json"))
    file.write_text("{")
    shown = text(answer(run))
    assert f"run_1/{file.parent.name}/experiment.json: not JSON" in shown
    assert str(run) not in shown


def test_the_heat_map_has_the_estimate_of_every_cell(run: Path) -> None:
    heat = figure(answer(run), "heat-slowdown")
    shown = ["".join(each.itertext()).split()[-1] for each in heat.iter("td")]
    estimates = [group["rows"][0]["estimate"] for group in of_compare(run)]
    assert sorted(map(float, shown)) == sorted(float(f"{each:.4g}") for each in estimates)


def test_a_figure_that_nobody_has_says_why(tmp_path: Path) -> None:
    pairs = list(compared.design((1,), (1, 2), (1, 2)))
    for _, interference in pairs:
        interference["figures"]["energy_ratio"] = compared.figure(None, None, "no GPU was measured")
    found = answer(records.write_run(tmp_path / "run_1", *pairs))
    assert "no value: no GPU was measured" in text(figure(found, "answer-energy_ratio"))
    assert not [each for each in found.iter("figure") if each.get("id") == "heat-energy_ratio"]


@pytest.mark.parametrize("is_single", [True, False])
def test_without_pairs_it_says_so(tmp_path: Path, is_single: bool) -> None:
    if is_single:
        made = records.record(mode="default", background=None, twin=None)
    else:
        made = records.record(valid=False, invalid_reasons=["coverage 10% is below 95%"])
    found = answer(records.write_run(tmp_path / "run_1", made))
    assert "No parallel record that can be compared" in text(found)


def test_doses_are_those_of_compare(run: Path) -> None:
    shown = table(answer(run), "dose-1")
    found = comparison([str(run)])["over_intensity"]
    rows = [
        (group["level"], row["figure"], row["estimate"], row["low"])
        for group in found
        for row in group["rows"]
    ]
    lines = [
        (
            line["level"],
            line["figure"],
            float(line["estimate"]),
            float(line["low"]) if line["low"] else None,
        )
        for line in shown
    ]
    assert sorted(lines, key=str) == sorted(rows, key=str)


@pytest.mark.parametrize("factor", ["background", "dropout"])
def test_levels_are_those_of_compare(run: Path, factor: str) -> None:
    shown = table(answer(run), f"by-{factor}-slowdown")
    groups = of_compare(run, by=factor)
    assert [(line["level"], float(line["estimate"])) for line in shown] == [
        (group["level"], group["rows"][0]["estimate"]) for group in groups
    ]


def test_every_figure_has_a_command_and_a_name_of_its_own(run: Path) -> None:
    figures = [*answer(run).iter("figure")]
    names = [each.get("id") for each in figures]
    assert len(set(names)) == len(names) > 15
    assert all("tandem " in "".join(each.itertext()) for each in figures)
    ids = [each.get("id") for each in answer(run).iter() if each.get("id")]
    assert len(ids) == len(set(ids))


def test_many_cells_stay_readable(tmp_path: Path) -> None:
    pairs: list[Any] = [*compared.design(range(1, 45), (1, 2), (1,))]
    for record, _ in pairs:
        records.put(record, hyperparameters={"epochs": record["place"]["config"]}, mutated=[])
    found = figure(answer(records.write_run(tmp_path / "run_1", *pairs)), "answer-slowdown")
    assert [len(body) for body in found.iter("tbody")] == [40, 48]
    assert "The other 48 rows" in text(found)


def test_single_trainings_are_dots_of_their_durations(tmp_path: Path) -> None:
    made = [
        records.record(
            **{"experiment_id": f"single_{at}", "mode": "default", "background": None},
            **{"twin": None, "duration_seconds": 10.0 + at},
        )
        for at in range(3)
    ]
    found = answer(records.write_run(tmp_path / "run_1", *made))
    dots = [each.attrib["d"] for each in found.iter("path") if each.get("class") == "dots"]
    assert [path.count("M") for path in dots] == [3]
    assert "No parallel record that can be compared" in text(found)


def test_one_pair_shows_how_sure_its_clocks_are(tmp_path: Path) -> None:
    run = records.write_run(tmp_path / "run_1", compared.designed(1, 1, 1))
    assert "± 0.01 by its clocks" in text(figure(answer(run), "answer-slowdown"))
    assert "± 0.01 by its sensors" in text(figure(answer(run), "answer-energy_ratio"))
