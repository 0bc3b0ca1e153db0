"""What is going on, for the person who waits: one live line on a terminal, plain lines elsewhere.

The view shares the machine that is measured: a redraw a second at most, no library, and no write
that waits for a terminal that has been stopped or a pager that does not read on.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import TextIO

from tandem.report.live.colour import coloured, has_colour
from tandem.report.live.columns import width, wrap
from tandem.report.live.line import live_line
from tandem.results.state import State

REDRAW_PERIOD_S = 1.0
FIRST_HEARTBEAT_S = 5.0
LONGEST_SILENCE_S = 300.0
END_PATIENCE_S = 10.0

_ERASE = "\r\x1b[K"
_ERASE_ABOVE = "\x1b[A\x1b[K"
_MAX_WAITING_BYTES = 1024 * 1024
_PIECE_BYTES = 512  # what poll() promises to take without waiting


class Progress:
    """Shows events and states on a stream that has a file descriptor (None: shows nothing).

    Nothing here raises: where the stream has gone it falls silent. Nothing waits before `close()`:
    while the stream takes nothing, events are kept (the newest MiB) and live lines dropped.
    `clock` gives seconds.
    """

    def __init__(self, stream: TextIO | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._encoding = getattr(stream, "encoding", None) or "utf-8"
        self._waiting = b""
        self._patience_s = 0.0
        self._drawn = ""  # the live line that stands there
        self._drawn_s = float("-inf")
        self._event_s = clock()
        self._heartbeat_s = FIRST_HEARTBEAT_S
        try:
            self._descriptor = stream.fileno() if stream else None
            self._is_terminal = bool(stream and stream.isatty())
        except (OSError, ValueError):
            self._descriptor, self._is_terminal = None, False
        self._is_terminal = self._is_terminal and os.environ.get("TERM", "dumb") != "dumb"
        self._has_colour = has_colour(is_terminal=self._is_terminal)

    def event(self, text: str) -> None:
        """Print lines that stay; a terminal gets them broken between words.

        What would move the cursor or change colours becomes `?`.
        """
        plain = "".join(char if char.isprintable() or char in "\n\t" else "?" for char in text)
        if self._is_terminal:
            lines = plain.expandtabs().split("\n")
            plain = "\n".join(part for line in lines for part in wrap(line, self._columns()))
        self._erase()
        self._send(self._dressed(plain) + "\n")
        self._event_s = self._clock()
        self._heartbeat_s = FIRST_HEARTBEAT_S

    def update(self, state: State) -> None:
        """Redraw the live line if it is time; without a terminal print a heartbeat if it is time.

        Heartbeats come 5, 10, 20, 40 ... s after the last event, at least every 300 s.
        """
        now_s = self._clock()
        self._patience_s = 0.0
        self._flush()
        if self._is_terminal:
            if now_s - self._drawn_s >= REDRAW_PERIOD_S and not self._waiting:
                self._drawn_s = now_s
                line = live_line(state, self._columns() - 1)
                self._send(self._erasing() + self._dressed(line))
                self._drawn = line
        elif now_s - self._event_s >= self._heartbeat_s:
            while now_s - self._event_s >= self._heartbeat_s:
                self._heartbeat_s += min(self._heartbeat_s, LONGEST_SILENCE_S)
            self._send(live_line(state) + "\n", is_droppable=True)

    def close(self) -> None:
        """Erase the live line, if there is one.

        Nothing is being measured any more: this and the events that follow wait for the stream to
        take everything, up to 10 s without a move.
        """
        self._patience_s = END_PATIENCE_S
        self._erase()
        self._flush()

    def _erase(self) -> None:
        if self._drawn:
            self._send(self._erasing())
            self._drawn = ""

    def _erasing(self) -> str:
        """Return what erases the live line, also where a narrower terminal has wrapped it."""
        rows = -(-width(self._drawn) // self._columns())
        return _ERASE + _ERASE_ABOVE * (rows - 1)

    def _dressed(self, text: str) -> str:
        return coloured(text) if self._has_colour else text

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


def _takes(descriptor: int, patience_s: float) -> bool:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return bool(poll.poll(patience_s * 1000))


def left_s(elapsed_s: float, epoch: int | None, epochs: int | None) -> float | None:
    """Seconds left if the other epochs take as long as the first `epoch` ones did; None: unknown.

    It takes the newest epoch in the log as finished, which a training that prints one line at
    the end of each makes true.
    """
    if not epoch or not epochs or epoch > epochs or elapsed_s <= 0:
        return None
    return elapsed_s / epoch * (epochs - epoch)
