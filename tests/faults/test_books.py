"""A run that several processes have worked on, one after the other, in all ways that there are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from support import ROOT
from support.planned_run import planned_run, worker_command
from support.stage import Stage, wait_for
from tandem.experiment.verify import verify_run

NAMES = [f"front_default_{number:03}" for number in (1, 2, 3)]


def tandem(stage: Stage, *words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "driver.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def work(stage: Stage, run: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = worker_command(stage, run, *options)
    return subprocess.run(command, capture_output=True, text=True, check=False)


def resume(stage: Stage, run: Path) -> subprocess.CompletedProcess[str]:
    return tandem(stage, "run", "--resume", run, "--no-report", "--proc", stage.folder / "no_proc")


def rows(run: Path) -> list[str]:
    lines = (run / "summary.csv").read_text().splitlines()
    return [line.split(",")[0] for line in lines[1:]]


@pytest.mark.long
def test_workers_go_on_with_a_run_that_was_killed(stage: Stage) -> None:
    """What ended in it stands as it is, and what was cut off there is kept beside."""
    go, seen = stage.folder / "go", stage.folder / "seen"
    front = f"echo >>{seen}; [[ $(wc -l <{seen}) != 2 || -e {go} ]] || sleep 100"
    stage.build(f"{front}; echo Test Accuracy: 60", None, runs_per_config=3, cooldown_seconds=0)
    driver = stage.start(stage.command())
    wait_for("the second runs", lambda: seen.exists() and seen.read_text().count("\n") == 2)
    [run] = stage.folder.glob("results/run_*")
    beside = work(stage, run)
    assert (beside.returncode, "another process works on" in beside.stderr) == (75, True)
    driver.kill()
    driver.wait()
    go.touch()
    done = work(stage, run)
    assert done.returncode == 0, done.stderr
    assert [(run / name).is_symlink() for name in NAMES] == [False, True, True]
    assert (run / "cut_off" / f"{NAMES[1]}.1" / "fg_run.sh").exists()
    assert rows(run) == NAMES
    assert verify_run(run).differences == []
    assert seen.read_text().count("\n") == 4


@pytest.mark.long
def test_resume_of_a_run_of_workers_is_one_of_them(stage: Stage) -> None:
    stage.build("echo Test Accuracy: 60", None, runs_per_config=3, cooldown_seconds=0)
    run = planned_run(stage)
    assert work(stage, run, "--max-groups", "1").returncode == 1
    assert rows(run) == NAMES[:1]
    done = resume(stage, run)
    assert done.returncode == 0, done.stderr
    assert {(run / name).readlink().name for name in NAMES} == set(NAMES)
    assert len({(run / name).readlink().parent for name in NAMES}) == 2
    assert not (run / "journal.jsonl").exists()
    before = (run / "summary.csv").read_bytes()
    (run / "summary.csv").unlink()
    made = tandem(stage, "record", run)
    assert made.stdout == f"{run}: 3 records, 0 experiments still to run\n"
    assert (run / "summary.csv").read_bytes() == before
    assert tandem(stage, "verify", run).returncode == 0
    assert len(list((run / "workers").iterdir())) == 2, "record leaves nothing behind"
    assert "nothing is missing" in resume(stage, run).stderr
    copy = stage.folder / "copy"
    assert tandem(stage, "record", run, "--to", copy).returncode == 0
    for name in NAMES:
        own = (run / name / "experiment.json").read_bytes()
        assert (copy / name / "experiment.json").read_bytes() == own
        assert json.loads(own)["worker"] == (run / name).readlink().parent.name
    assert (copy / "summary.csv").read_bytes() == before


@pytest.mark.long
def test_a_damaged_record_is_named_and_its_experiment_runs_again(stage: Stage) -> None:
    stage.build("echo Test Accuracy: 60", None, runs_per_config=3, cooldown_seconds=0)
    run = planned_run(stage)
    assert work(stage, run).returncode == 0
    lost = (run / NAMES[0]).resolve()
    lost.rename(stage.folder / "lost")
    made = run / NAMES[1] / "experiment.json"
    text = made.read_bytes()
    made.write_bytes(text[:2000])
    for command in (
        ("status", run, "--ended", "9"),
        ("verify", run),
        ("show", NAMES[0], "--run", run),
    ):
        assert NAMES[0] in tandem(stage, *command).stdout
    assert "damaged" in tandem(stage, "show", NAMES[0], "--run", run).stdout
    done = work(stage, run)
    assert done.returncode == 0, done.stderr
    assert f"{NAMES[0]} will run again: its record is missing or damaged" in done.stderr
    assert f"{NAMES[1]} had ended: made its experiment.json from its files" in done.stderr
    assert made.read_bytes() == text, "made from its files, the same to the byte"
    assert (run / NAMES[0]).resolve() != lost
    assert verify_run(run).differences == []
    assert rows(run) == NAMES
