"""When the machine was suspended, from the monitor's rows; moments without that time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tandem.measure.rows import SUSPENDED, Row, last_row, read_rows
from tandem.measure.windows.edges import number_in, time_of


@dataclass(frozen=True)
class Sleep:
    """One suspension: all that happened after `from_s` (CLOCK_BOOTTIME) lies behind it.

    It began at most one row's period earlier.
    """

    from_s: float
    length_s: float


def sleeps(folder: Path) -> list[Sleep]:
    """Return the suspensions that the monitor saw, oldest first; [] where it left no row."""
    path = folder / "cpu.csv"
    first, last = next(read_rows(path), None), last_row(path)
    if first is None or last is None or _suspended_s(first) == _suspended_s(last):
        return []
    return list(_steps(row for row in read_rows(path) if _suspended_s(row) is not None))


def awake_s(when_s: float, slept: Sequence[Sleep]) -> float:
    """Return a moment as it would be without the suspensions before it."""
    return when_s - sum(sleep.length_s for sleep in slept if when_s > sleep.from_s)


def _steps(rows: Iterator[Row]) -> Iterator[Sleep]:
    for before, after in pairwise(rows):
        length_s = round((_suspended_s(after) or 0.0) - (_suspended_s(before) or 0.0), 4)
        if length_s > 0.0:
            yield Sleep(round(time_of(after) - length_s, 4), length_s)


def _suspended_s(row: Row) -> float | None:
    return number_in(row, SUSPENDED)
