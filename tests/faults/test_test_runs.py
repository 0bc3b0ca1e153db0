"""A run of tests that is interrupted or killed, at whatever place: it leaves no process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable

import pytest
from support import ROOT
from support.stage import Stage, wait_for
from tandem.processes.proc import alive, children, descendants, stat

STRAYS = "setsid+daemon+bare+hidden"
PROCESSES = 5  # of each training: itself and one of each kind
TESTS = """
import signal
import subprocess

import pytest


@pytest.mark.parametrize("line", {lines!r})
def test_rude(line):
    assert signal.getsignal(signal.SIGHUP) == signal.SIG_DFL
    subprocess.run(["bash", "-c", line], check=True)
"""

Living = dict[int, str]  # pid: when it started


@pytest.fixture
def command(stage: Stage) -> list[str]:
    """The command of two tests that wait beside each other, each with a rude training."""
    lines = [stage.worker(f"hold_{number}", "obeys", STRAYS) for number in (1, 2)]
    file = stage.folder / "test_rude.py"
    file.write_text(TESTS.format(lines=lines))
    (stage.folder / "pytest.ini").write_text("[pytest]\n")
    paths = os.pathsep.join(str(ROOT / part) for part in ("lib", "tests"))
    stage.more_environment["PYTHONPATH"] = paths
    options = ["-p", "support.kept", "-p", "no:cacheprovider", "-n", "2"]
    return [sys.executable, "-m", "pytest", *options, str(file)]


def start(stage: Stage, command: list[str]) -> subprocess.Popen[str]:
    """Start the tests; return when both trainings have all their processes."""
    run = stage.start(command, start_new_session=True)
    wait_for("all strays live", lambda: len(stage.trainings()) == 2 * PROCESSES)
    return run


def living_below(pid: int) -> Living:
    return {each: stat(each)[19] for each in descendants(pid) if alive(each)}


def left_of(living: Living) -> list[int]:
    return [pid for pid, started in living.items() if alive(pid) and stat(pid)[19] == started]


def only_child(pid: int) -> int:
    (found,) = (each for each in children(pid) if alive(each))
    return int(found)


def itself(pid: int) -> int:
    return pid


def keeper(pid: int) -> int:
    return only_child(pid)


def main(pid: int) -> int:
    """Return the pid of the pytest that hands the tests to its workers: not a stray's."""
    (found,) = (
        each for each in children(keeper(pid)) if stat(each)[3] == str(each) and children(each)
    )
    return int(found)


@pytest.mark.long
@pytest.mark.parametrize(
    ("who", "signum"),
    [
        (itself, signal.SIGINT),
        (itself, signal.SIGTERM),
        (itself, signal.SIGHUP),
        (itself, signal.SIGKILL),
        (keeper, signal.SIGKILL),
        (main, signal.SIGINT),
        (main, signal.SIGKILL),
    ],
)
def test_whatever_ends_it_nothing_is_left(
    stage: Stage, command: list[str], who: Callable[[int], int], signum: int
) -> None:
    run = start(stage, command)
    living = living_below(run.pid)
    assert len(living) >= 2 + 2 + 2 * PROCESSES
    os.kill(who(run.pid), signum)
    output, _ = run.communicate()
    wait_for("all ended", lambda: not left_of(living))
    assert stage.everything() == {}
    if who is itself:
        assert run.returncode == -signum
    else:
        assert run.returncode
    if signum != signal.SIGKILL:
        assert "KeyboardInterrupt" in output


@pytest.mark.long
def test_a_worker_that_is_killed_leaves_nothing_in_the_end(
    stage: Stage, command: list[str]
) -> None:
    run = start(stage, command)
    living = living_below(run.pid)
    workers = children(main(run.pid))
    (first,) = (
        worker
        for worker in workers
        if any("hold_1" in stage.trainings().get(each, "") for each in children(worker))
    )
    os.kill(first, signal.SIGKILL)
    stage.release("hold_2")
    output, _ = run.communicate()
    assert "1 failed, 1 passed" in output
    wait_for("all ended", lambda: not left_of(living))
    assert stage.everything() == {}


@pytest.mark.long
def test_under_nohup_it_goes_on(stage: Stage, command: list[str]) -> None:
    """While what is tested has HUP as usual."""
    run = start(stage, ["nohup", *command])
    for pid in (run.pid, keeper(run.pid)):
        os.kill(pid, signal.SIGHUP)
    for number in (1, 2):
        stage.release(f"hold_{number}")
    output, _ = run.communicate()
    assert run.returncode == 0, output
    assert "2 passed" in output


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_make_that_ends_leaves_nothing(stage: Stage, command: list[str], signum: int) -> None:
    run = start(stage, ["make", "-C", str(ROOT), "test", f"ONLY={command[-1]}"])
    living = living_below(run.pid)
    if signum == signal.SIGINT:
        os.killpg(run.pid, signum)  # as a terminal does
    else:
        os.kill(run.pid, signum)
    run.communicate()
    wait_for("all ended", lambda: not left_of(living))
    assert stage.everything() == {}
