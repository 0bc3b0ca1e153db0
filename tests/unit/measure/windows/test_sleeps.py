"""When the machine was suspended, by the rows about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from support.monitored import write_table
from tandem.measure.rows import cpu_columns
from tandem.measure.windows.sleeps import Sleep, awake_s, sleeps


def rows(folder: Path, known: Sequence[tuple[float, float | None]]) -> Path:
    """Write rows of a monitor: when, and for how long the machine had been suspended by then."""
    cells = [{"boottime_s": when_s, "suspended_s": slept_s} for when_s, slept_s in known]
    write_table(folder / "cpu.csv", cpu_columns([]), cells)
    return folder


def test_no_row_and_no_suspension(tmp_path: Path) -> None:
    assert sleeps(tmp_path) == []
    assert sleeps(rows(tmp_path, [])) == []
    assert sleeps(rows(tmp_path, [(10, 7.5), (11, 7.5), (12, 7.5)])) == []


def test_each_suspension_lies_between_two_rows(tmp_path: Path) -> None:
    """A row that does not know says nothing."""
    known = [(10, 5), (11, 5), (3611.5, 3605), (3612, None), (3613, 3605), (3634, 3625)]
    assert sleeps(rows(tmp_path, known)) == [Sleep(11.5, 3600), Sleep(3614, 20)]


@pytest.mark.parametrize(
    ("when_s", "expected"), [(10.0, 10.0), (11.4, 11.4), (3611.2, 11.2), (3640.0, 20.0)]
)
def test_moments_without_that_time(when_s: float, expected: float) -> None:
    """Nothing happens while the machine is suspended."""
    assert awake_s(when_s, [Sleep(11.5, 3600), Sleep(3614, 20)]) == pytest.approx(expected)
