"""What rows say between two moments, added up as they pass by: nothing of them is kept."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeVar

from tandem.measure.rows import CONTEXT, ROLES, Row, rows_between
from tandem.measure.windows.clocks import AtWork
from tandem.measure.windows.edges import (
    COUNTER,
    REACH_S,
    Spread,
    extremes,
    linear,
    number_in,
    time_of,
)
from tandem.measure.windows.habits import USUAL_S, Habits
from tandem.measure.windows.nearby import Nearby
from tandem.measure.windows.throttle import Held

MEANS = (
    *("sm_percent", "temperature_c", "sm_clock_mhz", "memory_clock_mhz"),
    *("foreground_sm_percent", "background_sm_percent"),
)
PEAKS = (
    "power_max_w",
    "sm_percent",
    "temperature_c",
    "memory_used_mib",
    "foreground_memory_mib",
    "background_memory_mib",
)
MEMORY = tuple(f"{role}_{kind}_mib" for role in ROLES for kind in ("pss", "largest_rss"))
SLACK_S = 0.05  # a row that was asked for at an edge lies no further behind it
HELD = ("foreground_memory_mib", "background_memory_mib", "strangers_memory_mib")
APART_S = 0.5  # memory and processes are read one after the other; so far apart both are still so
PARTIAL_KINDS = ("stale", "fresh", "fine", "filled")  # rows that know power and energy alone


class Tally:
    """The rows of one file between two moments on CLOCK_BOOTTIME.

    A row says what was since the row before. Means and sums are clipped to the window; a peak
    counts if at least half of its row lies inside, or half of the window inside the row.
    """

    reach_s = REACH_S

    def __init__(self, from_s: float, to_s: float) -> None:
        self.from_s, self.to_s = from_s, to_s
        self.start, self.end = Nearby(from_s, self.reach_s), Nearby(to_s, self.reach_s)
        self.before_s = math.inf
        self.first_inside_s: float | None = None  # of the rows that list processes
        self.last_inside_s: float | None = None
        self.peaks: dict[str, float] = {}

    def add(self, row: Row) -> None:
        """Take the next row; they come in their order."""
        self.start.add(row)
        self.end.add(row)
        when_s = time_of(row)
        overlap_s = min(when_s, self.to_s) - max(self.before_s, self.from_s)
        length_s = when_s - self.before_s
        self.before_s = when_s
        if overlap_s > 0.0 and overlap_s >= min(length_s, self.to_s - self.from_s) / 2.0:
            self.add_inside(row)

    def add_inside(self, row: Row) -> None:
        if row["kind"] not in PARTIAL_KINDS:
            when_s = time_of(row)
            self.first_inside_s = when_s if self.first_inside_s is None else self.first_inside_s
            self.last_inside_s = when_s

    def growth(self, column: str, beside: str | None = None) -> float | None:
        """Return by how much a cumulative column grew; None where an edge is not known, or it fell.

        `beside`: only rows count that know this column, too.
        """
        edges = []
        for nearby, when_s in ((self.start, self.from_s), (self.end, self.to_s)):
            rows = [row for row in nearby.rows if number_in(row, beside or column) is not None]
            edges.append(linear(rows, column, when_s))
        before, after = edges
        return None if before is None or after is None or after < before else after - before

    def add_peaks(self, row: Row, columns: tuple[str, ...]) -> None:
        for column in columns:
            value = row.get(column)
            if isinstance(value, float) and value > self.peaks.get(column, -math.inf):
                self.peaks[column] = value


class RoleTally(Tally):
    """Rows of cpu.csv: the most memory of the foreground and of the background.

    Large process trees are looked at once in many rows only, so more of these count as near.
    """

    reach_s = 60.0

    def add_inside(self, row: Row) -> None:
        super().add_inside(row)
        self.add_peaks(row, MEMORY)


class GpuTally(Tally):
    """Rows of one GPU.

    `sampled_s` is for how long power was sampled; None where there is no power at all.
    `is_counted`: a row inside knows the energy counter.
    `unseen_s` is for how long nothing was sampled, 0 unless the window may lie in that gap.
    `stale_s` is for how long the energy counter stood still at most while power was drawn.
    `inside_w` is the lowest and the highest power of rows that know nothing of the time outside,
    None where there is no such row; `near_w` also that of rows about it.
    `hidden_mib` is the most memory that no process in the list held, in two rows running at least
    `APART_S` apart and all between them, of those that know it; None where there are no two.
    """

    def __init__(self, from_s: float, to_s: float, habits: Habits) -> None:
        super().__init__(from_s, to_s)
        self.habits = habits
        self.spread = Spread(habits.power_s)
        self.power_s = math.inf  # the last row that knew power
        self.inside_w: tuple[float, float] | None = None
        self.samples = 0.0
        self.sampled_s: float | None = None
        self.largest_gap_s = self.unseen_s = 0.0
        self.power_min_w: float | None = None
        self.temperature_start_c: float | None = None
        self.is_start_known = False
        self.event_bits = 0
        self.held = Held(from_s, to_s)
        self.at_work = AtWork(from_s, to_s)
        self.ran_backwards = self.is_counted = False
        self.stale_s = 0.0
        self.hidden_mib: float | None = None
        self.hidden_since: tuple[float, float] | None = None  # when, and the least of it since
        self.counter_mj: float | None = None
        self.moved_s = math.inf
        self.since_s = dict.fromkeys(MEANS, math.inf)
        self.sums = dict.fromkeys(MEANS, 0.0)
        self.known_s = dict.fromkeys(MEANS, 0.0)

    def add(self, row: Row) -> None:
        super().add(row)
        self.held.add(row)
        if row["kind"] not in PARTIAL_KINDS:
            self.at_work.add(row)
        self.add_means(row)
        self.add_counter(row)
        self.add_power(row)
        if not self.is_start_known:
            self.add_start(row)

    def add_start(self, row: Row) -> None:
        """Take the first temperature at or after the start, or else the last one before."""
        temperature_c = number_in(row, "temperature_c")
        if temperature_c is not None and time_of(row) <= self.to_s:
            self.temperature_start_c = temperature_c
            self.is_start_known = time_of(row) >= self.from_s

    def add_means(self, row: Row) -> None:
        """Weight each value with the time since the row that knew the column before."""
        when_s, is_partial = time_of(row), row["kind"] in PARTIAL_KINDS
        for column in MEANS:
            value = row[column]
            if isinstance(value, float):
                overlap_s = min(when_s, self.to_s) - max(self.since_s[column], self.from_s)
                if overlap_s > 0.0:
                    self.sums[column] += value * overlap_s
                    self.known_s[column] += overlap_s
            elif is_partial:
                continue
            self.since_s[column] = when_s

    def add_counter(self, row: Row) -> None:
        counter_mj, when_s = number_in(row, COUNTER), time_of(row)
        if counter_mj is None:
            return
        self.is_counted |= self.from_s <= when_s <= self.to_s
        if counter_mj != self.counter_mj:
            self.ran_backwards |= self.counter_mj is not None and counter_mj < self.counter_mj
            self.counter_mj, self.moved_s = counter_mj, when_s
        elif number_in(row, "power_max_w") != 0.0:
            still_s = min(when_s, self.to_s) - max(self.moved_s, self.from_s)
            self.stale_s = max(self.stale_s, still_s)

    def add_power(self, row: Row) -> None:
        """Take a row that knows power: it is about the time since the last one that did."""
        if number_in(row, "power_max_w") is None:
            return
        when_s = time_of(row)
        length_s = when_s - self.power_s
        overlap_s = min(when_s, self.to_s) - max(self.power_s, self.from_s)
        settled_s = self.from_s + 2.0 * max(self.habits.power_s, USUAL_S)
        if settled_s <= self.power_s < when_s <= self.to_s:
            low_w, high_w = self.inside_w or (math.inf, -math.inf)
            here_w = extremes([row])
            self.inside_w = min(low_w, here_w[0]), max(high_w, here_w[1])
        self.power_s = when_s
        if overlap_s <= 0.0:
            return
        share = overlap_s / length_s
        unsampled_s = min(number_in(row, "unsampled_s") or 0.0, length_s)
        self.sampled_s = (self.sampled_s or 0.0) + overlap_s - share * unsampled_s
        is_unseen = self.to_s - self.from_s <= min(unsampled_s, overlap_s)
        self.unseen_s = unsampled_s if is_unseen and not self.is_counted else 0.0
        self.samples += share * (number_in(row, "samples") or 0.0)
        gap_s = min(number_in(row, "largest_gap_s") or 0.0, overlap_s)
        self.largest_gap_s = max(self.largest_gap_s, gap_s)
        self.spread.add(row, length_s, share)

    def add_inside(self, row: Row) -> None:
        super().add_inside(row)
        self.add_peaks(row, PEAKS)
        self.held.add_clocks(row)
        low_w = number_in(row, "power_min_w")
        if low_w is not None:
            self.power_min_w = low_w if self.power_min_w is None else min(self.power_min_w, low_w)
        bits = row["event_reasons"]
        if isinstance(bits, str) and bits:
            self.event_bits |= int(bits, 16)
        if row["kind"] not in PARTIAL_KINDS:
            self.add_hidden(time_of(row), hidden_mib(row))

    def add_hidden(self, when_s: float, mib: float | None) -> None:
        if mib is None:
            return
        since_s, least_mib = self.hidden_since or (when_s, mib)
        least_mib = min(least_mib, mib)
        if when_s - since_s < APART_S:
            self.hidden_since = since_s, least_mib
        else:
            self.hidden_mib = max(self.hidden_mib or 0.0, least_mib)
            self.hidden_since = when_s, mib

    @property
    def near_w(self) -> tuple[float, float]:
        near = extremes([*self.start.rows, *self.end.rows])
        inside = self.inside_w or near
        return min(near[0], inside[0]), max(near[1], inside[1])

    def mean(self, column: str) -> float | None:
        """Return a mean; None where less than half of the window knows the column."""
        known_s = self.known_s[column]
        if known_s <= 0.0 or known_s < (self.to_s - self.from_s) / 2.0:
            return None
        return self.sums[column] / known_s


def hidden_mib(row: Row) -> float | None:
    """Return the memory in use that no process of the row holds; None where it does not know."""
    used_mib = number_in(row, "memory_used_mib")
    held_mib = [number_in(row, column) for column in HELD]
    if used_mib is None or None in held_mib:
        return None
    held_mib.append(number_in(row, f"{CONTEXT}_memory_mib"))  # which earlier files lack
    return max(used_mib - sum(filter(None, held_mib)), 0.0)


AnyTally = TypeVar("AnyTally", bound=Tally)


def tallied(tally: AnyTally, path: Path) -> AnyTally:
    """Return the tally with the rows of a file added: those of its window and those near it."""
    for row in rows_between(path, tally.from_s - tally.reach_s, tally.to_s + tally.reach_s):
        tally.add(row)
    return tally
