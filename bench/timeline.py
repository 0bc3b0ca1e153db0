"""How long the timeline of an experiment of six hours takes, sampled at 10 Hz: a row each 0.1 s.

Usage: python bench/timeline.py [HOURS]. Exit code 1 above the limit.
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "lib"))

from tandem.measure.rows import GPU_COLUMNS, MACHINE_COLUMNS, cpu_columns  # noqa: E402
from tandem.report.details.chart import chart_of  # noqa: E402
from tandem.report.page.markup import html_of  # noqa: E402
from tandem.report.plots.timeline import timeline  # noqa: E402
from tandem.results.reading import RunReading  # noqa: E402

LONGEST_S = 1.0
STEP_S = 0.1
Row = dict[str, object]


def gpu_rows(count: int, chance: random.Random) -> Iterator[Row]:
    for n in range(count):
        watts, percent = chance.gauss(300, 20), chance.randint(60, 100)
        low, high = watts - 20 * chance.random(), watts + 20 * chance.random()
        yield {
            **{"energy_counter_mj": n * 30_000, "energy_trapezoid_j": n * 30.0, "samples": 10},
            **{"power_mean_w": f"{watts:.1f}", "power_average_w": f"{watts:.1f}"},
            **{"power_min_w": f"{low:.1f}", "power_max_w": f"{high:.1f}"},
            **{"sm_percent": percent, "foreground_sm_percent": percent // 2},
            **{"background_sm_percent": percent - percent // 2, "strangers_sm_percent": 0},
            **{"memory_used_mib": 20_000 + n // 1000, "foreground_memory_mib": 12_000},
            **{"background_memory_mib": 8000, "strangers_memory_mib": 0, "temperature_c": 65},
            **{"sm_clock_mhz": 1700 + chance.randint(-30, 30), "memory_clock_mhz": 2600},
            **{"event_reasons": "4", "throttled_power_s": f"{n * 0.01:.4f}"},
        }


def cpu_rows(count: int, chance: random.Random) -> Iterator[Row]:
    seconds = 0.0
    for n in range(count):
        seconds += STEP_S * chance.random()
        yield {
            **{"suspended_s": 0, "package_0_uj": n * 9_000_000, "dram_0_uj": n * 1_000_000},
            **{"foreground_cpu_s": f"{seconds:.2f}", "background_cpu_s": f"{seconds / 2:.2f}"},
            "foreground_pss_mib": 2000 if n % 100 == 0 else "",
        }


def machine_rows(count: int, _chance: random.Random) -> Iterator[Row]:
    for n in range(count):
        yield {"total_cpu_s": f"{n * 1.6:.2f}", "busy_cpu_s": f"{n * 0.3:.2f}"}


def write(file: Path, columns: Sequence[str], rows: Iterator[Row]) -> None:
    with file.open("w", encoding="ascii") as stream:
        stream.write(",".join(columns) + "\n")
        for n, row in enumerate(rows):
            cells = {"boottime_s": f"{1000 + n * STEP_S:.4f}", **row}
            stream.write(",".join(str(cells.get(name, "")) for name in columns) + "\n")


def main() -> None:
    hours = float(sys.argv[1]) if len(sys.argv) > 1 else 6.0
    count = round(hours * 3600 / STEP_S)
    with tempfile.TemporaryDirectory() as place:
        energy = Path(place) / "long" / "energy"
        energy.mkdir(parents=True)
        chance = random.Random(1)
        (energy / "monitor.json").write_text(f'{{"row_s": {STEP_S}}}')
        write(energy / "gpu_0.csv", GPU_COLUMNS, gpu_rows(count, chance))
        write(energy / "cpu.csv", cpu_columns(["package_0", "dram_0"]), cpu_rows(count, chance))
        write(energy / "machine.csv", MACHINE_COLUMNS, machine_rows(count, chance))
        took_s = min(_timed(energy.parent) for _ in range(3))
    print(f"a timeline of {hours:g} h at {1 / STEP_S:g} rows a second: {took_s:.2f} s CPU time")
    if hours <= 6.0 and took_s > LONGEST_S:
        sys.exit(f"more than {LONGEST_S:g} s")


def _timed(folder: Path) -> float:
    begin_s = time.process_time()
    chart = chart_of(RunReading(folder.parent).experiment(folder.name), 640)
    assert chart and len(chart.panels) == 7
    html_of(timeline(chart))
    return time.process_time() - begin_s


if __name__ == "__main__":
    main()
