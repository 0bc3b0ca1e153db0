"""Foregrounds that fail or hang, and a disk that is full."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from support.stage import DEADLINE_S, Stage, command_line, wait_for
from tandem.processes.proc import stat

LOG = "results/run_*/*/attempts/1/training.log"


def test_hanging_foreground_is_timed_out_and_retried(stage: Stage) -> None:
    """It ignores TERM, and so does the stray in a session of its own."""
    deaf = "trap '' TERM; echo deaf; setsid sleep 1000 & sleep 1000"
    stage.build(deaf, stage.worker("back"), timeout_seconds=2, max_retries=1)
    done = stage.run()
    assert done.returncode == 1
    assert "timeout after 2 s, trying again (2 of 2)" in done.stdout
    assert stage.everything() == {}
    record = stage.record()
    assert len(record["attempts"]) == 2
    for attempt in record["attempts"]:
        assert attempt["reason"] == "timeout"
        assert attempt["signal"] == 9
        killed = [process["name"] for process in attempt["stop"]["killed"]]
        assert sorted(killed) == ["sleep", "sleep", "train.sh"]
        for process in attempt["stop"]["killed"]:
            assert not Path(f"/proc/{process['pid']}").exists()
    assert record["training_success"] is False
    assert record["invalid_reasons"] == ["foreground failed: timeout after 2 s"]


def test_no_attempt_begins_before_the_one_before_has_ended(stage: Stage) -> None:
    """Its script is killed alone: the keeper gives the training, which ignores TERM, its grace."""
    deaf = "[ -e once ] && echo Test Accuracy: 50 && exit 0; touch once; trap '' TERM; echo deaf;"
    stage.build(f"{deaf} while true; do sleep 0.1; done", stage.worker("back"), max_retries=1)
    driver = stage.start(stage.command())
    log = wait_for(
        "the foreground works",
        lambda: next((p for p in stage.folder.glob(LOG) if p.read_text()), None),
    )
    keepers = [pid for pid, line in stage.everything().items() if str(log) in line]
    (keeper,) = [pid for pid in keepers if "keep.py" in command_line(pid)]
    os.kill(int(stat(keeper)[1]), signal.SIGKILL)
    said, _ = driver.communicate(timeout=DEADLINE_S)
    record = stage.record()
    first, last = record["attempts"]
    assert (first["reason"], last["exit_code"]) == ("owner gone", 0), said
    assert first["end_boottime_s"] <= last["start_boottime_s"]
    assert record["invalid_reasons"] == []
    assert stage.everything() == {}


def test_failed_attempt_is_kept_and_not_mixed_in(stage: Stage) -> None:
    """The first attempt prints a metric and fails; the second prints none and succeeds."""
    stage.build(
        "[ -e once ] && exit 0; touch once; echo Test Accuracy: 99; exit 3", None, max_retries=2
    )
    done = stage.run()
    assert done.returncode == 1, done.stdout
    record = stage.record()
    assert [attempt["exit_code"] for attempt in record["attempts"]] == [3, 0]
    assert record["retries"] == 1
    assert record["training_success"] is True
    assert record["performance_metrics"] == {"accuracy": None}
    [reason] = record["invalid_reasons"]
    assert reason.startswith("no metric found in the foreground's log; looked for accuracy")
    first, second = (stage.experiment / attempt["log"] for attempt in record["attempts"])
    assert first.read_text() == "Test Accuracy: 99\n"
    assert (stage.experiment / "training.log").resolve() == second.resolve()


def test_a_failed_one_shows_the_end_of_its_log(stage: Stage) -> None:
    """And is not tried again where its program, or one that it needs, is not there."""
    stage.build("seq 1 30; nonesuch --epochs 3", None, max_retries=2)
    done = stage.run()
    assert done.returncode == 1
    record = stage.record()
    (attempt,) = record["attempts"]
    why = "exit code 127 (a program is not found)"
    assert (attempt["exit_code"], attempt["error_message"]) == (127, why)
    shown = done.stdout.partition(f"foreground failed: {why}\n")[2].splitlines()
    assert shown[:9] == [f"    {number}" for number in range(22, 31)]
    assert shown[9].endswith("nonesuch: command not found")
    assert shown[10] == f"    ({stage.experiment / attempt['log']})"
    assert "trying again" not in done.stdout


def with_helpers(stage: Stage, *helpers: str) -> None:
    """Name programs that may go on when the foreground has ended."""
    file = stage.folder / "registry.json"
    registry = json.loads(file.read_text())
    registry["models"]["front"]["helpers"] = list(helpers)
    file.write_text(json.dumps(registry))


def test_one_that_leaves_its_work_to_others_is_not_valid(stage: Stage) -> None:
    """It starts the training in the background and returns."""
    work = "(sleep 1000; echo Test Accuracy: 95) & echo Test Accuracy: 12"
    stage.build(work, stage.worker("back"))
    assert stage.run().returncode == 1
    record = stage.record()
    (attempt,) = record["attempts"]
    left = [each["name"] for each in attempt["stop"]["went_on"]]
    assert sorted(left) == ["sleep", "train.sh"]
    (reason,) = record["invalid_reasons"]
    assert reason.startswith("the foreground started a process that went on: ")
    assert all(name in reason for name in left)
    assert attempt["duration_seconds"] < attempt["stop"]["lingered_seconds"]
    assert stage.everything() == {}


@pytest.mark.long
def test_a_helper_that_is_named_may_go_on(stage: Stage) -> None:
    """As wandb's does; it is gone before the next experiment, and is not in the window."""
    helper = "exec -a 'wandb-service(2-4711)' sleep 1000"
    see = f"pgrep -f '[w]andb-service.*' && echo {stage.marker}"
    stage.build(f"{see}; ({helper}) & echo Test Accuracy: 90", None, runs_per_config=2)
    with_helpers(stage, "wandb-service")
    done = stage.run()
    assert done.returncode == 0, done.stdout
    for file in stage.folder.glob("results/run_*/*/experiment.json"):
        record = json.loads(file.read_text())
        assert (record["invalid_reasons"], record["warnings"]) == ([], [])
        ((pid, name, is_helper),) = [
            each.values() for each in record["attempts"][0]["stop"]["went_on"]
        ]
        assert (name, is_helper) == ("wandb-service", True)
        assert record["windows"][-1]["duration_seconds"] < 1
        assert not Path(f"/proc/{pid}").exists()
    logs = stage.folder.glob("results/run_*/*/attempts/1/training.log")
    assert [log.read_text() for log in logs] == ["Test Accuracy: 90\n"] * 2


def test_a_working_folder_that_is_removed_costs_nothing(stage: Stage) -> None:
    here = stage.folder / "here"
    here.mkdir()
    stage.build(f"rmdir '{here}'; echo Test Accuracy: 90", None)
    driver = stage.start(stage.command(), cwd=here)
    said, _ = driver.communicate(timeout=DEADLINE_S)
    assert driver.returncode == 0, said
    assert "1 experiment: 1 valid\n" in said
    assert f"results: {stage.experiment.parent}\n" in said
    assert stage.record()["valid"]


def test_ctrl_z_is_refused(stage: Stage) -> None:
    """The driver says so, and neither it nor a training stops."""
    stage.build(stage.worker("front"), stage.worker("back"))
    said = stage.folder / "said"
    with said.open("w") as messages:
        driver = stage.start(stage.command(), stdout=messages)
    stage.wait_for_foreground()
    driver.send_signal(signal.SIGTSTP)
    word = "warning: Ctrl-Z is ignored while trainings run: Ctrl-C ends them"
    wait_for("it says so", lambda: f"\n{word}" in said.read_text())
    assert all(stat(pid)[0] != "T" for pid in [driver.pid, *stage.trainings()])
    stage.release("front")
    assert driver.wait(DEADLINE_S) == 0
    record = stage.record()
    assert (record["invalid_reasons"], record["attempts"][0]["pauses"]) == ([], 0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Path:
    """A command prefix is not enough: the driver itself must meet the full disk."""
    folder = tmp_path / "disk"
    folder.mkdir()
    return folder


def test_full_disk(stage: Stage, small_disk: Path) -> None:
    """A clear error, the background stopped, the records before it whole."""
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "-r", "--mount"]
    mount = [*unshare, "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small_disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this machine permits no mount namespace")
    stage.build(
        f"[ -e once ] && cat /dev/zero > {small_disk}/filler; touch once; echo Test Accuracy: 5",
        stage.worker("back"),
        runs_per_config=2,
    )
    kept = stage.folder / "kept"
    script = 'mount -t tmpfs -o size=1m tmpfs "$1"; shift; kept=$1; shift; "$@"; code=$?;'
    script += ' cp -r "$kept.disk/." "$kept"; exit "$code"'
    os.symlink(small_disk, f"{kept}.disk")
    command = stage.command("--results", str(small_disk))
    at = command.index(str(stage.folder / "results"))
    del command[at - 1 : at + 1]
    done = stage.start([*unshare, "bash", "-c", script, "-", str(small_disk), str(kept), *command])
    output, _ = done.communicate()
    assert done.returncode == 3, output
    assert "No space left on device" in output
    assert "Traceback" not in output
    assert stage.everything() == {}
    runs = sorted(kept.glob("run_*/*/experiment.json"))
    assert len(runs) == 1
    record = json.loads(runs[0].read_text())
    assert record["invalid_reasons"] == []
    table = next(kept.glob("run_*/summary.csv")).read_text()
    assert table.count("\n") == 2
    assert table.endswith("\n")
    shutil.rmtree(kept)
