"""How fast a board's clocks were in a window, and for what share of it they were held back.

By the driver's counters where they count; else by the reasons that each row has seen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tandem.measure.rows import THROTTLED, Row
from tandem.measure.windows.edges import number_in, time_of

CLOCKS = ("sm_clock", "memory_clock")
# Of NVML's nvmlClocksEventReasons those that hold a board back: not idleness, not a setting.
HELD_BACK = {
    2: "sw_power_cap",
    3: "hw_slowdown",
    4: "sync_boost",
    5: "sw_thermal_slowdown",
    6: "hw_thermal_slowdown",
    7: "hw_power_brake_slowdown",
}


class Held:
    """For how long the rows of a window have seen each reason, and the lowest clocks in it."""

    def __init__(self, from_s: float, to_s: float) -> None:
        self.from_s, self.to_s = from_s, to_s
        self.since_s: float | None = None
        self.known_s = 0.0
        self.held_s = dict.fromkeys(HELD_BACK.values(), 0.0)
        self.lows: dict[str, float] = {}
        self.counted_s: dict[str, float] = {}  # by each counter
        self.set_back: set[str] = set()

    def add(self, row: Row) -> None:
        """Take a row: it speaks for the time since the row before that knew the reasons."""
        self.add_counters(row)
        bits = row.get("event_reasons")
        if not isinstance(bits, str) or not bits:
            return
        when_s = time_of(row)
        since_s, self.since_s = when_s if self.since_s is None else self.since_s, when_s
        overlap_s = min(when_s, self.to_s) - max(since_s, self.from_s)
        if overlap_s > 0.0:
            self.known_s += overlap_s
            for bit, reason in HELD_BACK.items():
                self.held_s[reason] += overlap_s if int(bits, 16) >> bit & 1 else 0.0

    def add_counters(self, row: Row) -> None:
        """Note which counters fell: the driver was loaded anew, and they say nothing."""
        for reason in THROTTLED:
            seconds = number_in(row, f"throttled_{reason}_s")
            if seconds is not None:
                if seconds < self.counted_s.get(reason, 0.0):
                    self.set_back.add(reason)
                self.counted_s[reason] = seconds

    def add_clocks(self, row: Row) -> None:
        """Take the clocks of a row that lies in the window."""
        for clock in CLOCKS:
            mhz = number_in(row, f"{clock}_mhz")
            if mhz is not None:
                self.lows[clock] = min(mhz, self.lows.get(clock, mhz))

    def shares_percent(self) -> dict[str, float]:
        """Return the share of the window that saw each reason; {}: half of it does not know."""
        if self.known_s < (self.to_s - self.from_s) / 2.0 or not self.known_s:
            return {}
        return {reason: percent(held_s, self.known_s) for reason, held_s in self.held_s.items()}


def throttled(
    held: Held, counted_s: Mapping[str, float | None], duration_s: float
) -> dict[str, Any]:
    """Return the share of a window in percent by reason, and how it is known; None: it is not.

    `counted_s` is by how much the driver's counters grew in it.
    """
    known = {
        reason: seconds
        for reason, seconds in counted_s.items()
        if seconds is not None and reason not in held.set_back
    }
    seen = held.shares_percent()
    has_counted = any(known.values()) or not any(seen.values())
    if known and duration_s and has_counted:
        shares = {reason: percent(seconds, duration_s) for reason, seconds in known.items()}
        return {"throttled_percent": shares, "throttled_by": "counters"}
    return {"throttled_percent": seen, "throttled_by": "samples" if seen else None}


def percent(part: float, whole: float) -> float:
    """Return a share in percent, 0 to 100."""
    return round(min(max(100.0 * part / whole, 0.0), 100.0), 2)
