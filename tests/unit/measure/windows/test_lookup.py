"""A window that a person names by its times."""

from __future__ import annotations

from pathlib import Path

from support.monitored import cpu_rows, steady, write_cpu, write_monitor
from tandem.measure.windows.lookup import facts_of


def test_utc_is_shown_by_one_pair_of_readings(tmp_path: Path) -> None:
    write_monitor(tmp_path, steady())
    write_cpu(tmp_path, cpu_rows())
    assert facts_of([tmp_path], "2027-01-15T08:16:42.25Z", "1012.25", is_run=False)
