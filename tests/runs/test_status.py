"""status and watch beside real runs: while they run, killed, ended, and for another user."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from support import ROOT
from support.stage import Stage, wait_for
from support.states import state
from tandem.processes.proc import alive
from tandem.results.owner import this_process
from tandem.results.state import Counts, StateFile, read_state

NOBODY = 65534
DRIVER = (sys.executable, str(ROOT / "driver.py"))


AS_ANOTHER_USER = f"""
import json, os, sys
from pathlib import Path
from tandem.report.live.status import status_json
from tandem.results.glance import Watched
if os.geteuid() == 0:  # an ordinary user's run can be looked at by that user alone
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
print(json.dumps(status_json(Watched(Path(sys.argv[1]), 10).look(), "")))
"""


def printed(*command: str | Path) -> str:
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "lib")}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def status_of(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(printed(*DRIVER, "status", run, "--json"))
    return found


def test_status_beside_a_run_and_when_its_driver_was_killed(root: Path) -> None:
    stage = Stage(root)
    try:
        stage.build(stage.worker("front"), stage.worker("back"))
        driver = stage.start(stage.command(), start_new_session=True)
        stage.wait_for_foreground()
        run = stage.experiment.parent

        def is_training() -> bool:
            now = read_state(run)
            return bool(now and now.phase == "training" and now.coverage_so_far is not None)

        wait_for("the state says that it trains", is_training)
        found = json.loads(printed(sys.executable, "-c", AS_ANOTHER_USER, run))
        name = stage.experiment.name
        assert (found["standing"], found["why"], found["resume"]) == ("running", None, None)
        assert found["state"]["experiment"]["id"] == name
        assert found["state"]["experiment"]["background"] == ["back default"]
        assert found["state"]["owner"]["pid"] == driver.pid
        assert found["state"]["rounds"]["newest"] >= 1
        assert found["counts"] == {"valid": 0, "not_valid": 0, "missing": 1}
        driver.kill()
        wait_for("it has ended", lambda: not alive(driver.pid))
        text = printed(*DRIVER, "status", run)
        assert f"{run.name}: not running: its process is gone\nto go on: make " in text
        assert "1 experiment: 1 missing" in text
        assert f"next: {name}" in text
        stage.wait_until_nothing_lives()
    finally:
        stage.clean_up()


@pytest.mark.long
def test_status_after_the_end_with_and_without_a_state(stage: Stage) -> None:
    """The state, and without it journal and record, tell the same."""
    stage.build("echo 'Test Accuracy: 90'; exit 3", stage.worker("back"))
    assert stage.run("--no-report").returncode == 1
    run = stage.experiment.parent
    told = status_of(run)
    assert (told["standing"], told["state"]["status"]) == ("ended", "ended")
    assert told["counts"] == {"valid": 0, "not_valid": 1, "missing": 0}
    [ended] = told["ended"]
    assert (ended["id"], ended["valid"]) == (stage.experiment.name, False)
    assert ended["why"] == stage.record()["invalid_reasons"][0]
    for damage in ("{", None):
        if damage is None:
            (run / "state.json").unlink()
        else:
            (run / "state.json").write_text(damage)
        untold = status_of(run)
        assert untold["state"] is None
        for key in ("standing", "counts", "ended", "next"):
            assert untold[key] == told[key]


@pytest.mark.parametrize("name", ["no_such_run", "."])
def test_what_is_no_run_is_an_error(tmp_path: Path, name: str) -> None:
    command = [*DRIVER, "status", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


# -- watch ---------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A folder whose state says that this process runs there."""
    folder = tmp_path / "run_20260131_120000"
    folder.mkdir()
    write(folder)
    return folder


def write(run: Path, **facts: Any) -> None:
    StateFile(run).write(state(owner=this_process(), **facts))


@dataclass
class Window:
    """A terminal with a program in it."""

    master: int
    process: subprocess.Popen[bytes]
    seen: str = ""

    def read_until(self, what: str) -> None:
        def has_come() -> bool:
            while select.select([self.master], [], [], 0)[0]:
                self.seen += os.read(self.master, 4096).decode()
            return what in self.seen

        wait_for(f"{what!r} is shown", has_come)

    def type(self, keys: str) -> None:
        os.write(self.master, keys.encode())


def resize(terminal: int, columns: int) -> None:
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))


@contextmanager
def watching(run: Path, columns: int = 80) -> Iterator[Window]:
    master, slave = pty.openpty()
    resize(slave, columns)
    before = termios.tcgetattr(slave)
    environment = {**os.environ, "TERM": "xterm"}
    environment.pop("NO_COLOR", None)
    command = ["setsid", "--ctty", "--wait", *DRIVER, "watch", str(run)]
    process = subprocess.Popen(command, env=environment, stdin=slave, stdout=slave, stderr=slave)
    window = Window(master, process)
    try:
        window.read_until("\x1b[?1049h")
        yield window
        window.read_until("\x1b[?1049l")
        assert termios.tcgetattr(slave) == before
    finally:
        window.process.kill()
        window.process.wait()
        os.close(master)
        os.close(slave)


@pytest.mark.parametrize(("key", "code"), [("q", 0), ("\x03", 130)])
def test_watch_redraws_in_place_until_a_key(run: Path, key: str, code: int) -> None:
    write(run, counts=Counts(0, 3, 2))
    with watching(run) as window:
        window.read_until("training")
        window.read_until("\x1b[31m3 not valid\x1b[39m")
        write(run, phase="cooling down")
        window.read_until("cooling down")
        assert "\x1b[2J" not in window.seen  # which would flicker
        window.type(key)
        assert window.process.wait(30) == code


def test_watch_draws_anew_for_another_size(run: Path) -> None:
    with watching(run, columns=120) as window:
        window.read_until("  now         training")
        window.seen = ""
        resize(window.master, 40)
        window.read_until("  now training")
        window.type("q")


def test_watch_ends_with_the_run_and_leaves_the_last_state(run: Path) -> None:
    with watching(run) as window:
        window.read_until("training")
        write(run, status="ended", phase="ended", counts=Counts(2, 0, 0))
        assert window.process.wait(30) == 0
        window.read_until("\x1b[?1049l")
        window.read_until("2 experiments: 2 valid")
        assert window.seen.rindex("2 experiments: 2 valid") > window.seen.index("\x1b[?1049l")


def test_watch_without_a_terminal_prints_a_line_of_json_each_time(run: Path) -> None:
    command = [*DRIVER, "watch", str(run), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert json.loads(process.stdout.readline())["standing"] == "running"
        write(run, status="stopped", phase="stopped", why="by SIGINT")
        *_, last = process.stdout
        assert json.loads(last)["why"] == "by SIGINT"
    assert process.returncode == 0


def test_a_terminated_watch_ends_by_that(run: Path) -> None:
    command = [*DRIVER, "watch", str(run)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == f"{run.name}: running on lab3\n".replace(
            "lab3", os.uname().nodename
        )
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
    assert process.returncode == 128 + signal.SIGTERM
