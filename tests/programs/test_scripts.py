"""The rendered scripts end their child however they end, by a trap of their own on EXIT.

A stand-in takes the place of Python, and so of the keeper: it does not care whether its owner
lives, so that nobody but the script itself can have told it to end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.stage import wait_for
from tandem.base.paths import ROOT, TEMPLATES
from tandem.base.templates import Values, render_file

# Says its pid, and that it was told to end, and after a moment that it has ended.
STANDIN = f"""#!{sys.executable} -S
import os, signal, sys, time
if sys.argv[1].endswith("tend_rounds.py"):
    sys.exit(0)
if "--pause" in sys.argv:
    time.sleep(float(sys.argv[sys.argv.index("--pause") + 1]) * 1000)
os.chdir(os.path.dirname(__file__))
NAMES = "TERM", "INT", "HUP", "QUIT"
def say(file, text):
    with open(file, "a") as stream:
        print(text, file=stream)
def told(*_):
    for name in NAMES:
        signal.signal(signal.Signals["SIG" + name], signal.SIG_IGN)
    say("said", "told")
    time.sleep(0.3)
    say("said", "ended")
    os._exit(5)
for name in NAMES:
    signal.signal(signal.Signals["SIG" + name], told)
say("pid", os.getpid())
while not os.path.exists("release"):
    time.sleep(0.02)
os._exit(7)
"""
DEADLINE_S = 30.0  # a hang guard, not a figure
COMMON: Values = {
    **{"root": str(ROOT), "work_dir": "/", "grace_s": "1.0"},
    **{"environment": [], "out_words": "0"},
}
LOOP: Values = {
    **COMMON,
    "restart_delay_s": "1",
    "max_rounds": "0",
    "logs_kept": "3",
    "log_rules": "",
    "rounds_kept": "50",
    "isolation": [],
}


@dataclass
class Script:
    """A rendered script in a folder, whose keeper is the stand-in."""

    folder: Path
    file: Path
    arguments: list[str]
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def is_loop(self) -> bool:
        return self.file.name == "bg_loop.sh"

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, with default signals, and wait for its child."""
        command = ["env", "--default-signal", "bash", str(self.file), *self.arguments]
        with open(self.folder / "messages", "w") as messages:
            self.process = subprocess.Popen(command, stderr=messages)
        wait_for("its child lives", lambda: self.child() is not None)
        return self.process

    def child(self) -> int | None:
        with suppress(OSError, ValueError):
            return int((self.folder / "pid").read_text())
        return None

    def break_behind(self, line: str) -> None:
        """Put a mistake behind the first line of the script that begins so."""
        lines = self.file.read_text().splitlines(keepends=True)
        place = next(n for n, text in enumerate(lines) if text.strip().startswith(line))
        broken = (
            f"until [[ -s '{self.folder}/pid' ]]; do sleep 0.02; done; : \"$no_such_variable\"\n"
        )
        self.file.write_text("".join([*lines[: place + 1], broken, *lines[place + 1 :]]))

    def said(self) -> list[str]:
        file = self.folder / "said"
        return file.read_text().split() if file.exists() else []

    def clean_up(self) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
        if child := self.child():
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


@pytest.fixture(params=["bg_loop", "fg_run"])
def script(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Script]:
    standin, file, logs = tmp_path / "python", tmp_path / f"{request.param}.sh", tmp_path / "logs"
    standin.write_text(STANDIN)
    standin.chmod(0o755)
    logs.mkdir()
    (logs / "rounds.tsv").touch()
    values: Values = {"python": str(standin), "command": ["true"]}
    more: Values = LOOP if request.param == "bg_loop" else {**COMMON, "timeout": []}
    render_file(TEMPLATES / f"{request.param}.sh.j2", file, {**more, **values})
    made = Script(tmp_path, file, [*(["--loop"] if more is LOOP else []), str(logs)])
    yield made
    made.clean_up()


@pytest.mark.parametrize("name", ["HUP", "INT", "TERM", "QUIT", "PIPE", "USR1"])
def test_ended_by_a_signal(script: Script, name: str) -> None:
    """The shell ends after its child. A loop outlives QUIT and PIPE, and ends at the next TERM."""
    process = script.start()
    process.send_signal(signal.Signals[f"SIG{name}"])
    if script.is_loop and name in ("QUIT", "PIPE"):
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.5)
        process.terminate()
        name = "TERM"
    process.wait(DEADLINE_S)
    assert script.said() == ["told", "ended"]
    if script.is_loop or name in ("PIPE", "USR1"):  # by that signal: 143 stays 143
        number = signal.Signals[f"SIG{name}"].value
        assert process.returncode in (-number, 128 + number)
    else:  # as the child did, which got the same signal
        assert process.returncode == 5


def test_told_again_and_again(script: Script) -> None:
    process = script.start()
    while process.poll() is None:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.002)
    assert script.said() == ["told", "ended"]
    assert process.returncode in (-signal.SIGTERM, 128 + signal.SIGTERM, 5)


def test_ended_by_an_error_of_its_own(script: Script) -> None:
    """In the instant in which the child lives and nobody waits for it yet."""
    script.break_behind("child=$!")
    process = script.start()
    process.wait(DEADLINE_S)
    assert "no_such_variable: unbound variable" in (script.folder / "messages").read_text()
    assert script.said() == ["told", "ended"]
    assert process.returncode not in (0, 7)


def test_a_child_that_ended_is_not_told_again(script: Script) -> None:
    process = script.start()
    (script.folder / "release").touch()
    if script.is_loop:
        wait_for("the round is over", lambda: not Path(f"/proc/{script.child()}").exists())
        process.terminate()
    process.wait(DEADLINE_S)
    assert script.said() == []
    assert process.returncode == (143 if script.is_loop else 7)
