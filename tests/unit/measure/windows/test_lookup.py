"""A window that a person names by its times."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.monitored import cpu_rows, steady, write_cpu, write_monitor
from support.waves import START_S
from tandem.base.errors import UsageError
from tandem.measure.windows.lookup import facts_of
from tandem.measure.windows.window import window_facts


def test_utc_is_shown_by_one_pair_of_readings(tmp_path: Path) -> None:
    write_monitor(tmp_path, steady())
    write_cpu(tmp_path, cpu_rows())
    assert facts_of([tmp_path], "2027-01-15T08:16:42.25Z", "1012.25", is_run=False)
    monitor = json.loads((tmp_path / "monitor.json").read_text())
    (tmp_path / "monitor.json").write_text(json.dumps({**monitor, "clock": None}))
    assert window_facts(tmp_path, START_S, START_S + 1.0)["started"] is None
    assert facts_of([tmp_path], "1002.25", "1012.25", is_run=False)
    with pytest.raises(UsageError, match="--from takes seconds on CLOCK_BOOTTIME here"):
        facts_of([tmp_path], "2027-01-15T08:16:42.25Z", "", is_run=False)
