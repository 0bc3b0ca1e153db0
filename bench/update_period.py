"""How often a GPU's sensors have news: read as fast as NVML answers, the changes timed.

    bench/update_period.py [SECONDS]         10 (the default), on the first visible GPU

Two equal readings in a row look like none: an idle board's power seems to change less often than it
is measured. Read it while something trains.
"""

from __future__ import annotations

import itertools
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lib"))

from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.devices import Device, visible
from tandem.nvml.sensors import (
    FIELD_POWER_AVERAGE_MW,
    FIELD_POWER_INSTANT_MW,
    energy_counter_mj,
    fields,
    power_usage_w,
)

FEWEST = 20  # fewer changes may be those of a power that is steady, seen by a sensor that is fast


@dataclass(frozen=True)
class Period:
    """Times between the changes of one sensor, in seconds; None, with a reason, if not seen.

    `low_s` and `high_s` hold 90 % of them; `reads_s` is how often it was read.
    """

    name: str
    changes: int
    reads_s: float | None
    median_s: float | None
    low_s: float | None
    high_s: float | None
    reason: str | None


@dataclass
class Watched:
    """A sensor while it is read: when it last was, when it changed (seconds, monotonic)."""

    name: str
    read: Callable[[], float]
    value: float | None = None
    read_s: float = 0.0
    reads: int = 0
    problem: str | None = None

    def __post_init__(self) -> None:
        self.changes_s: list[float] = []

    def look(self) -> None:
        """Read once; a change lies in the middle between this reading and the one before."""
        try:
            value = self.read()
        except NvmlError as error:
            self.problem = str(error)
            return
        now_s = time.monotonic()
        if self.value is not None and value != self.value:
            self.changes_s.append((self.read_s + now_s) / 2)
        self.value, self.read_s = value, now_s
        self.reads += 1

    def period(self, duration_s: float) -> Period:
        times = [b - a for a, b in itertools.pairwise(self.changes_s)]
        reads_s = duration_s / self.reads if self.reads else None
        changes = len(self.changes_s)
        if self.problem or len(times) < FEWEST:
            reason = self.problem or f"{changes} changes in {duration_s:.0f} s"
            return Period(self.name, changes, reads_s, None, None, None, reason)
        cuts = statistics.quantiles(times, n=20, method="inclusive")
        return Period(
            self.name, changes, reads_s, statistics.median(times), cuts[0], cuts[-1], None
        )


def field_of(device: Device, number: int) -> float:
    value = fields(device, [number])[0]
    if isinstance(value, NvmlError):
        raise value
    return value


def update_periods(device: Device, duration_s: float) -> list[Period]:
    """Return how often each sensor of a GPU changed; keeps one core busy meanwhile."""
    sensors = [
        Watched("energy counter", lambda: energy_counter_mj(device)),
        Watched("instant power (field 186)", lambda: field_of(device, FIELD_POWER_INSTANT_MW)),
        Watched("average power (field 185)", lambda: field_of(device, FIELD_POWER_AVERAGE_MW)),
        Watched("nvmlDeviceGetPowerUsage", lambda: power_usage_w(device)),
    ]
    begin_s = time.monotonic()
    while time.monotonic() < begin_s + duration_s:
        working = [sensor for sensor in sensors if sensor.problem is None]
        if not working:
            break
        for sensor in working:
            sensor.look()
    return [sensor.period(time.monotonic() - begin_s) for sensor in sensors]


def table(periods: Sequence[Period]) -> list[str]:
    """Return the lines of a Markdown table, times in milliseconds."""
    lines = ["| sensor | changes every | 90 % within | changes seen | read every |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for each in periods:
        reads = "-" if each.reads_s is None else f"{1000 * each.reads_s:.2f} ms"
        if each.median_s is None or each.low_s is None or each.high_s is None:
            cells = [f"not known: {each.reason}", "-"]
        else:
            span = f"{1000 * each.low_s:.1f} to {1000 * each.high_s:.1f} ms"
            cells = [f"{1000 * each.median_s:.1f} ms", span]
        lines.append(f"| {' | '.join([each.name, *cells, str(each.changes), reads])} |")
    return lines


def main() -> int:
    duration_s = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    try:
        with opened():
            devices = visible(os.environ.get("CUDA_VISIBLE_DEVICES"))
            if not devices:
                raise NvmlError("no GPU is visible")
            print("\n".join(table(update_periods(devices[0], duration_s))))
    except NvmlError as error:
        print(f"update_period.py: error: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
