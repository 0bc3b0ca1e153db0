"""Where a board's energy counter stood at a mark, from its own steps around that moment.

A counter that steps every 0.1 s is exact when it does, and says nothing in between; power, as the
board tells it, can be as old as that. But a mark stands where power changes, as a training starts
or has just ended. The power before and behind, and the energy at three steps, tell when it changed,
however old the power was when it was read.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tandem.measure.rows import Row
from tandem.measure.windows.edges import (
    COUNTER,
    TRAPEZOID,
    Reading,
    anchored_at,
    extremes,
    number_in,
    time_of,
)

SLOW_S = 0.02  # a mark lies no further behind the moment that it is for


@dataclass(frozen=True)
class Step:
    """A step of the counter, as the sample right behind it saw it."""

    sample_s: float
    gap_s: float  # since the sample before
    counter_mj: float
    trapezoid_j: float
    power_w: float

    @property
    def when_s(self) -> float:
        return self.sample_s - self.gap_s / 2.0

    @property
    def energy_j(self) -> float:
        return self.counter_mj / 1000.0


@dataclass(frozen=True)
class Steps:
    """Three steps of the counter, evenly spaced; a mark lies between the first two.

    The first came before the mark and was not seen; `first_j` is the counter behind it.
    """

    mark_s: float
    first_j: float
    second: Step
    third: Step
    powers_w: tuple[float, float]  # lowest and highest, as it was read before the second step
    later_range_w: float  # how far it ranged then up to the third
    range_w: float  # the same from the row before the mark on

    @property
    def first_s(self) -> float:
        return self.second.when_s - self.period_s

    @property
    def period_s(self) -> float:
        return self.third.when_s - self.second.when_s

    @property
    def blur_s(self) -> float:
        """Return how far off the period can be: each step was seen by the first sample behind."""
        return (self.second.gap_s + self.third.gap_s) / 2.0

    @property
    def mean_w(self) -> float:
        """Return the mean power from the second step to the third, by the counter."""
        return (self.third.energy_j - self.second.energy_j) / self.period_s

    @property
    def error_w(self) -> float:
        """Return how far off the power was that was read meanwhile, in the mean, at least."""
        second, third = self.second, self.third
        read_w = (third.trapezoid_j - second.trapezoid_j) / (third.sample_s - second.sample_s)
        used_j = third.energy_j - second.energy_j
        least_w = used_j / (self.period_s + self.blur_s)
        most_w = used_j / max(self.period_s - self.blur_s, 1e-9)
        return max(least_w - read_w, read_w - most_w, 0.0)

    def changes_w(self) -> list[tuple[float, float]]:
        """Return the power before and behind a change, for each that explains the counter.

        The power behind is what was read at the second step; or, if that was old still and does
        not explain what follows, the mean up to the third step.
        """
        behind_w = [self.second.power_w, *([self.mean_w] if self.error_w else [])]
        changes_w = [(self.farthest_w(new_w), new_w) for new_w in behind_w]
        return [change_w for change_w in changes_w if self.is_explained(*sorted(change_w))]

    def farthest_w(self, new_w: float) -> float:
        return max(self.powers_w, key=lambda power_w: abs(power_w - new_w))

    def is_explained(self, low_w: float, high_w: float) -> bool:
        """Tell whether so much power makes the energy between the first two steps."""
        used_j = self.second.energy_j - self.first_j
        blur_j = high_w * self.blur_s
        return low_w * self.period_s - blur_j <= used_j <= high_w * self.period_s + blur_j


def counter_at(rows: Iterable[Row], when_s: float, delay_s: float) -> Reading | None:
    """Return the board's energy counter at a moment, in joules; None where it is not known.

    `delay_s` is how old power can be.
    """
    near = list(rows)
    steps = steps_around(near, when_s)
    if steps is None or when_s < max(steps.first_s - steps.period_s, steps.mark_s - SLOW_S):
        return anchored_at(near, when_s, delay_s)
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
    since = rows[mark + 1 : later[0]]
    if not since or when_s < 2.0 * second.when_s - third.when_s:
        since = rows[mark : later[0]]  # the mark's own row tells of the time before it
    powers_w = extremes(since)
    later_w, all_w = extremes(rows[later[0] : later[1]]), extremes(rows[mark : later[1]])
    ranges_w = later_w[1] - later_w[0], all_w[1] - all_w[0]
    return Steps(time_of(rows[mark]), first_mj / 1000.0, second, third, powers_w, *ranges_w)


def step(row: Row) -> Step | None:
    """Return what a "fresh" row saw; None where anything is missing."""
    columns = ("boottime_s", "largest_gap_s", COUNTER, TRAPEZOID, "power_max_w")
    found = [value for column in columns if (value := number_in(row, column)) is not None]
    return Step(*found) if len(found) == len(columns) else None


def stepped_at(steps: Steps, when_s: float) -> Reading:
    """Return the counter at a moment between its first two steps.

    Where two changes of power explain it, it lies anywhere between what they make of it.
    """
    found = [changed_at(steps, when_s, *change_w) for change_w in steps.changes_w()]
    if not found:
        return unexplained_at(steps, when_s)
    least_j, most_j = (pick(each.energy_j for each in found) for pick in (min, max))
    sigma_j = math.hypot(found[0].sigma_j, (most_j - least_j) / math.sqrt(12.0))
    return Reading((least_j + most_j) / 2.0, sigma_j)


def changed_at(steps: Steps, when_s: float, old_w: float, new_w: float) -> Reading:
    """Return the counter at a moment, if power changed once between its first two steps.

    It is the old one up to some moment between them, and then the new one. So the energy lies on
    a line from the first step at the old power, or on one to the second step at the new power: on
    the higher one if power rises, on the lower one if it falls. It is less sure if power was read
    wrongly meanwhile, or went on changing; or if the monitor missed the step behind the mark, so
    that the moment lies before the first of these, and power may have changed in between.
    """
    second, third = steps.second, steps.third
    change_w = abs(new_w - old_w)
    from_first_j = steps.first_j + old_w * (when_s - steps.first_s)
    energy_j = to_second_j = second.energy_j - new_w * (second.when_s - when_s)
    if change_w:
        energy_j = (max if new_w > old_w else min)(from_first_j, to_second_j)
    if energy_j == to_second_j:
        blur_j = new_w * second.gap_s
    else:
        blur_j = old_w * math.hypot(2.0 * second.gap_s, third.gap_s)
    unsure_w = steps.error_w if change_w else 0.0
    if change_w and new_w == second.power_w:
        unsure_w += min(change_w, steps.later_range_w) / math.sqrt(12.0)
    unsure_j = unsure_w * (second.when_s - when_s)
    early_s = max(steps.first_s - when_s, 0.0)
    if early_s and steps.is_explained(new_w, new_w):
        energy_j = steps.first_j - early_s * (old_w + new_w) / 2.0
        unsure_j = math.hypot(unsure_j, early_s * change_w / math.sqrt(12.0))
    return Reading(energy_j, math.hypot(blurred_j(steps, blur_j), unsure_j))


def unexplained_at(steps: Steps, when_s: float) -> Reading:
    """Return the counter at a moment, if no such change explains it.

    The second step is nearer to what comes, but by how much power was off is not known.
    """
    second, new_w = steps.second, steps.second.power_w
    rest_s = second.when_s - when_s
    unsure_w = steps.error_w + abs(new_w - steps.farthest_w(new_w)) / 2.0
    sigma_j = math.hypot(blurred_j(steps, new_w * second.gap_s), unsure_w * rest_s)
    return Reading(second.energy_j - new_w * rest_s, sigma_j)


def blurred_j(steps: Steps, blur_j: float) -> float:
    """Return the deviation of a step's own moment, and of a change anywhere between two samples."""
    return math.hypot(blur_j, steps.range_w * steps.second.gap_s) / math.sqrt(12.0)
