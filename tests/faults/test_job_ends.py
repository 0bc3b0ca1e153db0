"""The end of a job: all processes are signalled at once, and some time later all are killed.

Whoever signals them does so one after the other. A training may be dead before Tandem's own process
has its signal, and must not be taken for one that has failed.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from support.job import asked, job_environment
from support.stage import Stage, wait_for
from tandem.processes.proc import descendants
from tandem.processes.tree import send
from tandem.results.record import Record
from tandem.results.record_file import read_record


@pytest.fixture
def job(stage: Stage) -> Path:
    """Put the stage into a job; return the folder of its scontrol."""
    folder = stage.folder / "slurm"
    stage.more_environment |= job_environment(folder, os.environ["PATH"])
    return folder


def begun(stage: Stage, *options: str) -> subprocess.Popen[str]:
    driver = stage.start(stage.command(*options), start_new_session=True)
    stage.wait_for_foreground()
    return driver


def signal_trainings(stage: Stage, driver: int, signum: signal.Signals) -> None:
    """Signal all processes of a run, but not yet its own."""
    for pid in {*stage.trainings(), *descendants(driver)}:
        send(pid, signum)


def wait_for_reports(stage: Stage, names: Sequence[str]) -> None:
    wait_for(
        "their keepers have told of it",
        lambda: all((stage.experiment / name / "keeper.json").exists() for name in names),
    )


def cut_off(stage: Stage) -> Record:
    """Return the record of the only try, which was cut off: none stands in the run."""
    [run] = stage.folder.glob("results/run_*")
    records = [*run.glob("cut_off/*/experiment.json"), *run.glob("*/experiment.json")]
    assert len(records) == 1
    return read_record(records[0].parent)


def ends_as_interrupted(stage: Stage, driver: subprocess.Popen[str], signum: int) -> Record:
    output, _ = driver.communicate(timeout=60)
    assert driver.returncode == -signum, output
    stage.wait_until_nothing_lives()
    record = cut_off(stage)
    assert record["status"] == "interrupted"
    assert record["error_message"] == f"interrupted by {signal.Signals(signum).name}"
    return record


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGUSR1])
def test_a_training_that_dies_first_has_not_failed(stage: Stage, signum: signal.Signals) -> None:
    """Also outside a job: a service manager ends all of a control group in the same way."""
    stage.build(stage.worker("front"), stage.worker("back"))
    driver = begun(stage)
    signal_trainings(stage, driver.pid, signum)
    wait_for_reports(stage, ["attempts/1"])
    driver.send_signal(signum)
    record = ends_as_interrupted(stage, driver, signum)
    assert len(record["attempts"]) == 1


def test_nor_one_that_ends_itself_when_it_is_told(stage: Stage, job: Path) -> None:
    """In a job, an exit code of its own may be an answer to the signal as well."""
    lines = "trap 'exit 1' TERM; echo works; while true; do sleep 0.1; done"
    stage.build(f'exec bash -c "{lines}" {stage.marker}', None)
    driver = begun(stage)
    for pid in stage.trainings():
        send(pid, signal.SIGTERM)
    wait_for_reports(stage, ["attempts/1"])
    driver.send_signal(signal.SIGTERM)
    ends_as_interrupted(stage, driver, signal.SIGTERM)
    assert asked(job) == ["show job 14962542", "show node n1", "show config"]


def test_a_training_that_fails_in_a_job_has_failed(stage: Stage, job: Path) -> None:
    stage.build("exit 7", None)
    done = stage.run()
    assert done.returncode == 1, done.stdout
    record = stage.record()
    assert (record["status"], record["attempts"][0]["exit_code"]) == ("finished", 7)
    assert record["environment"]["node_shared"] is True
    assert record["environment"]["node_shared_reason"] == (
        "this job has 1 of the 4 CPUs of its node"
    )
    assert "job 14962542 ends 2036-11-30T02:18:14: as with --until" in done.stdout
    assert job.exists()


def test_the_grace_ends_before_slurm_kills(stage: Stage) -> None:
    """Of 11 s until then, 10 are kept: a training that ignores TERM is killed after one."""
    folder = stage.folder / "slurm"
    stage.more_environment |= job_environment(folder, os.environ["PATH"], kill_wait_s=11)
    stage.build(stage.worker("front", "ignores"), stage.worker("back", "ignores"))
    command = stage.command()
    command[command.index("--grace") + 1] = "300"
    driver = stage.start(command, start_new_session=True)
    stage.wait_for_foreground()
    driver.send_signal(signal.SIGTERM)
    record = ends_as_interrupted(stage, driver, signal.SIGTERM)
    [attempt] = record["attempts"]
    assert attempt["stop"]
    assert attempt["stop"]["killed"]
