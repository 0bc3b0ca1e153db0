"""How fast clocks were while kernels ran: what a board does while it waits does not count."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from support.monitored import gpu_of, steady, write_monitor
from support.waves import START_S
from tandem.measure.windows.clocks import NO_WORK, NOT_REPORTED

FAST = {"sm_clock_mhz": 1980, "memory_clock_mhz": 2619}
SLOW = {"sm_clock_mhz": 345, "memory_clock_mhz": 405, "sm_percent": 0}


def at_work(folder: Path, rows: list[dict[str, Any]], seconds: float = 20.0) -> dict[str, Any]:
    write_monitor(folder, rows)
    found: dict[str, Any] = gpu_of(folder, START_S, START_S + seconds)["clocks_at_work"]
    return found


def test_seconds_without_work_do_not_count(tmp_path: Path) -> None:
    """A training imports for 8 s, in which its board lowers its clocks."""
    rows = steady(**FAST)
    for row in rows[:9]:
        row.update(SLOW)
    found = at_work(tmp_path, rows)
    assert (found["of"], found["sm_mhz"], found["memory_mhz"]) == ("board", 1980.0, 2619.0)
    assert found["sm_uncertainty_mhz"] == pytest.approx(0.29, abs=0.01)
    assert (found["known_percent"], found["reason"]) == (100.0, None)


def test_the_mean_is_by_time_and_by_the_share_of_it_with_work(tmp_path: Path) -> None:
    rows = steady(sm_clock_mhz=1000, sm_percent=40)
    for row in rows[11:21]:
        row.update(sm_clock_mhz=1600, sm_percent=80)
    assert at_work(tmp_path, rows)["sm_mhz"] == pytest.approx(1400.0)


def test_the_foregrounds_own_work_counts_where_it_is_reported(tmp_path: Path) -> None:
    """The background alone leaves the clocks high while the foreground reads its data."""
    rows = steady(**FAST, foreground_sm_percent=0)
    for row in rows[11:21]:
        row.update(sm_clock_mhz=1500, foreground_sm_percent=50)
    found = at_work(tmp_path, rows)
    assert (found["of"], found["sm_mhz"]) == ("foreground", 1500.0)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        ({"sm_percent": 0, **FAST}, NO_WORK),
        ({"sm_percent": None, **FAST}, NOT_REPORTED),
        ({"sm_clock_mhz": None}, NOT_REPORTED),
    ],
)
def test_without_work_or_reports_there_is_no_clock(
    tmp_path: Path, cells: dict[str, Any], reason: str
) -> None:
    found = at_work(tmp_path, steady(**cells))
    assert (found["of"], found["sm_mhz"], found["reason"]) == (None, None, reason)


def test_one_sample_has_a_clock_and_no_uncertainty(tmp_path: Path) -> None:
    found = at_work(tmp_path, steady(**FAST), seconds=1.0)
    assert (found["sm_mhz"], found["sm_uncertainty_mhz"]) == (1980.0, None)


def test_what_is_not_known_widens_the_uncertainty(tmp_path: Path) -> None:
    rows = steady(sm_clock_mhz=1500)
    for row in rows[::2]:
        row["sm_clock_mhz"] = 1600
    whole = at_work(tmp_path, rows)["sm_uncertainty_mhz"]
    for row in rows[12:19]:
        row["sm_clock_mhz"] = None
    found = at_work(tmp_path, rows)
    assert found["known_percent"] == 65.0
    assert found["sm_uncertainty_mhz"] > 1.5 * whole


def test_the_uncertainty_covers_clocks_that_jump_between_samples(tmp_path: Path) -> None:
    """One standard deviation of means of 20 draws holds about 68 % of them."""
    draws, inside = random.Random(5), 0
    for _ in range(200):
        rows = steady(21)
        for row in rows:
            row["sm_clock_mhz"] = draws.randint(1200, 1800)
        found = at_work(tmp_path, rows)
        inside += abs(found["sm_mhz"] - 1500.0) <= found["sm_uncertainty_mhz"]
    assert 120 <= inside <= 152


def test_a_memory_clock_that_was_reported_too_seldom_is_not_known(tmp_path: Path) -> None:
    rows = steady(**FAST)
    for row in rows[6:21]:
        row["memory_clock_mhz"] = None
    found = at_work(tmp_path, rows)
    assert (found["sm_mhz"], found["memory_mhz"]) == (1980.0, None)
    for row in rows[6:17]:
        row["memory_clock_mhz"] = 1593
    found = at_work(tmp_path, rows)
    assert 1593 < found["memory_mhz"] < 2619
    assert found["memory_uncertainty_mhz"] > 0.2 * (2619 - 1593) / 3**0.5  # a fifth is not known
