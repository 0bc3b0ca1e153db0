"""What a cumulative reading was at a moment, from the rows about it: the edges of a window."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from tandem.measure.rows import Row
from tandem.measure.windows.habits import Habits

REACH_S = 5.0  # rows so near to a moment help to place it
AGREEMENT = 0.01  # of integrated power with the counter, where nothing is wrong with either
# Of the updates of power, so many change it where it is slow enough to be seen, and too fast.
FEW_JUMPS, MANY_JUMPS = 0.25, 0.45

COUNTER, TRAPEZOID = "energy_counter_mj", "energy_trapezoid_j"


@dataclass(frozen=True)
class Reading:
    """A cumulative energy at a moment, in joules; `sigma_j` is one standard deviation."""

    energy_j: float
    sigma_j: float


@dataclass(frozen=True)
class Anchor(Reading):
    """How far the counter is ahead of the trapezoid, as a row at a moment knows it."""

    when_s: float


@dataclass
class Spread:
    """How far a trapezoid over some rows can be from the truth.

    Power is taken to change at a moment that nobody knows between two updates: an error of
    (change * time between) / sqrt(12), another one at every change. Where nearly every update is a
    change, power may change more often than it is updated, and a reading is one of all that were
    since the last: its error is (change * time) / sqrt(2). What was not sampled is one such
    stretch, and can have held the power of any row near.
    """

    update_s: float  # the time between two updates of power
    variance_j2: float = 0.0
    unsampled_s2: float = 0.0
    jumps_w2: float = 0.0
    updates: float = 0.0

    def add(self, row: Row, length_s: float, share: float = 1.0) -> None:
        """Add that share, 0 to 1, of a row's time, which is `length_s`."""
        gap_s = number_in(row, "unsampled_s") or 0.0
        unsampled_s = min(gap_s, length_s)
        range_w = (number_in(row, "power_max_w") or 0.0) - (number_in(row, "power_min_w") or 0.0)
        pairs = max(number_in(row, "samples") or 1.0, 1.0)
        sampled_s = length_s - unsampled_s
        apart_s = max(sampled_s / pairs, self.update_s)
        jumps_w2 = number_in(row, "power_jumps_w2")
        if jumps_w2 is None:  # an older version does not say: each may be as far as they range
            jumps_w2, apart_s = range_w**2 * pairs, sampled_s / pairs
        else:
            self.jumps_w2 += share * jumps_w2
            self.updates += share * sampled_s / apart_s
            if not gap_s:  # the samples of a row may be close together, but for where power jumped
                apart_s = max(number_in(row, "largest_gap_s") or 0.0, apart_s)
        self.variance_j2 += share * jumps_w2 * apart_s**2 / 12.0
        self.unsampled_s2 += share * gap_s**2

    def variance(self, range_w: float) -> float:
        """Return the variance in J²; `range_w` is how far power ranged, highest - lowest."""
        jumps = self.jumps_w2 / max(range_w**2 * self.updates, 1e-9)  # of an update, 0 to 1
        blind = min(max((jumps - FEW_JUMPS) / (MANY_JUMPS - FEW_JUMPS), 0.0), 1.0)
        return (1.0 + 5.0 * blind) * self.variance_j2 + self.unsampled_s2 * range_w**2 / 12.0


def time_of(row: Row) -> float:
    """Return when a row's readings were taken; every row knows that."""
    when_s = row["boottime_s"]
    assert isinstance(when_s, float)
    return when_s


def number_in(row: Row, column: str) -> float | None:
    """Return a cell of a column of numbers; None if it was not measured or is no column."""
    value = row.get(column)
    return value if isinstance(value, float) else None


def around(rows: Sequence[Row], column: str, when_s: float) -> tuple[Row, Row] | None:
    """Return the last row at or before a moment that knows a column, and the first after.

    The same row twice where one lies exactly there; None where the moment is outside all of them.
    """
    before = None
    for row in rows:
        if number_in(row, column) is None:
            continue
        if time_of(row) >= when_s:
            first = row if time_of(row) == when_s else before
            return (first, row) if first else None
        before = row
    return None


def linear(rows: Sequence[Row], column: str, when_s: float) -> float | None:
    """Return a cumulative column at a moment, on the straight line between two rows."""
    pair = around(rows, column, when_s)
    if pair is None:
        return None
    (start_s, start), (end_s, end) = (_point(row, column) for row in pair)
    if start_s == end_s:
        return end
    return start + (when_s - start_s) / (end_s - start_s) * (end - start)


def _point(row: Row, column: str) -> tuple[float, float]:
    value = number_in(row, column)
    assert value is not None
    return time_of(row), value


def trapezoid_at(rows: Sequence[Row], when_s: float) -> Reading | None:
    """Return the integrated power at a moment; None where it is not known.

    Between two rows the truth lies within what their lowest and highest power allow, on either
    side of the moment: uniform within these bounds.
    """
    pair, energy_j = around(rows, TRAPEZOID, when_s), linear(rows, TRAPEZOID, when_s)
    if pair is None or energy_j is None:
        return None
    (start_s, start_j), (end_s, end_j) = (_point(row, TRAPEZOID) for row in pair)
    lowest_w, highest_w = extremes(rows if number_in(pair[1], "unsampled_s") else pair)
    least_j = max(start_j + lowest_w * (when_s - start_s), end_j - highest_w * (end_s - when_s))
    most_j = min(start_j + highest_w * (when_s - start_s), end_j - lowest_w * (end_s - when_s))
    return Reading(energy_j, max(most_j - least_j, 0.0) / math.sqrt(12.0))


def late_sigma_j(rows: Iterable[Row], from_s: float, to_s: float, habits: Habits) -> float:
    """Return the deviation of the energy between two moments near by, as power comes late.

    It is that of as long a time, but begun earlier by anything up to a period of power. Where the
    period was learnt, readings are taken half of it later, and so are late or early by half of it
    (its root mean square is the period / sqrt(12), else / sqrt(3)); meanwhile power ranged as far
    as the rows about it show.
    """
    delay_s = habits.power_s
    lowest_w, highest_w = extremes(
        [
            row
            for before, row in pairwise(rows)
            if time_of(before) < to_s + delay_s and time_of(row) > from_s - delay_s
        ]
    )
    share = 12.0 if habits.shift_s else 3.0
    return (highest_w - lowest_w) * min(to_s - from_s, delay_s) / math.sqrt(share)


def anchored_at(rows: Sequence[Row], when_s: float, habits: Habits) -> Reading | None:
    """Return the board's energy counter at a moment, in joules; None where it is not known.

    A row near knows the counter, and the trapezoid knows what was used between that row and the
    moment. The surest such row on either side counts, each with the weight 1 / variance: mostly
    the "fresh" one behind a mark, which saw the counter change. If the monitor was held up at the
    moment, the errors of the two trapezoids tend to cancel. If the two differ by more than they
    can, nobody saw what was used between them, nor on which side of the moment it was. Without any
    such row, the straight line between two rows has to do.
    """
    counter_mj, here = linear(rows, COUNTER, when_s), late_trapezoid_at(rows, when_s, habits)
    if counter_mj is None:
        return None
    if here is None:
        sigma_j = _straight_sigma_j(rows, when_s, habits)
        return None if sigma_j is None else Reading(counter_mj / 1000.0, sigma_j)
    sides = (
        [row for row in rows if time_of(row) < when_s],
        [row for row in rows if time_of(row) >= when_s],
    )
    anchors = [_anchors(rows, side, when_s, here.energy_j, habits) for side in sides]
    surest = [min(found, key=_sigma_j) for found in anchors if found]
    if not surest:
        return None
    unseen_j = _unseen_j(surest)
    sigmas_j = [math.hypot(anchor.sigma_j, unseen_j / math.sqrt(3.0)) for anchor in surest]
    weights = [1.0 / max(sigma_j, 1e-9) ** 2 for sigma_j in sigmas_j]
    offset_j = sum(
        weight * anchor.energy_j for weight, anchor in zip(weights, surest, strict=True)
    ) / sum(weights)
    from_s, to_s = sorted((when_s, min(surest, key=_sigma_j).when_s))
    late_j = late_sigma_j(rows, from_s, to_s, habits)
    sigma_j = math.hypot(here.sigma_j, sum(weights) ** -0.5, late_j)
    return Reading(here.energy_j + offset_j, sigma_j)


def late_trapezoid_at(rows: Sequence[Row], when_s: float, habits: Habits) -> Reading | None:
    """Return the integrated power at a moment as it is known when power is no more the old one."""
    late = trapezoid_at(rows, when_s + habits.shift_s) if habits.shift_s else None
    return late or trapezoid_at(rows, when_s)


def _anchors(
    rows: Sequence[Row], some: Sequence[Row], when_s: float, here_j: float, habits: Habits
) -> list[Anchor]:
    """Return what some of the rows know; the trapezoid from there to the moment adds doubt."""
    found = []
    for row in some:
        counter_mj = number_in(row, COUNTER)
        there = late_trapezoid_at(rows, time_of(row), habits)
        if counter_mj is None or there is None:
            continue
        sigma_j = math.hypot(
            lag_s(row, habits) * _power_before(rows, row, habits) / math.sqrt(3.0),
            AGREEMENT * (there.energy_j - here_j),
            there.sigma_j,
            math.sqrt(_variance_between(rows, time_of(row), when_s, habits)),
        )
        found.append(Anchor(counter_mj / 1000.0 - there.energy_j, sigma_j, time_of(row)))
    return found


def _unseen_j(surest: Sequence[Anchor]) -> float:
    """Return by how much the anchors differ beyond what they can: each error is uniform at most."""
    if len(surest) < 2:
        return 0.0
    before, after = surest
    allowed_j = math.sqrt(3.0) * (before.sigma_j + after.sigma_j)
    return max(abs(after.energy_j - before.energy_j) - allowed_j, 0.0)


def _power_before(rows: Sequence[Row], row: Row, habits: Habits) -> float:
    """Return the highest power, in W, of the time in which the counter of a row may have moved."""
    begin_s, end_s = time_of(row) - lag_s(row, habits), time_of(row)
    recent = [each for each in rows if begin_s < time_of(each) <= end_s]
    return extremes(recent)[1] or extremes(rows)[1]


def _sigma_j(reading: Reading) -> float:
    return reading.sigma_j


def lag_s(row: Row, habits: Habits) -> float:
    """Return how old the counter of a row can be, in seconds.

    The "fresh" one changed after the sample before: root mean square of the lag is this / sqrt(3).
    """
    gap_s = number_in(row, "largest_gap_s")
    is_fresh = row["kind"] == "fresh" and gap_s is not None
    return min(gap_s or 0.0, habits.counter_s) if is_fresh else habits.counter_s


def extremes(rows: Sequence[Row]) -> tuple[float, float]:
    """Return the lowest and the highest power of rows in W, 0 where none knows any."""
    lows = [low for row in rows if (low := number_in(row, "power_min_w")) is not None]
    highs = [high for row in rows if (high := number_in(row, "power_max_w")) is not None]
    return min(lows, default=0.0), max(highs, default=0.0)


def _straight_sigma_j(rows: Sequence[Row], when_s: float, habits: Habits) -> float | None:
    """Return the deviation of the straight line: power between nothing and twice its mean.

    None if there is but one row: how much may its lag be worth?
    """
    known = [row for row in rows if number_in(row, COUNTER) is not None]
    pair = around(rows, COUNTER, when_s)
    if pair is None or len(known) < 2:
        return None
    begin, end = pair if pair[0] is not pair[1] else (known[0], known[-1])
    energy_j = ((number_in(end, COUNTER) or 0.0) - (number_in(begin, COUNTER) or 0.0)) / 1000.0
    power_w = energy_j / (time_of(end) - time_of(begin))
    off_s = min(when_s - time_of(pair[0]), time_of(pair[1]) - when_s)
    return power_w * math.hypot(2.0 * off_s / math.sqrt(12.0), habits.counter_s / math.sqrt(3.0))


def _variance_between(rows: Sequence[Row], one_s: float, other_s: float, habits: Habits) -> float:
    """Return the variance of the trapezoid between two moments, in J²."""
    from_s, to_s = sorted((one_s, other_s))
    spread = Spread(habits.power_s)
    for before, row in pairwise(row for row in rows if number_in(row, "power_max_w") is not None):
        start_s, end_s = time_of(before), time_of(row)
        overlap_s = min(end_s, to_s) - max(start_s, from_s)
        if overlap_s > 0.0:
            spread.add(row, end_s - start_s, overlap_s / (end_s - start_s))
    lowest_w, highest_w = extremes(rows)
    return spread.variance(highest_w - lowest_w)
