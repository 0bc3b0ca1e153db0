"""Raw files that fit a record which is made up: samples, logs, rounds, as the monitor writes them.

write_raw_files(folder, record)                  a row a second
write_raw_files(folder, record, rate_hz=10.0)    ten
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tandem.background.rounds import ROUNDS
from tandem.log.follow import EPOCHS
from tandem.measure.rows import GPU_COLUMNS, MACHINE_COLUMNS, ON_GPUS, PLACE_COLUMNS, cpu_columns
from tandem.measure.sampling.strangers import COLUMNS as STRANGERS

from support.made_up_records import BEGIN_S, BEGIN_UTC_S, IDLE_W

SPIKE_W = 699.0  # in one row of each foreground
FIRST_MJ = 1_000_000_000


def write_raw_files(folder: Path, record: Any, rate_hz: float = 1.0) -> None:
    """Write what the record of an experiment would have been made from."""
    attempt = folder / "attempts" / "1"
    attempt.mkdir(parents=True)
    (attempt / "training.log").write_text(training_log(record), encoding="utf-8")
    (attempt / EPOCHS).write_text(epochs(record), encoding="utf-8")
    if record["background"]:
        write_rounds(folder / "background_logs", record["background"]["parts"][0]["rounds"])
    write_samples(folder / "energy", record, rate_hz)


def training_log(record: Any) -> str:
    lines = [
        f"epoch {each['epoch']}/{record['epochs']['expected']}: loss {2.3 / each['epoch']:.4f}\n"
        for each in record["epoch_times"]
    ]
    return "".join(lines) + f"{record['log']['last_line']}\n"


def epochs(record: Any) -> str:
    begin_s = record["attempts"][0]["start_boottime_s"]
    times = ((begin_s + each["seconds"], each["epoch"]) for each in record["epoch_times"])
    return "".join(f"{when_s:.6f}\t{epoch}\n" for when_s, epoch in times)


def write_rounds(folder: Path, rounds: Any) -> None:
    folder.mkdir()
    lines = []
    for each in rounds:
        lines.append(f"start\t{each['first']}\t{each['start_boottime_s']:.3f}\n")
        lines.append(f"end\t{each['first']}\t{each['end_boottime_s']:.3f}\t0\tended\n")
    (folder / ROUNDS).write_text("".join(lines), encoding="utf-8")
    (folder / "run_1.log").write_text("epoch 1/5: loss 0.7\nacc 91.2\n", encoding="utf-8")


def write_samples(folder: Path, record: Any, rate_hz: float) -> None:
    folder.mkdir()
    table(folder / "gpu_0.csv", GPU_COLUMNS, gpu_rows(record, rate_hz))
    table(folder / ON_GPUS, PLACE_COLUMNS, [])
    table(folder / "strangers.csv", STRANGERS, [])
    windows = record["windows"]
    edges = sorted(each[f"{edge}_boottime_s"] for each in windows for edge in ("start", "end"))
    cpu = (
        (edge_s, "mark", 0, 1.1 * n, 800 + n, 500, n, 900, 600) for n, edge_s in enumerate(edges)
    )
    table(folder / "cpu.csv", cpu_columns([]), cpu)
    machine = (
        (edge_s, "mark", 64 * n, 20 * n, 18 * n, 0, 0, 0.1 * n, 0, 0, 0)
        for n, edge_s in enumerate(edges)
    )
    table(folder / "machine.csv", MACHINE_COLUMNS, machine)
    monitor = monitor_json(record, edges[-1], rate_hz)
    (folder / "monitor.json").write_text(json.dumps(monitor, indent=1) + "\n", encoding="utf-8")


def monitor_json(record: Any, end_s: float, rate_hz: float) -> dict[str, Any]:
    board = record["windows"][-1]["gpus"][0]
    gpu = {
        **{"file": "gpu_0.csv", "index": 0, "uuid": board["uuid"], "name": board["name"]},
        **{"mig": False, "power_limit_w": 700.0, "power_source": "instant", "mps": False},
        **{"processes_mapped": True, "counter_period_s": 0.02, "power_period_s": 0.1},
        **{"missing": {}, "missing_since": {}, "gaps": []},
    }
    return {
        **{"version": 2, "pid": 4720, "clock": {"boottime_s": BEGIN_S, "utc_s": BEGIN_UTC_S}},
        **{"end_boottime_s": end_s, "interval_s": 0.1, "row_s": 1 / rate_hz},
        **{"driver": "590.48.01", "nvml_version": "13.590.48.01", "gpus_reason": None},
        **{"has_gpu": True, "pids_mapped_by": "a process of ours was seen", "other_gpus": []},
        **{"machine_reason": None, "memory_reasons": {}, "gpus": [gpu]},
        "rapl": {"zones": [], "reason": "no package in /sys/class/powercap"},
        "warnings": [],
    }


def gpu_rows(record: Any, rate_hz: float) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of all windows, in the middle of the last a power that lasts for one row."""
    energy_j, end_s = 0.0, record["windows"][0]["start_boottime_s"]
    for window in record["windows"]:
        energy_j += IDLE_W * (window["start_boottime_s"] - end_s)
        end_s = window["end_boottime_s"]
        mean_w, long_s = window["gpus"][0]["power_avg_watts"], window["duration_seconds"]
        count = max(1, int(long_s * rate_hz))
        has_load, is_front = window["load"] is not None, bool(window["attempt"])
        for number in range(count + 1):
            power_w = mean_w + 12.0 * math.sin(number / 3.0 / rate_hz)
            most_w = SPIKE_W if is_front and number == count // 2 else power_w + 9.0
            energy_j += power_w / rate_hz * (number > 0)
            is_edge = number in (0, count)
            when_s = end_s if number == count else window["start_boottime_s"] + number / rate_hz
            busy = 95 if is_front else 40 if has_load else 0
            own = (60, 5400) if is_front else (0, "")
            other = (35, 5400) if has_load else (0, "")
            clock_mhz = 1980 - int((power_w - IDLE_W) / 3.0)
            power = (f"{power_w:.1f}", f"{power_w - 9.0:.1f}", f"{most_w:.1f}", 4, f"{power_w:.1f}")
            yield (
                *(f"{when_s:.6f}", "mark" if is_edge else ""),
                *(FIRST_MJ + int(energy_j * 1000), f"{energy_j:.2f}", *power),
                *(10, 0.1, 0, busy, busy // 2, 10800 if busy else 600, 41 + busy // 5),
                *(clock_mhz, 2619, "0", 0, 0, 0, 0, 0, *own, *other, 0, 0, 0),
            )


def table(file: Path, columns: tuple[str, ...], rows: Any) -> None:
    with open(file, "w", encoding="utf-8") as stream:
        stream.write(",".join(columns) + "\n")
        stream.writelines(",".join(map(str, row)) + "\n" for row in rows)
