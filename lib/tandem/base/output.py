"""What a program says to people: whoever reads it may have had enough (EPIPE).

Then the program goes on in silence, and its exit code is what it would have been.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import sys
from typing import TextIO


def say(text: str) -> None:
    """Print lines on stdout; OSError: the disk is full."""
    _print(f"{text}\n", sys.stdout)


def complain(text: str) -> None:
    """Print lines on stderr; OSError: the disk is full."""
    _print(f"{text}\n", sys.stderr)


def end_in_silence() -> None:
    """See to it that nobody hears of what is still unwritten when this process ends."""
    atexit.register(_settle)


def mute(stream: TextIO) -> None:
    """Have whatever is still printed on a stream go nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _settle() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # a full disk: Python itself says so
            _print("", stream)


def _print(text: str, stream: TextIO | None) -> None:
    if stream is None:  # it was closed when this process began
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        mute(stream)
