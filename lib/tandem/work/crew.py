"""Several workers of one machine, one for each of its GPUs: started, heard and ended together.

Each is a process of its own, `tandem work RUN --gpus UUID`, which ends with this one; what it says
is told with its GPU in front. A signal is handed on to all, and the exit code is the highest of
theirs: 128+N (ended by signal N), 75 (locked), 3 (not ready), 2, 1, 0.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import IO

from tandem.base.paths import ROOT
from tandem.nvml.devices import Device
from tandem.processes.control import STOP_SIGNALS, become_subreaper, catch_stop_signals, end_by

_OPTION = "--gpus"
_ORPHANS_S, _PERIOD_S = 60.0, 0.05


@dataclass
class Member:
    """One worker; `heard` is what it has said, of each stream the part of a line so far."""

    name: str
    process: subprocess.Popen[bytes]
    heard: dict[int, bytes] = field(default_factory=dict)

    def streams(self) -> list[tuple[IO[bytes], int]]:
        """Return its streams, and the descriptor of this process on which each is told."""
        assert self.process.stdout and self.process.stderr
        return [(self.process.stdout, 1), (self.process.stderr, 2)]

    def tell(self, descriptor: int, data: bytes) -> None:
        """Tell the lines that are whole now; b"": the stream has ended."""
        text = self.heard.pop(descriptor, b"") + data
        lines = text.split(b"\n")
        if rest := lines.pop():
            if data:
                self.heard[descriptor] = rest
            else:
                lines.append(rest)
        for line in lines:
            with suppress(OSError):  # whoever listened is gone; the workers work on
                os.write(descriptor, f"{self.name}: ".encode() + line + b"\n")


def run_crew(boards: Sequence[Device], words: Sequence[str]) -> int:
    """Run a worker for each GPU, with the words of this command line; return the exit code."""
    become_subreaper()
    came: list[int] = []
    wakeup = catch_stop_signals(lambda signum, _frame: came.append(signum))
    signal.signal(signal.SIGUSR1, lambda signum, _frame: came.append(signum))
    crew = [
        Member(f"GPU {each.stem.removeprefix('gpu_')}", started(each, words)) for each in boards
    ]
    with selectors.DefaultSelector() as selector:
        selector.register(wakeup, selectors.EVENT_READ)
        for member in crew:
            for stream, descriptor in member.streams():
                selector.register(stream, selectors.EVENT_READ, (member, descriptor))
        while len(selector.get_map()) > 1:
            for key, _ in selector.select():
                if key.data is None:
                    hand_on(os.read(wakeup, 4096), crew)
                    continue
                member, descriptor = key.data
                data = os.read(key.fd, 65536)
                member.tell(descriptor, data)
                if not data:
                    selector.unregister(key.fileobj)
    codes = [member.process.wait() for member in crew]
    wait_for_orphans()
    if came:
        end_by(came[0])
    return max(code if code >= 0 else 128 - code for code in codes)


def started(board: Device, words: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start the worker of a GPU, in a session of its own: a Ctrl-C is for this process alone."""
    return subprocess.Popen(
        [
            *(sys.executable, str(ROOT / "driver.py"), *without(words, _OPTION)),
            *(_OPTION, board.uuid, "--stop-with-parent", str(os.getpid())),
        ],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def without(words: Sequence[str], option: str) -> list[str]:
    """Return the words of a command line without an option and its value."""
    kept: list[str] = []
    values = iter(words)
    for word in values:
        if word == option:
            next(values, None)
        elif not word.startswith(f"{option}="):
            kept.append(word)
    return kept


def wait_for_orphans() -> None:
    """Wait for what a killed worker has left, which its keepers end."""
    deadline_s = time.monotonic() + _ORPHANS_S
    with suppress(ChildProcessError):  # there is none any more
        while time.monotonic() < deadline_s:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(_PERIOD_S)


def hand_on(signums: bytes, crew: Sequence[Member]) -> None:
    for signum in signums:
        for member in crew:
            if signum in (*STOP_SIGNALS, signal.SIGUSR1) and member.process.poll() is None:
                member.process.send_signal(signum)
