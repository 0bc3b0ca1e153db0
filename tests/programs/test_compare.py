"""driver.py compare, as it is typed: its forms on stdout, remarks and mistakes on stderr."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest
from support.compared import design, parallel
from support.records import write_run
from support.stage import DEADLINE_S
from tandem.base.paths import ROOT


def compare(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(ROOT / "driver.py"), "compare", *words],
        capture_output=True,
        text=True,
        cwd=folder,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder with a run of two loads in seven blocks, one that is empty, and one not valid."""
    write_run(tmp_path / "run", *design([1], [1, 2], range(1, 8)))
    write_run(tmp_path / "bad", parallel(1, valid=False, invalid_reasons=["coverage 10%"]))
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_two_loads_against_each_other(here: Path) -> None:
    done = compare("run:b1", "vs", "run:b2", "--equivalent", "2%", folder=here)
    assert (done.returncode, done.stderr) == (0, "")
    sides = "\nA: run:b1 (intensity=0.25)\nB: run:b2 (intensity=0.5)\n"
    assert f"{sides}paired by block\n" in done.stdout
    assert "\nslowdown: more than 2 % (Holm p " in done.stdout


def test_what_is_passed_over_is_named_where_the_form_has_no_place_for_it(here: Path) -> None:
    done = compare("run", "bad", "empty", "--by", "background", "--format", "csv", folder=here)
    assert done.returncode == 0
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert {(row["level"], row["units"]) for row in rows if row["measure"] == "1"} == {
        *(("1", "7"), ("2", "7"))
    }
    assert done.stderr.splitlines() == [
        "tandem: left out: 1 not valid: coverage 10%",
        "tandem: left out: empty: holds no records: none has ended, or it is no run (name another)",
    ]
    done = compare("run", "bad", "empty", "--format", "json", folder=here)
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert found["left_out"] == {"not valid: coverage 10%": 1}
    assert len(found["damaged"]) == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["empty"], "empty: holds no records"),
        (["nowhere"], "nowhere: no such folder"),
        (["run:b7"], "run:b7: no valid pair has background=7 (known: 1, 2)"),
        (["run", "--by", "intensty"], '"intensty" is no factor (did you mean "intensity"?)'),
        (["run", "vs"], "vs stands once, between what is compared"),
        (["run", "--equivalent", "2"], 'percent, such as 2%, not "2"'),
    ],
)
def test_a_mistake_comes_first(here: Path, words: list[str], problem: str) -> None:
    done = compare(*words, folder=here)
    assert (done.returncode, done.stdout) == (2, "")
    assert problem in done.stderr.splitlines()[0]
