"""Small CUDA programs that a check starts, and ends however it is left: see cuda_client.py."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLIENT = [sys.executable, str(Path(__file__).resolve().with_name("cuda_client.py"))]
END_S = 20.0


class NotTried(Exception):
    """Why something cannot be tried here."""


class Client:
    """A small CUDA program; it ends with its input."""

    def __init__(self, kind: str, **environment: str) -> None:
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [*CLIENT, kind],
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            env={**os.environ, **environment},
            bufsize=0,  # what was not read lies in the pipe alone
        )
        if not self._line():
            self.process.wait()
            assert self.process.stderr
            raise NotTried(
                self.process.stderr.read().decode().strip() or "the CUDA program did not start"
            )

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline().decode().strip()

    def rate(self, seconds: float) -> float:
        """Return how often a second it fills its memory; its lines since before are passed over."""
        assert self.process.stdout
        os.set_blocking(self.process.stdout.fileno(), False)
        lines, begin_s = self._lines(), time.monotonic()
        first = int(lines[-1]) if lines else 0
        time.sleep(seconds)
        lines = self._lines()
        last = int(lines[-1]) if lines else first
        return (last - first) / (time.monotonic() - begin_s)

    def _lines(self) -> list[str]:
        assert self.process.stdout
        data = self.process.stdout.read() or b""  # None: nothing new
        return [line for line in data.decode().splitlines() if line.isdigit()]

    def end(self) -> int:
        self.process.send_signal(signal.SIGCONT)
        assert self.process.stdin
        self.process.stdin.close()
        try:
            return self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


@contextmanager
def clients(*kinds: str, **environment: str) -> Iterator[list[Client]]:
    found: list[Client] = []
    try:
        found.extend(Client(kind, **environment) for kind in kinds)
        yield found
    finally:
        for each in found:
            each.end()
