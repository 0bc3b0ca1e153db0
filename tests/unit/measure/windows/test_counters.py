"""What GPM's counters say of a window: means, maxima, and of what part nothing is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.monitored import GPU, write_table
from tandem.measure.rows import GPM_COLUMNS
from tandem.measure.windows.counters import NOT_ASKED, counter_facts
from tandem.nvml.gpm import METRICS

ASKED: dict[str, Any] = {**GPU, "counters_file": "gpm_0.csv", "missing_since": {}}


def facts(folder: Path, rows: list[dict[str, Any]], **gpu: Any) -> tuple[Any, Any]:
    """Return counters and reason of the window from 0 to 10 s."""
    write_table(folder / "gpm_0.csv", GPM_COLUMNS, rows)
    found = counter_facts(folder, {**ASKED, **gpu}, 0.0, 10.0)
    return found["counters"], found["counters_reason"]


def row(from_s: float, to_s: float, **values: float) -> dict[str, Any]:
    return {"boottime_s": to_s, "from_s": from_s, **values}


def test_the_file_has_a_column_for_each_metric() -> None:
    assert set(METRICS) == set(GPM_COLUMNS[3:])


def test_rows_count_by_their_time_within_the_window(tmp_path: Path) -> None:
    rows = [row(-1, 1, sm_active_percent=100), row(1, 5, sm_active_percent=50)]
    rows += [row(5, 9.5, sm_active_percent=20), row(9.5, 13, sm_active_percent=90)]
    found, reason = facts(tmp_path, rows)
    assert found["sm_active_percent_mean"] == pytest.approx((100 + 4 * 50 + 4.5 * 20 + 45) / 10)
    assert found["sm_active_percent_max"] == 100  # half of its row; of the last only a seventh
    assert (found["known_percent"], reason) == (100, None)
    assert found["tensor_active_percent_mean"] is None


def test_impossible_values_are_never_averaged_in(tmp_path: Path) -> None:
    rows = [row(0, 4, dram_active_percent=40), row(4, 6), row(6, 10, dram_active_percent=40)]
    found, reason = facts(tmp_path, rows)
    assert (found["dram_active_percent_mean"], found["known_percent"]) == (40, 80)
    assert reason.startswith("impossible values for 2.0 s of 10.0 s: the counters wrapped, or some")
    found, reason = facts(tmp_path, [row(0, 4, dram_active_percent=40), row(4, 10)])
    assert found is None
    assert "6.0 s of 10.0 s" in reason


def test_what_is_missing_has_its_reason(tmp_path: Path) -> None:
    assert facts(tmp_path, [], counters_file=None) == (None, NOT_ASKED)
    absent = {"missing": {"gpm": "needs DCGM"}, "missing_since": {"gpm": -5.0}}
    assert facts(tmp_path, [], **absent) == (None, "needs DCGM")
    later = {"missing": {"gpm": "no permission"}, "missing_since": {"gpm": 7.0}}
    found, reason = facts(tmp_path, [row(0, 7, sm_active_percent=30)], **later)
    assert (found["sm_active_percent_mean"], found["known_percent"]) == (30, 70)
    assert reason == "not read for 3.0 s of 10.0 s: no permission"


def test_known_percent_holds_for_each_metric_that_has_a_mean(tmp_path: Path) -> None:
    rows = [row(0, 7, sm_active_percent=30, dram_active_percent=20, fp64_active_percent=1)]
    rows += [row(7, 10, sm_active_percent=30)]
    found, reason = facts(tmp_path, rows)
    assert (found["sm_active_percent_mean"], found["dram_active_percent_mean"]) == (30, 20)
    assert found["known_percent"] == 70
    assert "70.0 %" in reason
