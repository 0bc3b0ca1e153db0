"""What is going on, for the person who waits: one live line on a terminal, plain lines elsewhere.

The view shares the machine that is measured: a redraw a second at most, no library, and no write
that waits for a terminal that has been stopped or a pager that does not read on.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TextIO

REDRAW_PERIOD_S = 1.0
FIRST_HEARTBEAT_S = 5.0
LONGEST_SILENCE_S = 300.0
END_PATIENCE_S = 10.0

_BETWEEN = " · "
_ERASE = "\r\x1b[K"
_MAX_WAITING_BYTES = 1024 * 1024
_PIECE_BYTES = 512  # what poll() promises to take without waiting


@dataclass(frozen=True)
class Rounds:
    """The newest round of the first background, and how many of all failed or were hollow."""

    newest: int
    failed: int = 0
    hollow: int = 0

    def text(self) -> str:
        """`round 7 (2 failed, 1 hollow)`."""
        counts = {"failed": self.failed, "hollow": self.hollow}
        bad = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return f"round {self.newest}" + (f" ({bad})" if bad else "")


@dataclass(frozen=True)
class View:
    """What the live line shows; None for what is not known or does not apply."""

    experiment: int
    experiments: int
    phase: str
    epoch: int | None
    epochs: int | None
    rounds: Rounds | None
    elapsed_s: float
    left_s: float | None
    run_left_s: float | None = None
    what: str = "experiment"

    def text(self) -> str:
        """`experiment 1 of 2 · training · epoch 7 of 20 · background round 3 · about 12 s left`.

        And, where it is known, `· all done in about 30 s`.
        """
        parts = [f"{self.what} {self.experiment} of {self.experiments}", self.phase]
        if self.epoch is not None:
            parts.append(f"epoch {self.epoch}" + (f" of {self.epochs}" if self.epochs else ""))
        if self.rounds is not None:
            parts.append(f"background {self.rounds.text()}")
        if self.left_s is None:
            parts.append(f"{duration_text(self.elapsed_s)} so far")
        else:
            parts.append(f"about {duration_text(self.left_s)} left")
        if self.run_left_s is not None:
            parts.append(f"all done in about {duration_text(self.run_left_s)}")
        return _BETWEEN.join(parts)


class Progress:
    """Shows events and views on a stream that has a file descriptor (None: shows nothing).

    Nothing here raises: where the stream has gone it falls silent. Nothing waits before `close()`:
    while the stream takes nothing, events are kept (the newest MiB) and live lines dropped.
    `clock` gives seconds.
    """

    def __init__(self, stream: TextIO | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._waiting = b""
        self._patience_s = 0.0
        self._is_live = False
        self._drawn_s = float("-inf")
        self._event_s = clock()
        self._heartbeat_s = FIRST_HEARTBEAT_S
        try:
            self._descriptor = stream.fileno() if stream else None
            self._is_terminal = bool(stream and stream.isatty())
        except (OSError, ValueError):
            self._descriptor, self._is_terminal = None, False
        self._is_terminal = self._is_terminal and os.environ.get("TERM", "dumb") != "dumb"

    def event(self, text: str) -> None:
        """Print a line that stays. What would move the cursor or change colours becomes `?`."""
        plain = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)
        self._erase()
        self._send(plain + "\n")
        self._event_s = self._clock()
        self._heartbeat_s = FIRST_HEARTBEAT_S

    def update(self, view: View) -> None:
        """Redraw the live line if it is time; without a terminal print a heartbeat if it is time.

        Heartbeats come 5, 10, 20, 40 ... s after the last event, at least every 300 s.
        """
        now_s = self._clock()
        self._patience_s = 0.0
        self._flush()
        if self._is_terminal:
            if now_s - self._drawn_s >= REDRAW_PERIOD_S:
                self._drawn_s = now_s
                self._is_live = True
                self._send(_ERASE + _fitted(view.text(), self._columns() - 1), is_droppable=True)
        elif now_s - self._event_s >= self._heartbeat_s:
            while now_s - self._event_s >= self._heartbeat_s:
                self._heartbeat_s += min(self._heartbeat_s, LONGEST_SILENCE_S)
            self._send(view.text() + "\n", is_droppable=True)

    def close(self) -> None:
        """Erase the live line, if there is one.

        Nothing is being measured any more: this and the events that follow wait for the stream to
        take everything, up to 10 s without a move.
        """
        self._patience_s = END_PATIENCE_S
        self._erase()
        self._flush()

    def _erase(self) -> None:
        if self._is_live:
            self._is_live = False
            self._send(_ERASE)

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._descriptor or 0).columns or 80
        except OSError:
            return 80

    def _send(self, text: str, *, is_droppable: bool = False) -> None:
        self._flush()
        if self._descriptor is None or (is_droppable and self._waiting):
            return
        try:
            data = text.encode(self._encoding)
        except UnicodeEncodeError:
            data = text.replace("·", "-").encode(self._encoding, "replace")
        self._waiting = (self._waiting + data)[-_MAX_WAITING_BYTES:]
        self._flush()

    def _flush(self) -> None:
        """Write what waits, as far as the stream takes it.

        Not through the stream: what its buffer cannot get rid of changes the exit code.
        """
        try:
            while self._waiting and self._descriptor is not None:
                if not _takes(self._descriptor, self._patience_s):
                    self._patience_s = 0.0
                    break
                written = os.write(self._descriptor, self._waiting[:_PIECE_BYTES])
                self._waiting = self._waiting[written:]
        except OSError:
            self._descriptor = None


def _fitted(text: str, columns: int) -> str:
    """Return a live line without its last parts, as far as they find no room."""
    while len(text) > columns and _BETWEEN in text:
        text = text.rpartition(_BETWEEN)[0]
    return text[:columns]


def _takes(descriptor: int, patience_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(patience_s * 1000))


def duration_text(seconds: float) -> str:
    """A length of time in two or three digits: `12 s`, `35 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def left_s(elapsed_s: float, epoch: int | None, epochs: int | None) -> float | None:
    """Seconds left if the other epochs take as long as the first `epoch` ones did; None: unknown.

    It takes the newest epoch in the log as finished, which a training that prints one line at
    the end of each makes true.
    """
    if not epoch or not epochs or epoch > epochs or elapsed_s <= 0:
        return None
    return elapsed_s / epoch * (epochs - epoch)
