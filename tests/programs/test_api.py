"""`import tandem`: runs as Python objects, from files alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import tandem
from support import ROOT, records
from support.records import write_run
from tandem.base.errors import UsageError
from tandem.results.tables.kinds import KINDS


@pytest.fixture
def run(tmp_path: Path) -> Path:
    alone = records.record(experiment_id="b", mode="default", background=None)
    first = records.record(experiment_id="a"), records.interference()
    return write_run(tmp_path / "run_1", first, alone)


def python(code: str, *arguments: object, lib: Path = ROOT / "lib") -> Any:
    """Run Python in a process of its own; return what it prints as JSON."""
    environment = {**os.environ, "PYTHONPATH": str(lib)}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_has_the_rows_of_its_tables(run: Path) -> None:
    opened = tandem.open(run)
    assert [row["experiment"] for row in opened.experiments] == ["a", "b"]
    assert {row["window"] for row in opened.windows} == {"foreground"}
    assert {row["experiment"] for row in opened.rounds} == {"a"}
    assert opened.epochs
    assert opened.samples("a") == []
    assert opened.experiments is opened.experiments
    assert opened.paths == [run]
    assert opened.schema("rounds")["primaryKey"] == [*KINDS["rounds"].key]


def test_several_runs_and_what_was_passed_over(run: Path, tmp_path: Path) -> None:
    other = write_run(tmp_path / "run_2", records.record(experiment_id="c"))
    (tmp_path / "empty").mkdir()
    (other / "c" / "experiment.json").write_text("{")
    opened = tandem.open(run, str(other), tmp_path / "empty")
    rows = [(row["run"], row["experiment"], row["standing"]) for row in opened.experiments]
    assert rows == [("run_1", "a", "valid"), ("run_1", "b", "valid"), ("run_2", "c", "damaged")]
    assert len(opened.problems) == 2


def test_what_is_no_run_no_table_and_no_experiment(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        tandem.open(tmp_path / "absent")
    with pytest.raises(UsageError, match="which run"):
        tandem.open()
    with pytest.raises(UsageError, match=r'no table "window" \(did you mean "windows"\?\)'):
        tandem.open(run).frame("window")
    with pytest.raises(UsageError, match=r'no experiment "x"'):
        tandem.open(run).samples("x")


def test_compare_is_what_the_command_prints(run: Path) -> None:
    from tandem.report.compare.text import text_of_compare

    text, _ = text_of_compare([str(run)], None, 0.02, "json")
    found = tandem.open(run).compare(margin=0.02)
    assert found == json.loads(text)
    assert found["groups"]
    assert tandem.open(run).compare(by="background")["by"] == "background"


def test_only_files_are_read_and_nothing_heavy_is_imported(run: Path) -> None:
    code = """
import json, sys
import tandem
at_import = [name for name in sys.modules if name.startswith("tandem.")]
run = tandem.open(sys.argv[1])
rows = run.experiments, run.windows, run.rounds, run.epochs, run.samples(), run.compare()
print(json.dumps([at_import, sorted(sys.modules), list(map(len, rows))]))
"""
    at_import, loaded, lengths = python(code, run)
    assert at_import == []
    heavy = {"sh", "pynvml", "jsonschema", "pandas", "numpy", "tandem.run"}
    assert not heavy & {*loaded}
    assert all(lengths[:4])


def test_without_pandas_a_frame_says_what_to_do(run: Path) -> None:
    code = """
import json, sys
sys.modules["pandas"] = None
import tandem
try:
    tandem.open(sys.argv[1]).frame("windows")
except ModuleNotFoundError as error:
    print(json.dumps(str(error)))
"""
    assert "needs pandas (pip install pandas)" in python(code, run)


@pytest.mark.long
@pytest.mark.parametrize("kind", KINDS)
def test_a_frame_has_a_type_for_each_column(run: Path, kind: str) -> None:
    pandas = pytest.importorskip("pandas")
    opened = tandem.open(run)
    frame = opened.frame(kind)
    fields = opened.schema(kind)["fields"]
    assert list(frame.columns) == [field["name"] for field in fields]
    expected = {"integer": "Int64", "boolean": "boolean", "number": "float64"}
    for field in fields:
        dtype = str(frame[field["name"]].dtype)
        if field["type"] == "datetime":
            assert dtype.startswith("datetime64[")
            assert dtype.endswith("UTC]")
        else:
            assert dtype == expected.get(field["type"], dtype)
    if kind == "experiments":
        [row] = opened.frame(kind, "a").to_dict("records")
        first = opened.experiments[0]
        assert row["duration_seconds"] == first["duration_seconds"]
        assert row["start_utc"] == pandas.Timestamp(first["start_utc"])


def test_opening_reads_no_plan_and_no_record(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A plan of ten thousand experiments takes half a second."""

    def refuse(*_: Any) -> Any:
        raise AssertionError("read")

    (run / "plan.json").write_text("{")
    with monkeypatch.context() as broken:
        for name in ("standing_plan", "read_record_and_digest"):
            broken.setattr(f"tandem.results.reading.{name}", refuse)
        opened = tandem.open(run)
    assert len(opened.experiments) == 2
    [problem] = opened.problems
    assert "plan.json" in problem
