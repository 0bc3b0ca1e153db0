"""How fast clocks were in a window, and for how long something held them down."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.monitored import gpu_of, steady, write_monitor
from support.waves import START_S

EACH = ("power", "thermal", "sync_boost", "board_limit", "reliability")


def gpu(folder: Path, rows: list[dict[str, Any]]) -> dict[str, Any]:
    write_monitor(folder, rows)
    return gpu_of(folder, START_S + 2.5, START_S + 12.5)


def test_the_drivers_counters_count(tmp_path: Path) -> None:
    """Whatever the rows saw: they see a moment each."""
    rows = steady(event_reasons="8")
    for second, row in enumerate(rows):
        row |= {f"throttled_{reason}_s": 7.0 for reason in EACH}
        row["throttled_power_s"] += 0.25 * second
        row["throttled_thermal_s"] += max(0.0, second - 12.0)
    found = gpu(tmp_path, rows)
    assert found["throttled_by"] == "counters"
    assert found["throttled_percent"] == dict.fromkeys(EACH, 0.0) | {"power": 25.0, "thermal": 5.0}


def test_a_counter_that_a_board_has_not_is_not_said_to_be_zero(tmp_path: Path) -> None:
    rows = steady()
    for row in rows:
        row["throttled_power_s"] = 7.0
    assert gpu(tmp_path, rows)["throttled_percent"] == {"power": 0.0}


def test_without_counters_each_row_speaks_for_the_time_before_it(tmp_path: Path) -> None:
    """Idleness and settings hold nobody back."""
    rows = steady(event_reasons="103")
    rows[5] |= {"event_reasons": "44"}
    rows[13] |= {"event_reasons": "8"}
    found = gpu(tmp_path, rows)
    assert found["throttled_by"] == "samples"
    assert found["throttled_percent"] == {
        "sw_power_cap": 10.0,
        "hw_slowdown": 5.0,
        "sync_boost": 0.0,
        "sw_thermal_slowdown": 0.0,
        "hw_thermal_slowdown": 10.0,
        "hw_power_brake_slowdown": 0.0,
    }


@pytest.mark.parametrize("known", [0, 5])
def test_where_half_of_the_window_is_not_known_nothing_is_said(tmp_path: Path, known: int) -> None:
    rows = steady()
    for row in rows[:known]:
        row["event_reasons"] = "4"
    found = gpu(tmp_path, rows)
    assert (found["throttled_percent"], found["throttled_by"]) == ({}, None)


def test_clocks(tmp_path: Path) -> None:
    """Of the rows inside; a row speaks for the time before it."""
    rows = steady(sm_clock_mhz=1000, memory_clock_mhz=2000)
    rows[2]["sm_clock_mhz"] = rows[20]["sm_clock_mhz"] = 1
    rows[7]["sm_clock_mhz"] = 500
    found = gpu(tmp_path, rows)
    assert (found["sm_clock_avg_mhz"], found["sm_clock_min_mhz"]) == (950, 500)
    assert (found["memory_clock_avg_mhz"], found["memory_clock_min_mhz"]) == (2000, 2000)


def test_counters_that_were_set_back_say_nothing(tmp_path: Path) -> None:
    rows = steady(event_reasons="4")
    for second, row in enumerate(rows):
        row["throttled_power_s"] = second % 8.0
    found = gpu(tmp_path, rows)
    assert (found["throttled_by"], found["throttled_percent"]["sw_power_cap"]) == ("samples", 100.0)


@pytest.mark.parametrize(("bits", "by"), [("8", "samples"), ("0", "counters")])
def test_counters_that_never_count_are_none(tmp_path: Path, bits: str, by: str) -> None:
    """Where rows have seen that something held the board back; else it was held back by nothing."""
    found = gpu(tmp_path, steady(event_reasons=bits, throttled_power_s=0.0))
    assert found["throttled_by"] == by
    assert max(found["throttled_percent"].values()) == (100.0 if by == "samples" else 0.0)
