"""What the report costs: bytes, seconds to make it, seconds until Chromium shows it.

And what `status` costs of a run that 64 workers drain, and the report of that.

Usage: python bench/report.py. Exit code 1 above the limits. The runs are made up (tests/support).
Without Chromium the pages are made, and not shown.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "lib"), str(ROOT / "tests")]

from support.big_run import write_big_run  # noqa: E402
from support.big_shared_run import SharedBigRun  # noqa: E402
from support.browser import chromium_started, opened  # noqa: E402
from support.raw_files import write_raw_files  # noqa: E402
from tandem.report.details.chart import chart_of  # noqa: E402
from tandem.report.page.markup import html_of  # noqa: E402
from tandem.report.plots.timeline import timeline  # noqa: E402
from tandem.results.reading import RunReading  # noqa: E402

# Configurations and repeats; megabytes, seconds to make it, seconds until it is shown.
SIZES = {528: (6, 8, 2.0, 2.0, None), 10_010: (26, 35, 6.0, 10.0, 1.0)}
STATUS_S = 1.0
TRIES = 3
LONG_S, RATE_HZ, LONGEST_S = 6 * 3600.0, 10.0, 1.0
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0].startTime"


@dataclass
class Bench:
    is_over: bool = False
    shown: list[tuple[int, Path, float | None]] = field(default_factory=list)

    def tell(self, what: str, value: float, unit: str, limit: float | None) -> None:
        over = limit is not None and value > limit
        self.is_over |= over
        most = "" if limit is None else f" (at most {limit:g} {unit})"
        print(f"{what}: {value:.2f} {unit}{most}{'  TOO MUCH' if over else ''}", flush=True)

    def make(self, count: int, folder: Path) -> None:
        configs, repeats, most_mb, most_s, most_shown_s = SIZES[count]
        run = write_big_run(folder, configs=configs, repeats=repeats, rate_hz=1.0)
        command = [sys.executable, str(ROOT / "driver.py"), "report", str(run)]
        took_s = fastest(lambda: subprocess.run(command, stdout=subprocess.DEVNULL, check=True))
        report = run / "report.html"
        self.tell(f"{count} experiments", report.stat().st_size / 1e6, "MB", most_mb)
        self.tell(f"{count} experiments, made in", took_s, "s", most_s)
        self.shown.append((count, report, most_shown_s))

    def look(self, count: int, folder: Path) -> None:
        """Time the status of a run in the midst of its work, and its report."""
        configs, repeats, _, most_s, _ = SIZES[count]
        size: Any = {"configs": configs, "repeats": repeats, "has_ended": False}
        run = write_big_run(folder, kind=SharedBigRun, **size)
        what = f"{count} experiments and {SharedBigRun.workers} workers"
        for command, limit_s in (("status", STATUS_S), ("report", most_s)):
            words = [sys.executable, str(ROOT / "driver.py"), command, str(run)]
            run_it = partial(subprocess.run, words, stdout=subprocess.DEVNULL, check=True)
            took_s = fastest(run_it)
            self.tell(f"{command} of {what}", took_s, "s", limit_s)

    def show(self, chromium: Any) -> None:
        for count, report, most_s in self.shown:
            paints_s = []
            for _ in range(TRIES):
                with opened(chromium, report) as page:
                    paints_s.append(page.evaluate(FIRST_PAINT) / 1000)
            self.tell(f"{count} experiments, shown in", min(paints_s), "s", most_s)

    def draw(self, folder: Path) -> None:
        """Time the timeline of one long experiment, from its files to its drawing."""
        run = write_big_run(folder, configs=2, repeats=1, doses=(1.0,), has_faults=False)
        file = sorted(run.glob("*_solo/experiment.json"))[0]
        record = json.loads(file.read_bytes())
        window, attempt = record["windows"][-1], record["attempts"][-1]
        for place in (window, attempt):
            place["end_boottime_s"] = place["start_boottime_s"] + LONG_S
            place["duration_seconds"] = LONG_S
        file.write_text(json.dumps(record))
        write_raw_files(file.parent, record, RATE_HZ)
        reading = RunReading(run).experiment(file.parent.name)

        def drawn() -> None:
            chart = chart_of(reading, 640)
            assert chart
            html_of(timeline(chart))

        self.tell("a timeline of 6 h at 10 Hz", fastest(drawn), "s", LONGEST_S)


def fastest(action: Callable[[], object]) -> float:
    """Return how many seconds something takes, the least of some tries: others work here too."""
    times_s = []
    for _ in range(TRIES):
        begin_s = time.perf_counter()
        action()
        times_s.append(time.perf_counter() - begin_s)
    return min(times_s)


def main() -> int:
    bench = Bench()
    with tempfile.TemporaryDirectory() as name:
        bench.draw(Path(name) / "long")
        for count in SIZES:
            bench.make(count, Path(name) / str(count))
        bench.look(max(SIZES), Path(name) / "workers")
        try:
            with chromium_started() as chromium:
                bench.show(chromium)
        except BaseException as error:  # pytest's Skipped is no Exception
            if type(error).__name__ != "Skipped":
                raise
            print(f"not shown: {error}")
    return int(bench.is_over)


if __name__ == "__main__":
    sys.exit(main())
