"""Where a board's energy counter stood at a mark, from its own steps around that moment.

A counter that steps every 0.1 s is exact when it does, and says nothing in between; power, as the
board reports it, can be as old as that. But between two steps no more can have been used than the
highest power allows, and no less than the lowest. If power changed once in between, as where a
training begins to work or has just ended, the counter lay on one of these two bounds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tandem.measure.rows import Row
from tandem.measure.windows.edges import COUNTER, Reading, anchored_at, extremes, number_in, time_of
from tandem.measure.windows.habits import Habits

SLOW_STEPS_S = 0.15  # between steps so far apart, power says more than they do
SLOW_S = 0.02  # a mark lies no further behind the moment that it is for


@dataclass(frozen=True)
class Step:
    """A step of the counter, as the sample right behind it saw it."""

    sample_s: float
    gap_s: float  # since the sample before
    counter_mj: float

    @property
    def when_s(self) -> float:
        return self.sample_s - self.gap_s / 2.0

    @property
    def energy_j(self) -> float:
        return self.counter_mj / 1000.0


@dataclass(frozen=True)
class Steps:
    """Three steps of the counter, evenly spaced; a mark lies between the first two.

    The first came before the mark and was not seen; `first_j` is the counter behind it. `around_w`
    is the lowest and the highest power that was read, from the row before the mark to the third.
    """

    mark_s: float
    first_j: float
    second: Step
    third: Step
    around_w: tuple[float, float]

    @property
    def first_s(self) -> float:
        return self.second.when_s - self.period_s

    @property
    def period_s(self) -> float:
        return self.third.when_s - self.second.when_s

    @property
    def mean_w(self) -> float:
        """Return the mean power from the second step to the third, by the counter."""
        return (self.third.energy_j - self.second.energy_j) / self.period_s

    @property
    def range_w(self) -> tuple[float, float]:
        """Return the lowest and highest power that may have been.

        What was read may all be old still, which the counter shows. Where it shows more or less
        than that between the first two steps, as much again is allowed for.
        """
        low_w, high_w = (pick(*self.around_w, self.mean_w) for pick in (min, max))
        used_j = self.second.energy_j - self.first_j
        blur_s = (self.second.gap_s + self.third.gap_s) / 2.0  # each step came before it was seen
        shortest_s = max(self.period_s - blur_s, 1e-9)
        least_w, most_w = used_j / (self.period_s + blur_s), used_j / shortest_s
        if least_w > high_w:
            return low_w, 2.0 * least_w - low_w
        if most_w < low_w:
            return max(0.0, 2.0 * most_w - high_w), high_w
        return low_w, high_w

    @property
    def rise(self) -> float:
        """Return by how much of its range power rose from the mark on: 1 all, -1 fell by all."""
        low_w, high_w = self.range_w
        old_w = max(self.around_w, key=lambda power_w: abs(power_w - self.mean_w))
        return (self.mean_w - old_w) / (high_w - low_w) if high_w > low_w else 0.0


def counter_at(rows: Iterable[Row], when_s: float, habits: Habits) -> Reading | None:
    """Return the board's energy counter at a moment, in joules; None where it is not known."""
    near = list(rows)
    steps = steps_around(near, when_s)
    is_slow = steps is not None and steps.period_s > SLOW_STEPS_S
    if (
        steps is None
        or is_slow
        or when_s < max(steps.first_s - steps.period_s, steps.mark_s - SLOW_S)
    ):
        return anchored_at(near, when_s, habits)
    return stepped_at(steps, when_s)


def steps_around(rows: Sequence[Row], when_s: float) -> Steps | None:
    """Return the next steps that were seen behind the mark at a moment; None if not two were."""
    later = [n for n, row in enumerate(rows) if row["kind"] == "fresh" and time_of(row) > when_s]
    marks = [n for n, row in enumerate(rows) if row["kind"] == "mark" and n < min(later, default=0)]
    if len(later) < 2 or not marks:
        return None
    mark = min(marks, key=lambda place: abs(time_of(rows[place]) - when_s))
    first_mj, same_mj = (number_in(rows[place - 1], COUNTER) for place in later[:2])
    second, third = (step(rows[place]) for place in later[:2])
    if first_mj is None or second is None or third is None or same_mj != second.counter_mj:
        return None  # in the last case a step between the two was not seen
    around_w = extremes(rows[max(mark - 1, 0) : later[1]])
    return Steps(time_of(rows[mark]), first_mj / 1000.0, second, third, around_w)


def step(row: Row) -> Step | None:
    """Return what a "fresh" row saw; None where anything is missing."""
    columns = ("boottime_s", "largest_gap_s", COUNTER)
    found = [value for column in columns if (value := number_in(row, column)) is not None]
    return Step(*found) if len(found) == len(columns) else None


def stepped_at(steps: Steps, when_s: float) -> Reading:
    """Return the counter at a moment: between its first two steps, or at most one step earlier.

    Its bounds are what the lowest and the highest power make of the step before and of the one
    behind. Where power rose it is taken to lie on the lower one, where it fell on the upper one,
    else in the middle; all that lies between is three standard deviations.
    """
    second, (low_w, high_w) = steps.second, steps.range_w
    since_s, rest_s = when_s - steps.first_s, second.when_s - when_s
    slow_w, fast_w = (low_w, high_w) if since_s >= 0.0 else (high_w, low_w)
    from_first_j = steps.first_j + slow_w * since_s, steps.first_j + fast_w * since_s
    to_second_j = second.energy_j - high_w * rest_s, second.energy_j - low_w * rest_s
    least_j, most_j = max(from_first_j[0], to_second_j[0]), min(from_first_j[1], to_second_j[1])
    width_j = max(most_j - least_j, 0.0)
    share = -steps.rise if since_s >= 0.0 else 0.0
    energy_j = (least_j + most_j) / 2.0 + share * width_j / 2.0
    gaps_s = second.gap_s, steps.third.gap_s
    blur_j = high_w * math.hypot(2.0 * gaps_s[0], gaps_s[1])
    return Reading(energy_j, math.hypot(blur_j / math.sqrt(12.0), width_j / 3.0))
