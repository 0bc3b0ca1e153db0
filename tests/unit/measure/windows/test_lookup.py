"""A window that a person names by its times."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from support.monitored import cpu_rows, steady, write_cpu, write_monitor
from tandem.base.errors import UsageError
from tandem.measure.windows.lookup import facts_of, utc_s


def test_utc_is_shown_by_one_pair_of_readings(tmp_path: Path) -> None:
    write_monitor(tmp_path, steady())
    write_cpu(tmp_path, cpu_rows())
    assert facts_of([tmp_path], "2027-01-15T08:16:42.25Z", "1012.25", is_run=False)


@pytest.mark.parametrize(
    ("clock", "rows", "expected"),
    [
        ("10:30", ("03T10:00", "03T11:00"), "03T10:30"),
        ("23:50", ("02T22:00", "03T01:00"), "02T23:50"),  # begins before midnight
        ("00:10", ("02T22:00", "03T01:00"), "03T00:10"),  # and ends after it
        ("10:30", ("01T09:00", "03T11:00"), "03T10:30"),  # there are three: the newest
        ("10:30", ("01T09:00", "03T10:00"), "02T10:30"),
        ("11:10", ("03T10:00", "03T11:00"), "03T11:10"),  # beyond the rows: the nearest
        ("00:05", ("02T23:00", "02T23:59"), "03T00:05"),
        ("09:50", ("03T10:00", "03T11:00"), "03T09:50"),
    ],
)
def test_a_time_alone_is_the_newest_in_the_rows(
    clock: str, rows: tuple[str, str], expected: str
) -> None:
    first, last, when = (
        datetime.fromisoformat(f"2026-06-{each}").timestamp() for each in (*rows, expected)
    )
    assert utc_s("--from", clock, (first, last)) == when


@pytest.mark.parametrize("text", ["24:00", "10:60", "10:", ":30", "soon", "1:2:3:4", "99999-01-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="HH:MM"):
        utc_s("--from", text, (0.0, 1.0))
