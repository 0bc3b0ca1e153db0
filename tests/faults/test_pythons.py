"""A training's Python that hangs when it is asked what it is, and a driver that is stopped then."""

from __future__ import annotations

import signal
import subprocess

import pytest
from support.stage import Stage, wait_for

HANGS = '#!/bin/sh\n[ "$1" = -c ] && exec tail -f /dev/null {marker}\nexec bash "$@"\n'


def asking(stage: Stage) -> subprocess.Popen[str]:
    """Start a run; return when its foreground's Python hangs in its answer."""
    stage.build("echo Test Accuracy: 1", "echo at work; exec sleep 1000")
    python, marker = stage.folder / "python3", stage.folder / "hangs"
    python.write_text(HANGS.format(marker=marker))
    python.chmod(0o755)
    marker.touch()
    script = stage.folder / "repos/front/train.sh"
    script.write_text(f"#!{python}\n{script.read_text().partition(chr(10))[2]}")
    driver = stage.start(stage.command())
    wait_for("it hangs", lambda: any(str(marker) in each for each in stage.everything().values()))
    return driver


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGKILL])
def test_it_ends_with_the_driver(stage: Stage, signum: int) -> None:
    driver = asking(stage)
    driver.send_signal(signum)
    driver.communicate()
    stage.wait_until_nothing_lives()
    assert driver.returncode == -signum


def test_it_is_no_process_that_has_outlived_its_keeper(stage: Stage) -> None:
    driver = asking(stage)
    wait_for("the experiment begins", lambda: [*stage.folder.glob("results/run_*/*/bg_loop.sh")])
    driver.terminate()
    said, _ = driver.communicate()
    assert "outlived its keeper" not in said
    record = stage.record()
    assert (record["status"], record["machine"]) == ("interrupted", None)
    assert record["stop"]["strays_killed"] == []


@pytest.mark.long
def test_it_costs_its_time_limit_and_nothing_else(stage: Stage) -> None:
    driver = asking(stage)
    said, _ = driver.communicate()
    assert driver.returncode == 0, said
    record = stage.record()
    assert record["valid"]
    [file] = stage.folder.glob("results/run_*/machine.json")
    assert "no answer within 10 s" in file.read_text()
