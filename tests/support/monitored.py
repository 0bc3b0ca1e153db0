"""What a monitor leaves in its folder, written by a test, and what the windows make of it."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tandem.measure.rows import GPU_COLUMNS, cpu_columns
from tandem.measure.windows.window import window_facts

from support.waves import START_S, Board, Pulse

UTC_S = 1_800_000_000.0  # what time it was when CLOCK_BOOTTIME was 0
GPU = {
    "file": "gpu_0.csv",
    "index": 0,
    "uuid": "GPU-0",
    "name": "Simulated",
    "mig": False,
    "power_source": "instant",
    "mps": False,
    "processes_mapped": True,
    "missing": {},
}
ZONES = ["package_0", "package_1", "dram_0", "dram_1"]
LENGTHS_S = [0.2, 1.0, 5.0, 10.0] * 20


def write_table(path: Path, columns: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
    lines = [",".join(columns)]
    for row in rows:
        cells = {key: value for key, value in row.items() if value is not None}
        lines.append(",".join(str(cells.get(column, "")) for column in columns))
    path.write_text("\n".join(lines) + "\n")


def write_monitor(folder: Path, rows: Sequence[dict[str, Any]], **changes: Any) -> None:
    """Write a monitor's folder with one GPU; `changes` are to its part of monitor.json.

    What is missing was so from the beginning, unless they say otherwise.
    """
    write_table(folder / "gpu_0.csv", GPU_COLUMNS, rows)
    since = {"missing_since": dict.fromkeys(changes.get("missing", ()), 0.0)}
    monitor = {
        "clock": {"boottime_s": 0.0, "utc_s": UTC_S},
        "gpus": [{**GPU, **since, **changes}],
        "gpus_reason": None,
        "rapl": {"zones": [], "reason": "forbidden"},
        "warnings": [],
        **{"has_gpu": True, "pids_mapped_by": None, "other_gpus": []},
    }
    (folder / "monitor.json").write_text(json.dumps(monitor))


def gpu_of(folder: Path, from_s: float, to_s: float) -> dict[str, Any]:
    gpu: dict[str, Any] = window_facts(folder, from_s, to_s)["gpus"][0]
    return gpu


def steady(count: int = 31, **cells: Any) -> list[dict[str, Any]]:
    """Rows of 100 W and 50 % from START_S on, one a second."""
    rows: list[dict[str, Any]] = []
    for second in range(count):
        row = {
            "boottime_s": START_S + second,
            "energy_counter_mj": 10**9 + 100_000 * second,
            "energy_trapezoid_j": 100.0 * second,
            "power_mean_w": 100,
            "power_min_w": 100,
            "power_max_w": 100,
            "samples": 10,
            "largest_gap_s": 0.1,
            "unsampled_s": 0,
            "sm_percent": 50,
            "temperature_c": 60,
            "memory_used_mib": 1000,
        }
        rows.append({**row, **cells})
    return rows


def without(rows: Sequence[dict[str, Any]], *columns: str) -> list[dict[str, Any]]:
    return [{key: value for key, value in row.items() if key not in columns} for row in rows]


def trainings(
    folder: Path, lengths_s: Sequence[float], lost: Sequence[str] = (), **habits: Any
) -> list[tuple[dict[str, Any], float]]:
    """Return what is found of windows, each about a training, and the energy of each.

    A training draws power from little after the mark at its start until little before its end;
    `lost` columns are empty; `habits` are the board's, and its source of power.
    """
    chance = random.Random(5)
    source = {"power_source": "usage" if habits.get("average_s") else "instant"}
    found = []
    for length_s in lengths_s:
        from_s = START_S + chance.uniform(3.0, 4.0)
        to_s = from_s + length_s
        wave = Pulse(from_s + chance.uniform(0.005, 0.05), to_s - chance.uniform(0.0, 0.03))
        board = Board(wave, chance=random.Random(chance.random()), **habits)
        board.record(to_s + 3.0 - START_S, [from_s, to_s])
        write_monitor(folder, without(board.rows, *lost), **source)
        truth_j = wave.energy_j(to_s) - wave.energy_j(from_s)
        found.append((gpu_of(folder, from_s, to_s), truth_j))
    return found


def in_deviations(found: Sequence[tuple[dict[str, Any], float]]) -> float:
    """Return the root mean square of errors, each in units of what is stated for it."""
    ratios = [
        (gpu["energy_joules"] - truth_j) / gpu["energy_uncertainty_joules"]
        for gpu, truth_j in found
    ]
    return math.sqrt(sum(ratio**2 for ratio in ratios) / len(ratios))


def cpu_rows(count: int = 31) -> list[dict[str, Any]]:
    """Rows of 50 and 30 W of two packages, 5 and 3 W of their DRAM; one a second."""
    watts = {"package_0": 50, "package_1": 30, "dram_0": 5, "dram_1": 3}
    return [
        {
            "boottime_s": START_S + second,
            "suspended_s": 0,
            **{f"{zone}_uj": watt * second * 10**6 for zone, watt in watts.items()},
            "foreground_cpu_s": max(0, second - 5) * 0.5,
            "foreground_pss_mib": 100 + second if second % 4 == 0 else None,
            "foreground_largest_rss_mib": 60 + second,
        }
        for second in range(count)
    ]


def write_cpu(folder: Path, rows: Sequence[dict[str, Any]], zones: Sequence[str] = ZONES) -> None:
    columns = [f"{zone}_uj" for zone in zones]
    write_table(folder / "cpu.csv", cpu_columns(zones), rows)
    monitor = json.loads((folder / "monitor.json").read_text())
    monitor["rapl"] = {"zones": [{"column": column} for column in columns], "reason": None}
    (folder / "monitor.json").write_text(json.dumps(monitor))
