"""What time it is: CLOCK_BOOTTIME for stamps and durations, UTC for people.

Imports nothing heavy: the keeper starts fast with it.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple


class Moment(NamedTuple):
    """One moment in seconds: since boot, suspended time included, and since 1970 (UTC)."""

    boottime_s: float
    utc_s: float

    def at(self, boottime_s: float) -> Moment:
        """Return another moment, as both clocks go now."""
        return Moment(boottime_s, self.utc_s + boottime_s - self.boottime_s)

    def utc_at(self, boottime_s: float) -> str:
        """Return another moment in ISO 8601, as both clocks went at this one."""
        return iso_utc(self.at(boottime_s).utc_s)

    def facts(self) -> dict[str, float]:
        """Return the pair for a file, which has one: everything else in it is on CLOCK_BOOTTIME."""
        return {"boottime_s": round(self.boottime_s, 6), "utc_s": round(self.utc_s, 6)}

    def cells(self) -> dict[str, str]:
        return {"boottime_s": f"{self.boottime_s:.4f}", "utc_s": f"{self.utc_s:.3f}"}


def now() -> Moment:
    return Moment(boottime_s(), time.time())


def boottime_s() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def suspended_s() -> float:
    """Return for how long the machine has been suspended since it booted, in seconds.

    One clock is read after the other, and this process may have to wait in between, hardly ever
    three times in a row.
    """
    return max(boottime_s() - time.monotonic() for _ in range(3))


def awake_s(from_s: float, to_s: float, suspended_s: float) -> float:
    """Return the time between two moments on CLOCK_BOOTTIME less that of a suspension in it.

    That is known to the millisecond, so that it may be more than a very short time.
    """
    return max(0.0, to_s - from_s - round(suspended_s, 3))


def moment() -> dict[str, Any]:
    """Return now for people (UTC) and for computing (seconds on CLOCK_BOOTTIME)."""
    return {"utc": iso_utc(time.time()), "boottime_s": round(boottime_s(), 6)}


def iso_utc(utc_s: float) -> str:
    """Return a moment in ISO 8601, to the microsecond."""
    microseconds = round(utc_s * 1e6)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(microseconds // 1_000_000))
    return f"{whole}.{microseconds % 1_000_000:06d}+00:00"
