"""Whatever is killed, and whenever: nothing that is finished is lost, or run twice."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from random import Random

import pytest
from support import ROOT
from support.stage import DEADLINE_S, Stage
from support.sweep import Sweep, until_killed
from tandem.experiment.verify import verify_run
from tandem.results.record_file import is_there
from tandem.run.again import record_in_place

KILLER = ROOT / "tests" / "support" / "killer.py"
FRONT = "echo >>starts; echo Test Accuracy: 50; sleep 0.1"  # it counts its own starts
CONTROLS = {"solo": True, "order": "parallel_first"}
END_TO_LINE = {"KILL_BETWEEN": "outcome_of add_ended"}  # from an experiment's end to its last line


SEED = os.environ.get("TANDEM_TEST_SEED", "1")


@pytest.mark.parametrize(
    ("count", "kills"),
    [
        pytest.param(8, 8, marks=pytest.mark.long),
        pytest.param(20, 60, marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
    ],
)
def test_a_sweep_that_is_killed_again_and_again(stage: Stage, count: int, kills: int) -> None:
    """As often as it was asked for, unless all was done before: a busy machine is slow to start."""
    sweep = Sweep(stage, count, Random(SEED))
    sweep.build()
    until_killed(sweep, kills, 1.8)
    assert sweep.kills
    found = sweep.sum()
    assert 0 < found.pop("cut off and kept") <= kills
    assert found.pop("processes") == 0
    assert set(found.values()) == {count}, found


@dataclass(frozen=True)
class Line:
    """A line of the killer's list, and what the run's files are like before it."""

    name: str
    state: str


def new_sweep(folder: Path) -> Sweep:
    """Return one of a parallel experiment and its control, in a folder of its own."""
    folder.mkdir()
    sweep = Sweep(Stage(folder), 1, Random(1))
    sweep.build(FRONT, controls=CONTROLS)
    return sweep


def run_killer(stage: Stage, **variables: str) -> None:
    done = subprocess.run(
        [sys.executable, str(KILLER), *stage.command()[2:]],
        env={**stage.environment, **variables},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == (-9 if "KILL_AT" in variables else 0), (variables, done.stderr)


def lines_of(folder: Path, **variables: str) -> list[Line]:
    """Return the lines at which a sweep can be killed, in their order."""
    sweep, listed = new_sweep(folder), folder / "lines"
    try:
        run_killer(sweep.stage, KILL_LIST=str(listed), **variables)
    finally:
        sweep.stage.clean_up()
    return [Line(*line.split("\t")) for line in listed.read_text().splitlines()]


def check_whole(sweep: Sweep, line: str, most_cut_off: int) -> None:
    """Check that each of the two is there once, and says what its files say."""
    found = sweep.sum()
    assert found.pop("experiments") == 1
    assert found.pop("processes") == 0
    assert found.pop("cut off and kept") <= most_cut_off, line
    assert set(found.values()) == {2}, (line, found)
    assert verify_run(sweep.folder).differences == [], line
    assert not [*sweep.folder.glob(".*.tmp"), *sweep.folder.glob("*/.*.tmp")], line


@pytest.mark.parametrize(
    "trials",
    [
        pytest.param(9, marks=pytest.mark.long),
        pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(3000)]),
    ],
)
def test_killed_at_any_line_that_writes(tmp_path: Path, trials: int) -> None:
    """A random instant hardly ever lies in the milliseconds in which a run's files are written."""
    lines = lines_of(tmp_path / "list")
    random = Random(SEED)
    for trial in range(trials):
        sweep = new_sweep(tmp_path / str(trial))
        line = random.choice(lines[len(lines) // 3 :])  # by then there is a plan
        try:
            run_killer(sweep.stage, KILL_AT=line.name)
            sweep.run_to_end()
            check_whole(sweep, line.name, 1)
        finally:
            sweep.stage.clean_up()


def kill_and_go_on(folder: Path, line: str) -> None:
    """Kill between an experiment's end and its last line; nothing is lost, nothing runs twice."""
    sweep = new_sweep(folder)
    try:
        run_killer(sweep.stage, KILL_AT=line, **END_TO_LINE)
        begun = {path.parent.name for path in sweep.folder.glob("*/attempts")}
        over = {path.parent.name for path in sweep.folder.glob("*/outcome.json")}
        whole = {name for name in begun if is_there(name, sweep.folder)}
        records = {name: (sweep.folder / name / "experiment.json").read_bytes() for name in whole}
        assert len(begun - over) <= 1
        check_completed_by_hand(sweep.folder, over, line)
        sweep.run_to_end()
        starts = (folder / "repos/front/starts").read_text()
        assert starts.count("\n") == 2 + len(begun - over), line  # one without an outcome has not
        for name, record in records.items():
            assert (sweep.folder / name / "experiment.json").read_bytes() == record, line
        check_whole(sweep, line, len(begun - over))
    finally:
        sweep.stage.clean_up()


def check_completed_by_hand(run: Path, over: set[str], line: str) -> None:
    """Check that `driver.py record` completes a copy of a run that was killed."""
    copy = run.with_name("copy")
    shutil.copytree(run, copy, symlinks=True)
    said: list[str] = []
    record_in_place(copy, said.append)
    left = 2 - len(over)
    assert said[-1] == f"{copy}: {len(over)} records, {left} experiments still to run", line
    assert {name for name in over if is_there(name, copy)} == over, line
    assert verify_run(copy).differences == [], line
    shutil.rmtree(copy)


@pytest.mark.long
@pytest.mark.timeout(400)
def test_killed_at_every_line_between_the_end_and_the_record(tmp_path: Path) -> None:
    """Of lines before which the run's files are the same, at the first: the others leave the same.

    All of them are for the soak tests.
    """
    lines = lines_of(tmp_path / "list", **END_TO_LINE)
    firsts = [next(same).name for _, same in groupby(lines, key=lambda line: line.state)]
    print(f"{len(firsts)} states of the files at {len(lines)} lines")
    assert len(firsts) > 10
    kill_at_each(tmp_path, firsts)


@pytest.mark.soak
@pytest.mark.timeout(7200)
def test_killed_at_each_single_line_between_the_end_and_the_record(tmp_path: Path) -> None:
    kill_at_each(tmp_path, [line.name for line in lines_of(tmp_path / "list", **END_TO_LINE)])


def kill_at_each(folder: Path, lines: list[str]) -> None:
    with ThreadPoolExecutor(4) as pool:
        places = [folder / str(number) for number in range(len(lines))]
        for _ in pool.map(kill_and_go_on, places, lines):
            pass
