"""Means, peaks and hidden memory of the rows in a window."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.monitored import gpu_of, steady, without, write_monitor
from support.waves import START_S


def test_means_are_weighted_with_time_and_clipped(folder: Path) -> None:
    times_s = [0.0, 1.0, 1.1, 1.2, 2.0, 6.0, 7.0]
    kinds = ["", "", "filled", "fresh", "", "mark", ""]
    shares = [0, 10, None, None, 20, 50, 90]
    rows = [
        {"boottime_s": START_S + s, "kind": kind, "sm_percent": share, "temperature_c": share}
        for s, kind, share in zip(times_s, kinds, shares, strict=True)
    ]
    write_monitor(folder, rows)
    gpu = gpu_of(folder, START_S + 0.5, START_S + 6.5)
    expected = (0.5 * 10 + 1.0 * 20 + 4.0 * 50 + 0.5 * 90) / 6.0
    assert gpu["sm_avg_percent"] == pytest.approx(expected)
    assert (gpu["sm_max_percent"], gpu["temperature_max_celsius"]) == (90.0, 90.0)
    assert gpu["temperature_start_celsius"] == 10.0
    assert (gpu["foreground"], gpu["background"]) == (None, None)
    assert gpu_of(folder, START_S + 6.1, START_S + 6.2)["temperature_start_celsius"] == 50.0


def test_a_mean_of_which_little_is_known_is_none(folder: Path) -> None:
    rows = steady()
    for row in rows[10:]:
        row["sm_percent"] = None
    write_monitor(folder, rows)
    assert gpu_of(folder, START_S + 1.0, START_S + 12.0)["sm_avg_percent"] == pytest.approx(50.0)
    assert gpu_of(folder, START_S + 1.0, START_S + 22.0)["sm_avg_percent"] is None


def test_peaks_of_rows_that_lie_mostly_outside_do_not_count(folder: Path) -> None:
    rows = steady()
    rows[5] |= {"power_max_w": 400, "memory_used_mib": 9000, "event_reasons": "20"}
    rows[12] |= {"power_max_w": 300, "memory_used_mib": 3000, "event_reasons": "205"}
    rows[20] |= {"power_min_w": 20, "foreground_memory_mib": 700}
    write_monitor(folder, rows)
    gpu = gpu_of(folder, START_S + 4.4, START_S + 19.6)
    assert (gpu["power_max_watts"], gpu["power_min_watts"]) == (400.0, 20.0)
    gpu = gpu_of(folder, START_S + 5.01, START_S + 19.3)
    assert (gpu["power_max_watts"], gpu["power_min_watts"]) == (300.0, 100.0)
    assert gpu["memory_max_mib"] == 3000.0
    assert gpu["event_reasons"] == ["sw_power_cap", "bit_9"]
    within_a_row = gpu_of(folder, START_S + 4.3, START_S + 4.6)
    assert within_a_row["power_max_watts"] == 400.0
    assert within_a_row["samples"] == 3


def holding(*used_mib: float | None, at_s: Sequence[float] = ()) -> list[dict[str, Any]]:
    """Rows where our own and a stranger hold 1000 MiB of so much memory."""
    held = {"foreground_memory_mib": 600, "background_memory_mib": 300, "strangers_memory_mib": 100}
    rows = steady(len(used_mib), **held)
    for row, mib in zip(rows, used_mib, strict=True):
        row["memory_used_mib"] = mib
    for row, when_s in zip(rows, at_s, strict=False):
        row["boottime_s"] = START_S + when_s
    return rows


@pytest.mark.parametrize(
    ("used_mib", "at_s", "hidden_mib"),
    [
        ([1000] * 8, (), 0.0),
        ([990] * 8, (), 0.0),  # memory and processes are read one after the other
        ([1000, 1000, 1000, 6000, 1000, 6000, 1000, 1000], (), 0.0),  # somebody went or came
        ([1000, 1000, 1000, 6000, 5500, 1000, 1000, 1000], (), 4500.0),
        ([1000, 1000, 1000, 6000, None, 6000, 1000, 1000], (), 5000.0),
        ([1000, 1000, 1000, None, 6000, None, 1000, 1000], (), 0.0),
        ([None, None, None, 1000, None, None, None, None], (), None),
        ([1000, 1000, 6000, 6000, 6000, 1000, 1000, 1000], (0, 1, 2, 2.1, 2.4, 2.6, 3, 4), 0.0),
        ([1000, 1000, 6000, 6000, 6000, 1000, 1000, 1000], (0, 1, 2, 2.1, 2.5, 2.6, 3, 4), 5000.0),
        ([None] * 8, (), None),
        ([6000, 6000, 6000, 1000, 1000, 1000, 6000, 6000], (), 0.0),  # outside
    ],
)
def test_memory_held_by_nobody_to_be_seen(
    folder: Path, used_mib: list[float | None], at_s: Sequence[float], hidden_mib: float | None
) -> None:
    rows = holding(*used_mib, at_s=at_s)
    last_s = rows[-1]["boottime_s"]
    edges_s = (START_S + 1.9, last_s - 1.1) if used_mib[0] == 6000 else (START_S, last_s)
    write_monitor(folder, rows)
    assert gpu_of(folder, *edges_s)["hidden_memory_mib"] == hidden_mib


@pytest.mark.parametrize(
    "change", [{"processes_mapped": None}, {"mps": True}, {"mig": True}, {"strangers": None}]
)
def test_hidden_memory_is_not_known_where_nobody_can_tell(
    folder: Path, change: dict[str, Any]
) -> None:
    rows = holding(*[6000.0] * 8)
    if "strangers" in change:
        rows, change = without(rows, "strangers_memory_mib"), {}
    write_monitor(folder, rows, **change)
    assert gpu_of(folder, START_S, START_S + 7.0)["hidden_memory_mib"] is None
