"""A text that is redrawn in place on a terminal, until somebody has seen enough.

It stands on the terminal's other page, so that nothing of it is left behind; each line is written
over the one before, so that nothing flickers.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Sequence
from typing import Any

PERIOD_S = 2.0
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST = "\x1b[H", "\x1b[K", "\x1b[J"
_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Screen:
    """The terminal of this process, if it is to be drawn on; else a clock that can be ended."""

    def __init__(self, *, is_terminal: bool) -> None:
        self.is_drawn = is_terminal and os.environ.get("TERM", "dumb") != "dumb"
        self.has_keys = self.is_drawn and sys.stdin.isatty()
        self.exit_code = 0
        self.modes: list[Any] = []

    def __enter__(self) -> Screen:
        self.wakeup, self.wakeup_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.before = signal.set_wakeup_fd(self.wakeup_in, warn_on_full_buffer=False)
        for signum in (*_ENDING, signal.SIGWINCH, signal.SIGTSTP):
            signal.signal(signum, lambda *_: None)
        self.enter()
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()
        signal.set_wakeup_fd(self.before)
        for signum in (*_ENDING, signal.SIGWINCH, signal.SIGTSTP):
            signal.signal(signum, signal.SIG_DFL)
        os.close(self.wakeup)
        os.close(self.wakeup_in)

    def enter(self) -> None:
        if self.has_keys:
            self.modes = termios.tcgetattr(0)
            tty.setcbreak(0)
        if self.is_drawn:
            self.write(_ENTER)

    def leave(self) -> None:
        if self.is_drawn:
            self.write(_LEAVE)
        if self.modes:
            termios.tcsetattr(0, termios.TCSADRAIN, self.modes)
            self.modes = []

    def columns(self) -> int:
        return self.size().columns

    @staticmethod
    def size() -> os.terminal_size:
        try:
            found = os.get_terminal_size(1)
        except OSError:
            found = os.terminal_size((80, 24))
        return os.terminal_size((found.columns or 80, found.lines or 24))

    def draw(self, lines: Sequence[str]) -> None:
        """Draw lines that are no longer than the terminal is wide; the last ones may lack room."""
        most = self.size().lines
        shown = lines if len(lines) <= most else [*lines[: most - 1], "..."]
        self.write(_HOME + "\r\n".join(f"{line}{_REST_OF_LINE}" for line in shown) + _REST)

    def wait(self) -> bool:
        """Wait until it is time to draw again; False: somebody has seen enough.

        That is q, or a signal, which then is the exit code.
        """
        keys = [0] if self.has_keys else []
        ready, _, _ = select.select([self.wakeup, *keys], [], [], PERIOD_S)
        if 0 in ready and (os.read(0, 64) or b"q") in {b"q", b"Q", b"\x04"}:
            return False
        if self.wakeup not in ready:
            return True
        came = os.read(self.wakeup, 4096)
        if signal.SIGTSTP in came:
            self.leave()
            os.kill(os.getpid(), signal.SIGSTOP)
            self.enter()
        ending = [signum for signum in came if signum in _ENDING]
        self.exit_code = 128 + ending[0] if ending else 0
        return not ending

    @staticmethod
    def write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()
