"""The table of all experiments, and which of them are opened up."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from support.records import interference, of, record, write_run
from support.reports import noted, text_of
from tandem.report.page import experiment_table
from tandem.report.page.experiment_table import Line, line_of, table_of
from tandem.report.page.markup import Content, append, element, html_of
from tandem.report.page.runs import reported
from tandem.report.page.sections.experiments import Experiments, chosen_of
from tandem.results.record import Record
from tandem.results.record_pair import Figure


def made(number: int, **values: Any) -> Record:
    name = f"a_{number:02d}"
    when = f"2026-01-31T12:{number:02d}:00.000000+00:00"
    usual = {"hyperparameters": {"epochs": 20, "lr": number / 10}, "timestamp": when}
    return record(experiment_id=name, group=name, twin=None, **(usual | values))


def lines_of(run: Path) -> list[Line]:
    [whole] = reported([run])
    return [line_of(whole, each, has_run=False) for each in whole.experiments()]


def html(contents: list[Content]) -> str:
    box = element("div")
    append(box, *contents)
    return html_of(box)


def rows(page: str) -> list[list[str]]:
    return [
        [re.sub("<[^>]*>", "", cell) for cell in re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row)]
        for row in re.findall("<tr>(.*?)</tr>", page)
    ]


def test_a_row_has_what_varies_and_what_all_share_stands_above(tmp_path: Path) -> None:
    no_joules = {"energy_metrics": None}
    slower = {"slowdown": of(Figure, value=1.25)}
    run = write_run(
        tmp_path / "run",
        (made(1, **no_joules), interference(experiment_id="a_01", figures=slower)),
        made(2, valid=False, invalid_reasons=["too hot", "too wet"], **no_joules),
    )
    page = html(table_of(lines_of(run), {}))
    titles, first, second = rows(page)
    assert "Values" in titles and "GPU, J" not in titles and "Foreground" not in titles
    assert first[titles.index("Values")] == "lr=0.1"
    assert second[titles.index("Standing")] == "✗ not valid"
    assert second[titles.index("Why not valid")] == "too hot; too wet"
    assert second[titles.index("Slowdown")] == first[titles.index("Why not valid")] == "\u2013"
    assert first[titles.index("Slowdown")] == "1.250"
    above = page[: page.index("<table")]
    assert "The same in all rows: Foreground " in above
    assert "Columns without any value are left out: GPU, J." in above
    assert "2 experiments" in above


def test_links_lead_to_the_files_that_are_there(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made(1), made(2))
    (run / "a_01" / "energy").mkdir()
    page = html(table_of(lines_of(run), {}))
    assert re.findall(r'href="([^"]*)"', page) == [
        *("a_01/experiment.json", "a_01/energy/", "a_02/experiment.json")
    ]


def test_the_worst_are_not_valid_then_of_low_coverage_then_warned_of(tmp_path: Path) -> None:
    run = write_run(
        tmp_path / "run",
        made(1, **{"background.coverage": 0.99}),
        made(2, **{"background.coverage": 0.99}, warnings=["one"]),
        made(3, **{"background.coverage": 0.97}),
        made(4, valid=False, **{"background.coverage": 1.0}),
        made(5),
    )
    (run / "a_05" / "experiment.json").write_text("{")
    lines = lines_of(run)
    assert [line.id for line in chosen_of(lines, 9)] == ["a_04", "a_05", "a_03", "a_02", "a_01"]
    assert [line.id for line in chosen_of(lines, 2)] == ["a_04", "a_05", "a_03"]


def test_details_have_an_anchor_that_the_row_leads_to(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", made(1), made(2, valid=False))
    section = Experiments(reported([run]))
    [whole] = section.runs.values()
    for each in whole.experiments():
        section.note(whole, each)
    page = html(section.contents())
    assert re.findall(r'href="#([^"]*)"', page) == ["experiment-2", "experiment-1"]
    assert re.findall(r'<details id="([^"]*)"', page) == ["experiment-1", "experiment-2"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"experiment_id": "a_01"}'])
def test_a_damaged_experiment_has_a_row_and_details(tmp_path: Path, text: str) -> None:
    run = write_run(tmp_path / "run", made(1))
    (run / "a_01" / "experiment.json").write_text(text)
    (run / "a_01" / "training.log").write_text("</pre><script>boom</script>\n")
    said = noted(Experiments, run)
    assert "! damaged" in said and "experiment.json: " in said
    assert "</pre><script>boom</script>" in said
    assert str(tmp_path) not in said


def test_a_run_without_experiments_says_so(tmp_path: Path) -> None:
    assert text_of(Experiments(reported([tmp_path])).contents()) == "There is no experiment."


def test_of_many_experiments_a_row_is_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(experiment_table, "FEW", 1)
    long = {"valid": False, "invalid_reasons": ["r" * 1000]}
    run = write_run(tmp_path / "run", made(1, **long), made(2))
    (run / "a_01" / "energy").mkdir()
    page = html(table_of(lines_of(run), {}))
    row = re.findall("<tr>.*?</tr>", page)[1]
    assert len(row) < 400 and "energy" not in row and "r…" in row
    assert re.findall(r'href="([^"]*)"', row) == ["a_01/"]


def test_what_is_not_zero_never_looks_like_it(tmp_path: Path) -> None:
    short = {"duration_seconds": 0.04, "energy_metrics.gpu_energy_total_joules": 0.3}
    run = write_run(tmp_path / "run_1", made(1, **short), made(2, duration_seconds=0.0))
    cells = [line.cells for line in lines_of(run)]
    assert [cell["Duration, s"] for cell in cells] == ["0.04", "0.0"]
    assert cells[0]["GPU, J"] == "0.3"


def test_host_and_board_have_columns_where_there_are_several(tmp_path: Path) -> None:
    here = {"environment.hostname": "n1", "windows[0].gpus[0].uuid": "GPU-a0000000-1"}
    there = {"environment.hostname": "n2", "windows[0].gpus[0].uuid": "GPU-b0000000-2"}
    write_run(tmp_path / "one", made(1, **here), made(2, **here))
    write_run(tmp_path / "two", made(1, **here), made(2, **there))
    one, two = (html(table_of(lines_of(tmp_path / name), {})) for name in ("one", "two"))
    assert "Host" not in one
    assert "Board" not in one
    first, second = rows(two)[1:]
    assert {"n1", "GPU-a0000000"} <= {*first}
    assert {"n2", "GPU-b0000000"} <= {*second}
