"""docs/data.md says every column that there is, and its code runs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from support import ROOT
from support.compared import designed
from support.records import write_run
from tandem.plan.model import Plan
from tandem.results.columns import always_there, columns_of
from tandem.results.tables.kinds import KINDS
from tandem.results.tables.table import schema_of

DATA = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")


def part(title: str) -> str:
    """Return what stands below a heading."""
    return re.split(r"^##+ .*\n", DATA.split(f"# {title}\n", 1)[1], maxsplit=1, flags=re.M)[0]


def code(title: str, language: str) -> str:
    return part(title).split(f"```{language}\n", 1)[1].split("```", 1)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_every_column_of_a_table_is_described_as_its_schema_does(kind: str) -> None:
    table = KINDS[kind]
    schema = schema_of(table, table.columns)
    rows = [line.strip("| ").split(" | ") for line in part(kind).splitlines() if "`" in line]
    described = [cells for cells in rows if len(cells) > 3]
    assert described == [
        [f"`{each['name']}`", each["type"], each.get("unit", ""), each["description"]]
        for each in schema["fields"]
    ]
    key = ", ".join(f"`{name}`" for name in table.key)
    assert f"{table.description} Key: {key}." in part(kind)


def test_the_columns_of_summary_csv_are_named_in_their_order() -> None:
    paragraphs = part("summary.csv").split("\n\n")
    lists = [re.findall(r"`(\w+)`", it) for it in paragraphs if it.startswith("`")]
    old, always, rest = lists
    columns = columns_of(Plan("p", None, Path(), Path(), 1, ()))
    first = columns[: columns.index("status")]
    own = columns[len(first) :]
    assert [name for name in old if not name.endswith("_NAME")] == first
    assert always == [name for name in own if always_there(name)]
    assert rest == [name for name in own if not always_there(name)]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a run of two cells, the latest one, of seven and of two pairs."""
    values = {1: [1.2, 1.22, 1.21, 1.25, 1.19, 1.23, 1.2], 2: [1.5, 1.6]}
    pairs = [
        designed(1, load, block, value)
        for load, found in values.items()
        for block, value in enumerate(found, 1)
    ]
    for minute, (record, _) in enumerate(pairs, 10):
        for window in record["windows"]:
            window["started"] = f"2026-01-31T12:{minute}:00+00:00"
    write_run(tmp_path / "results" / "run_1", *pairs)
    (tmp_path / "results" / "latest").symlink_to("run_1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.long
def test_its_python_runs(project: Path) -> None:
    pytest.importorskip("pandas")
    text = code("From Python", "python").replace('"samples", "ID"', '"samples"')
    found: dict[str, Any] = {}
    exec(compile(text, "data.md", "exec"), found)
    assert len(found["valid"]) == 9


@pytest.mark.long
def test_its_plot_shows_every_pair_and_the_interval(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    found: dict[str, Any] = {}
    exec(compile(code("The report's main plot", "python"), "data.md", "exec"), found)
    lines = found["axes"].get_lines()
    dots = [list(line.get_xdata()) for line in lines if line.get_marker() == "o"]
    assert sorted(map(len, dots)) == [2, 7]
    assert [1.5, 1.6] in dots
    estimates = [line for line in lines if line.get_marker() == "D"]
    intervals = [line for line in lines if line.get_color() == "black" and line not in estimates]
    assert (len(estimates), len(intervals)) == (2, 1)
    low, high = intervals[0].get_xdata()
    assert low < 1.21 < high
    assert (project / "slowdown.png").read_bytes().startswith(b"\x89PNG")
    assert os.path.getsize(project / "slowdown.png") > 10_000
