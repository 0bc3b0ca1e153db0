"""tandem table, as it is typed: rows on stdout or in a file, what was passed over on stderr."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import records
from support.records import write_run
from support.stage import DEADLINE_S
from tandem.base.paths import ROOT

TABLE = [sys.executable, str(ROOT / "driver.py"), "table"]


def table(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*TABLE, *words],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a whole run, a run with a damaged record, and an empty folder."""
    write_run(tmp_path / "run_1", records.record(experiment_id="a"))
    write_run(tmp_path / "run_2", *(records.record(experiment_id=name) for name in "bc"))
    (tmp_path / "run_2" / "b" / "experiment.json").write_text("{")
    (tmp_path / "run_3").mkdir()
    return tmp_path


def test_rows_go_to_stdout_and_problems_to_stderr(here: Path) -> None:
    done = table("run_1", "run_2", "run_3", "--kind", "windows", folder=here)
    rows = list(csv.DictReader(done.stdout.splitlines()))
    assert [(row["run"], row["experiment"]) for row in rows] == [("run_1", "a"), ("run_2", "c")]
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("tandem: passed over: ") for line in lines)
    assert "run_3: no run" in lines[0]
    assert "run_2/b/experiment.json: not JSON" in lines[1]


def test_all_that_can_be_read_is_exit_code_0_and_says_nothing(here: Path) -> None:
    done = table("run_1", "--format", "json", folder=here)
    assert (done.returncode, done.stderr) == (0, "")
    [row] = json.loads(done.stdout)
    assert (row["experiment"], row["standing"]) == ("a", "valid")


def test_a_file_gets_the_schema_beside_it_and_stdout_nothing(here: Path) -> None:
    done = table("run_1", "--kind", "rounds", "-o", "x.csv", folder=here)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    fields = json.loads((here / "x.schema.json").read_text())["fields"]
    header = (here / "x.csv").read_text().splitlines()[0].split(",")
    assert header == [field["name"] for field in fields]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "which run?"),
        (("absent",), "absent"),
        (("run_3",), "no run, it has neither plan.json nor a record"),
        (("run_1", "--kind", "window"), "window"),
        (("run_1", "--experiment", "b"), 'no experiment "b"'),
        (("run_1", "-o", "."), "no regular file"),
    ],
)
def test_what_is_wrong_is_told_in_words(here: Path, words: tuple[str, ...], says: str) -> None:
    done = table(*words, folder=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_place_that_cannot_be_written_is_told_in_words(here: Path) -> None:
    done = table("run_1", "-o", "no/such/folder/x.csv", folder=here)
    assert (done.returncode, done.stdout) == (3, "")
    assert "x.csv: cannot be written: No such file or directory" in done.stderr


def test_whoever_has_read_enough_is_no_error(here: Path) -> None:
    with subprocess.Popen(
        [*TABLE, "run_1", "--kind", "epochs"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=here,
    ) as done:
        assert done.stdout
        assert done.stderr
        done.stdout.close()
        assert done.stderr.read() == ""
    assert done.returncode == 0
