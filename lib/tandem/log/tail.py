"""The end of a log, as a terminal would have left it on the screen."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass

from tandem.base.files import open_log
from tandem.base.text import printable
from tandem.log.screen import left_on_screen

_READ_BYTES = 64 * 1024
_LINE_CHARACTERS = 400
CUT = " [...]"


@dataclass(frozen=True)
class Tail:
    """The last lines of a log. `is_cut`: there was more before them. `problem`: why none is known.

    What is no printable character stands there escaped.
    """

    lines: tuple[str, ...] = ()
    is_cut: bool = False
    problem: str | None = None


def read_tail(log: str | os.PathLike[str], most_lines: int = 20, most_bytes: int = 2000) -> Tail:
    """Return the end of a log, at most so many lines, and bytes in UTF-8."""
    try:
        with open_log(log) as file:
            begin = max(0, os.fstat(file.fileno()).st_size - _READ_BYTES)
            file.seek(begin)
            text = file.read(_READ_BYTES).decode("utf-8", "replace")
    except OSError as error:
        return Tail(problem=error.strerror or str(error))
    if begin:
        text = text[text.find("\n") + 1 :]
    lines = [_shortened(line) for line in left_on_screen(text)]
    while lines and not lines[-1]:
        lines.pop()
    kept = _last(lines[-most_lines:], most_bytes)
    return Tail(tuple(kept), is_cut=bool(begin) or len(kept) < len(lines))


def _shortened(line: str) -> str:
    line = printable(line.expandtabs(8).rstrip())
    return line if len(line) <= _LINE_CHARACTERS else line[: _LINE_CHARACTERS - len(CUT)] + CUT


def _last(lines: Iterable[str], most_bytes: int) -> list[str]:
    kept: list[str] = []
    for line in reversed(list(lines)):
        most_bytes -= len(line.encode("utf-8", "replace")) + 1
        if most_bytes < 0:
            break
        kept.insert(0, line)
    return kept
