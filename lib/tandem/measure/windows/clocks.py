"""How fast a board's clocks were while it computed: a mean over the time at work, not over all.

A training also reads files, imports and waits for the host, and a board without work may lower its
clocks. Such seconds say nothing of how fast kernels ran. So each row of the monitor counts by the
time since the row before, times the share of it in which kernels ran: those of the foreground
where use by process is reported, else those of anybody.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tandem.measure.rows import Row
from tandem.measure.windows.edges import number_in, time_of

FOREGROUND, BOARD = "foreground", "board"
USE = {FOREGROUND: "foreground_sm_percent", BOARD: "sm_percent"}
LEAST_KNOWN = 0.5  # of the window, as for other means
NOT_REPORTED = "the clocks, or the use of the board, were reported for less than half of it"
NO_WORK = "the board was at work in none of it"
ROUNDED_MHZ = 1.0 / math.sqrt(12.0)  # readings are whole MHz

Facts = dict[str, Any]


@dataclass
class Weighted:
    """Sums for a weighted mean of one clock, and how far its readings lie apart."""

    weight: float = 0.0
    weight2: float = 0.0
    sum: float = 0.0
    sum2: float = 0.0
    low: float = math.inf
    high: float = -math.inf

    def add(self, mhz: float, weight: float) -> None:
        self.weight += weight
        self.weight2 += weight * weight
        self.sum += weight * mhz
        self.sum2 += weight * mhz * mhz
        self.low, self.high = min(self.low, mhz), max(self.high, mhz)

    def mean(self) -> float | None:
        return self.sum / self.weight if self.weight else None

    def sigma(self, unknown: float) -> float | None:
        """Return one standard deviation of the mean; None of fewer than two readings.

        Readings are a second apart, and clocks change within milliseconds: each is taken as drawn
        at random. In the share of the time that is `unknown` the clock may have been anything that
        was seen.
        """
        count = self.weight**2 / self.weight2 if self.weight2 else 0.0  # Kish's effective number
        if count < 1.5:
            return None
        mean = self.sum / self.weight
        variance = max(self.sum2 / self.weight - mean**2, 0.0) * count / (count - 1.0)
        missing = unknown * (self.high - self.low) / math.sqrt(3.0)
        return math.hypot(math.sqrt(variance / count), missing, ROUNDED_MHZ)


class AtWork:
    """The clocks of a window's rows, weighted by the use that they tell of."""

    def __init__(self, from_s: float, to_s: float) -> None:
        self.from_s, self.to_s = from_s, to_s
        self.since_s = math.inf
        self.known_s = dict.fromkeys(USE, 0.0)
        self.sm = {of: Weighted() for of in USE}
        self.memory = {of: Weighted() for of in USE}

    def add(self, row: Row) -> None:
        """Take a row that knows more than power: it speaks for the time since the row before."""
        sm_mhz, memory_mhz = number_in(row, "sm_clock_mhz"), number_in(row, "memory_clock_mhz")
        when_s = time_of(row)
        length_s = min(when_s, self.to_s) - max(self.since_s, self.from_s)
        self.since_s = when_s
        if sm_mhz is None or length_s <= 0.0:
            return
        for of, column in USE.items():
            percent = number_in(row, column)
            if percent is None:
                continue
            self.known_s[of] += length_s
            if percent > 0.0:
                self.sm[of].add(sm_mhz, length_s * percent)
                if memory_mhz is not None:
                    self.memory[of].add(memory_mhz, length_s * percent)

    def facts(self) -> Facts:
        """Return mean clocks with one standard deviation each, in MHz, and of whose work."""
        known = {of: self.known_share(of) for of in USE}
        of = next((of for of in USE if known[of] >= LEAST_KNOWN and self.sm[of].weight), None)
        if of is None:
            reason = NO_WORK if known[BOARD] >= LEAST_KNOWN else NOT_REPORTED
            return _facts(None, Weighted(), Weighted(), 0.0, reason)
        return _facts(of, self.sm[of], self.memory[of], known[of], None)

    def known_share(self, of: str) -> float:
        length_s = self.to_s - self.from_s
        return min(self.known_s[of] / length_s, 1.0) if length_s > 0.0 else 0.0


def _facts(
    of: str | None, sm: Weighted, memory: Weighted, known: float, reason: str | None
) -> Facts:
    """Return the facts; the memory's clock may be reported for less of the work than the SMs'."""
    part = memory.weight / sm.weight if sm.weight else 0.0
    if part < LEAST_KNOWN:
        memory = Weighted()
    return {
        "of": of,
        "sm_mhz": sm.mean(),
        "sm_uncertainty_mhz": sm.sigma(1.0 - known),
        "memory_mhz": memory.mean(),
        "memory_uncertainty_mhz": memory.sigma(1.0 - known * part),
        "known_percent": round(100.0 * known, 2),
        "reason": reason,
    }
