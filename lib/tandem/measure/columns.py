"""The monitor's CSV files read by columns, a piece after the other: a row costs next to nothing.

Rows of six hours are a few hundred thousand, and a drawing wants all of them. What is damaged is
left out and counted; only its own line is lost.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from tandem.base.files import open_log

_PIECE_BYTES = 256 * 1024
_LONGEST_LINE = 64 * 1024

Known = tuple[list[float], list[float]]


@dataclass
class CsvColumns:
    """Reads one file; afterwards `damaged_lines` says how many lines were left out."""

    path: Path
    damaged_lines: int = 0
    _names: list[str] = field(default_factory=list)
    _last_s: float = -math.inf

    def pieces(self) -> Iterator[Piece]:
        """Yield the rows, some thousands at once; OSError: the file cannot be read."""
        with open_log(self.path) as file:
            header = file.readline(_LONGEST_LINE).decode("ascii", "replace")
            self._names = header.rstrip("\n").split(",")
            rest = b""
            while data := file.read(_PIECE_BYTES):
                data = rest + data
                end = data.rfind(b"\n") + 1
                rest = data[end:]
                if len(rest) > _LONGEST_LINE:
                    rest = b"\n"  # no line that the monitor wrote: what follows up to its end, too
                if end and (piece := self._piece(data[:end].decode("ascii", "replace"))):
                    yield piece
            self.damaged_lines += bool(rest.strip())

    def _piece(self, text: str) -> Piece | None:
        width, count = len(self._names), text.count("\n")
        # One list of all cells: a list a line would take most of the time. Line ends stay at their
        # cells, where they show that each line has all its cells.
        cells = text.replace("\n", "\n,").split(",")
        cells.pop()
        ends = "".join(cells[width - 1 :: width]).count("\n")
        is_whole = len(cells) == width * count and ends == count
        times = _times(cells[::width]) if is_whole else None
        if times is None or not self._are_in_order(times):
            sound = list(self._in_order(line.split(",") for line in text.split("\n")[:-1]))
            self.damaged_lines += count - len(sound)
            cells = [cell for row in sound for cell in row]
            times = [float(row[0]) for row in sound]
        if not times:
            return None
        self._last_s = times[-1]
        return Piece(times, self._names, cells)

    def _are_in_order(self, times: list[float]) -> bool:
        rising = all(map(operator.le, times, islice(times, 1, None)))
        return rising and times[0] >= self._last_s and math.isfinite(times[-1])

    def _in_order(self, rows: Iterable[list[str]]) -> Iterator[list[str]]:
        last_s = self._last_s
        for row in rows:
            when_s = number_of(row[0]) if len(row) == len(self._names) else None
            if when_s is not None and when_s >= last_s:
                last_s = when_s
                yield row


def _times(cells: Sequence[str]) -> list[float] | None:
    try:
        return list(map(float, cells))
    except ValueError:
        return None


@dataclass(frozen=True)
class Piece:
    """Some rows: when they were written, and the cells of all, line by line."""

    times_s: list[float]
    names: Sequence[str]
    _cells: Sequence[str]

    def texts(self, column: str) -> Sequence[str] | None:
        """Return a column's cells; None: there is no such column."""
        if column not in self.names:
            return None
        return self._cells[self.names.index(column) :: len(self.names)]

    def known(self, column: str) -> Known | None:
        """Return the numbers of a column that are known, each with its moment; None: none is.

        Where all are known, the moments are the very list of this piece.
        """
        if (cells := self.texts(column)) is None:
            return None
        first = cells[0]
        if cells[len(cells) // 2] == first and cells.count(first) == len(cells):
            value = number_of(first)
            return None if value is None else (self.times_s, [value] * len(cells))
        try:
            found = list(map(float, cells))
        except ValueError:
            return self._told(cells)
        return (self.times_s, found) if math.isfinite(sum(found)) else self._told(cells)

    def _told(self, cells: Sequence[str]) -> Known | None:
        both = ((at, number_of(cell)) for at, cell in zip(self.times_s, cells, strict=True) if cell)
        told = [(at, value) for at, value in both if value is not None]
        return ([at for at, _ in told], [value for _, value in told]) if told else None


def number_of(cell: str) -> float | None:
    """Return the number that a cell says; None: it says none."""
    if not cell:
        return None
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
