"""From sums that only grow (CPU seconds, microjoules) to how fast they grow, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from operator import sub, truediv

from tandem.report.details.thinning import Breaks


class Rate:
    """The rate at each row since the row before, where both are known and near each other.

    Rows nearer than half of `row_s` are left out: the sum's last digit would look like a spike. Not
    known is a rate over more than `limit_s`, over a suspension, or of a sum that was set back.
    """

    def __init__(self, row_s: float, limit_s: float, factor: float = 1.0) -> None:
        self.least_s, self.limit_s, self.factor = row_s / 2, limit_s, factor
        self.before: tuple[float, float] | None = None

    def of(
        self, times: list[float], totals: list[float], asleep: Breaks
    ) -> tuple[list[float], list[float]]:
        """Return the moments that have a rate, and the rates, of sums at some moments.

        Where each of these has one, the moments are the very list that was given.
        """
        if self.before is None:
            self.before, times, totals = (times[0], totals[0]), times[1:], totals[1:]
        if not times:
            return [], []
        steps_s = list(map(sub, times, chain(self.before[:1], times)))
        grown = list(map(sub, totals, chain(self.before[1:], totals)))
        if asleep or min(grown) < 0.0 or min(steps_s) < self.least_s:
            return self._one_by_one(times, totals, asleep)
        if max(steps_s) > self.limit_s:
            return self._one_by_one(times, totals, asleep)
        self.before = times[-1], totals[-1]
        rates = map(truediv, grown, steps_s)
        return times, list(rates if self.factor == 1.0 else map(self.factor.__mul__, rates))

    def _one_by_one(
        self, times_s: Sequence[float], totals: Sequence[float], asleep: Breaks
    ) -> tuple[list[float], list[float]]:
        assert self.before
        times, rates = [], []
        before_s, before = self.before
        for when_s, total in zip(times_s, totals, strict=True):
            step_s = when_s - before_s
            if step_s < self.least_s and total >= before:
                continue
            slept = any(before_s < end and begin < when_s for begin, end in asleep)
            if step_s <= self.limit_s and total >= before and not slept:
                times.append(when_s)
                rates.append((total - before) / step_s * self.factor)
            before_s, before = when_s, total
        self.before = before_s, before
        return times, rates
