"""What time it is: CLOCK_BOOTTIME for stamps and durations, UTC for people.

Imports nothing heavy: the keeper starts fast with it.
"""

from __future__ import annotations

import time
from typing import NamedTuple

_SAME_S = 1e-3  # two answers about the same suspension differ by less, and none is so short


class Moment(NamedTuple):
    """One moment in seconds: since boot, suspended time included, and since 1970 (UTC).

    One such pair stands in each file; it turns every other stamp of the file into UTC.
    """

    boottime_s: float
    utc_s: float

    def at(self, boottime_s: float) -> Moment:
        """Return another moment, as both clocks went at this one."""
        return Moment(boottime_s, self.utc_s + boottime_s - self.boottime_s)

    def iso_at(self, boottime_s: float) -> str:
        """Return another moment in ISO 8601, for people."""
        return iso_utc(self.at(boottime_s).utc_s)

    def readings(self) -> dict[str, float]:
        """Return the pair for a file in JSON."""
        return {name: round(value, 6) for name, value in self._asdict().items()}


def now() -> Moment:
    return Moment(boottime_s(), time.time())


def boottime_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def suspended_s(known_s: float = 0.0) -> float:
    """Return for how long the machine was suspended since its start.

    It is CLOCK_BOOTTIME less CLOCK_MONOTONIC. They are read one after the other, and this process
    may have to wait in between: as long as the answer before (`known_s`) can still be true, it is
    the answer. So two answers differ by a suspension alone.
    """
    bounds_s = [_suspended_bounds_s() for _ in range(3)]
    if any(least_s - _SAME_S <= known_s <= most_s + _SAME_S for least_s, most_s in bounds_s):
        return known_s
    least_s, most_s = min(bounds_s, key=lambda bounds: bounds[1] - bounds[0])
    return (least_s + most_s) / 2


def awake_s(from_s: float, to_s: float, suspended_s: float) -> float:
    """Return the time between two moments on CLOCK_BOOTTIME less that of a suspension in it.

    That is known to the millisecond, so that it may be more than a very short time.
    """
    return max(0.0, to_s - from_s - round(suspended_s, 3))


def _suspended_bounds_s() -> tuple[float, float]:
    before_s, now_s, after_s = time.monotonic(), boottime_s(), time.monotonic()
    return now_s - after_s, now_s - before_s


def iso_utc(utc_s: float) -> str:
    """Return a moment in ISO 8601, to the microsecond."""
    microseconds = round(utc_s * 1e6)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(microseconds // 1_000_000))
    return f"{whole}.{microseconds % 1_000_000:06d}+00:00"
