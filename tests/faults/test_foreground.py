"""Foregrounds that fail or hang, and a disk that is full."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from support.stage import Stage


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
    assert record["invalid_reasons"] == ["no metric found in the foreground's log"]
    first, second = (stage.experiment / attempt["log"] for attempt in record["attempts"])
    assert first.read_text() == "Test Accuracy: 99\n"
    assert (stage.experiment / "training.log").resolve() == second.resolve()


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
