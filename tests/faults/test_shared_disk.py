"""A worker whose run's disk is full, read-only or gone: it waits, and loses and invents nothing."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.planned_run import events_of, planned_run, worker_command
from support.records import flaws
from support.stage import Stage, wait_for
from tandem.experiment.verify import verify_run
from tandem.results.record_file import read_record
from tandem.results.state import read_state

NAME = "front_default_001"
FRONT = "echo Test Accuracy: 50; echo $$ >>{runs}; sleep 2; echo Test Accuracy: 60"


class Share:
    """A folder that stands for a shared disk, and what can happen to it."""

    def __init__(self, folder: Path, run: Path) -> None:
        self.folder, self.run = folder, run
        self.big, self.away = folder / "big", folder / "away"

    def break_it(self, how: str) -> None:
        if how == "full":
            with open(self.big, "wb", buffering=0) as file, pytest.raises(OSError):
                while True:
                    file.write(bytes(1 << 16))
        elif how == "read-only":
            mount("--bind", self.folder, self.folder)
            mount("-o", "remount,bind,ro", self.folder)
        else:
            self.run.rename(self.away)

    def mend(self, how: str) -> None:
        if how == "full":
            self.big.unlink()
        elif how == "read-only":
            subprocess.run(["umount", self.folder], check=True)
        else:
            self.away.rename(self.run)


def mount(*words: str | Path) -> None:
    subprocess.run(["mount", *words], check=True)


@pytest.fixture
def share(stage: Stage) -> Iterator[Path]:
    """A disk of its own, of 24 MiB; skipped where nothing may be mounted."""
    folder = stage.folder / "share"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tandem", str(folder)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a disk that can be full or read-only needs root, who may mount one")
    yield folder
    stage.clean_up()
    while os.path.ismount(folder):
        subprocess.run(["umount", folder], check=True)


def begun(stage: Stage) -> int:
    """Return how many times a foreground has begun."""
    file = stage.folder / "runs"
    return len(file.read_text().splitlines()) if file.exists() else 0


def phase(run: Path) -> str | None:
    """Return what the only worker of a run does, as its state says."""
    states = [read_state(worker) for worker in run.glob("workers/*")]
    return states[0].phase if states and states[0] else None


@pytest.mark.long
@pytest.mark.parametrize("how", ["full", "read-only", "gone"])
def test_what_ran_is_cut_off_and_runs_again(stage: Stage, share: Path, how: str) -> None:
    stage.build(FRONT.format(runs=stage.folder / "runs"), None)
    run = planned_run(stage, share)
    disk, log = Share(share, run), stage.folder / "log"
    with open(log, "w") as output:
        worker = stage.start(worker_command(stage, run), stdout=output)
    wait_for("the foreground works", lambda: begun(stage) == 1)
    disk.break_it(how)
    wait_for("it waits", lambda: "waiting up to" in log.read_text())
    assert not stage.trainings(), "nothing is measured meanwhile"
    disk.mend(how)
    assert worker.wait() == 0, log.read_text()
    said = log.read_text()
    assert said.count("waiting up to 10 min (--wait-disk)") == 1, said
    assert said.count("can be written again") == 1, said
    assert begun(stage) == 2
    [cut_off] = run.glob("workers/*/cut_off/*")
    assert read_record(cut_off)["status"] == "interrupted"
    record = read_record(run / NAME)
    assert record["valid"], record["invalid_reasons"]
    assert record["cut_off"] == [str(cut_off.relative_to(run))]
    assert not flaws(record) and not verify_run(run).differences
    assert not (run / NAME / "energy").is_symlink() and (run / NAME / "energy/cpu.csv").exists()
    assert not [*stage.folder.glob("near/*")], "nothing is left on this machine's own disk"
    ended = [each["experiment"] for each in events_of(run) if each["event"] == "ended"]
    assert ended == [NAME]


@pytest.mark.long
def test_a_training_that_fails_since_the_disk_is_full_has_not_failed(
    stage: Stage, share: Path
) -> None:
    """It ends with an error before anybody else has noticed."""
    runs, go = stage.folder / "runs", stage.folder / "go"
    wait = f"until [ -e {go} ]; do sleep 0.02; done"
    write = "for ((i = 0; i < 2000; i++)); do echo 'a line' || exit 9; done"
    stage.build(f"echo $$ >>{runs}; {wait}; {write}; echo Test Accuracy: 60", None, max_retries=2)
    run = planned_run(stage, share)
    disk, log = Share(share, run), stage.folder / "log"
    with open(log, "w") as output:
        worker = stage.start(worker_command(stage, run), stdout=output)
    wait_for("the foreground works", lambda: begun(stage) == 1)
    disk.break_it("full")
    go.touch()
    wait_for("it waits", lambda: "waiting up to" in log.read_text())
    disk.mend("full")
    assert worker.wait() == 0, log.read_text()
    assert "foreground failed" not in log.read_text()
    record = read_record(run / NAME)
    assert record["valid"] and len(record["attempts"]) == 1 and begun(stage) == 2


@pytest.mark.long
def test_what_had_ended_before_stays(stage: Stage, share: Path) -> None:
    """The disk goes while the idle machine is measured at the end: nothing runs twice."""
    runs = stage.folder / "runs"
    front = f"echo $$ >>{runs}; echo Test Accuracy: 60; sleep 3"
    stage.build(front, None, controls={"idle_seconds": 3})
    run = planned_run(stage, share)
    disk, log = Share(share, run), stage.folder / "log"
    with open(log, "w") as output:
        worker = stage.start(worker_command(stage, run), stdout=output)
    wait_for("the foreground works", lambda: phase(run) == "training")
    wait_for("it has ended", lambda: phase(run) in ("stopping", "measuring idle"))
    disk.break_it("gone")
    wait_for("it waits", lambda: "waiting up to" in log.read_text())
    disk.mend("gone")
    assert worker.wait() == 0, log.read_text()
    assert begun(stage) == 1 and not [*run.glob("workers/*/cut_off")]
    record = read_record(run / NAME)
    assert record["valid"], record["invalid_reasons"]
    assert not verify_run(run).differences


@pytest.mark.long
def test_it_waits_within_limits_and_ends_clearly(stage: Stage) -> None:
    """A folder that was renamed away needs no disk of its own."""
    stage.build(FRONT.format(runs=stage.folder / "runs"), None)
    run, log = planned_run(stage), stage.folder / "log"
    with open(log, "w") as output:
        worker = stage.start(worker_command(stage, run, "--wait-disk", "1.5"), stdout=output)
    wait_for("the foreground works", lambda: begun(stage) == 1)
    run.rename(run.with_name("away"))
    assert worker.wait() == 3
    said = log.read_text()
    for words in (
        "cut off, and will run again: the run's disk is bad: No such file or directory",
        "waiting up to 2 s (--wait-disk)",
        "nothing is left running, and what has ended is safe",
        "then go on with: ",
        "bin/tandem work ",
    ):
        assert words in said, said
    assert "Traceback" not in said
    stage.wait_until_nothing_lives()
    assert not [*stage.folder.glob("near/*")]
    run.with_name("away").rename(run)
    done = stage.run_command(worker_command(stage, run))
    assert done.returncode == 0, done.stdout
    assert begun(stage) == 2 and read_record(run / NAME)["valid"]


@pytest.mark.long
def test_a_killed_workers_samples_are_brought_in_by_the_next(stage: Stage) -> None:
    stage.build(FRONT.format(runs=stage.folder / "runs"), None)
    run = planned_run(stage)
    worker = stage.start(worker_command(stage, run))
    wait_for("the foreground works", lambda: begun(stage) == 1)
    [energy] = run.glob("workers/*/*/energy")
    assert energy.is_symlink() and (energy / "cpu.csv").stat().st_size
    worker.kill()
    stage.wait_until_nothing_lives()
    done = stage.run_command(worker_command(stage, run))
    assert done.returncode == 0, done.stdout
    assert "brought in the samples of " in done.stdout
    assert not energy.is_symlink() and (energy / "cpu.csv").stat().st_size
    assert not [*stage.folder.glob("near/*")]


@pytest.mark.long
def test_a_worker_that_starts_on_a_bad_disk_waits_too(stage: Stage, share: Path) -> None:
    stage.build("echo Test Accuracy: 60", None)
    run = planned_run(stage, share)
    disk, log = Share(share, run), stage.folder / "log"
    disk.break_it("read-only")
    with open(log, "w") as output:
        worker = stage.start(worker_command(stage, run), stdout=output)
    wait_for("it waits", lambda: "Read-only file system; nothing is measured" in log.read_text())
    disk.mend("read-only")
    assert worker.wait() == 0, log.read_text()
    assert read_record(run / NAME)["valid"]
