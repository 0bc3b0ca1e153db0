"""A line of thousands of values as least and largest of each bucket of time: no spike is lost.

What is thinned is for eyes alone. Energy and all other figures come from the records.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from operator import sub

Breaks = list[tuple[float, float]]


@dataclass(frozen=True)
class Axis:
    """Time from `begin_s` to `end_s` (CLOCK_BOOTTIME) in so many buckets, all as long."""

    begin_s: float
    end_s: float
    buckets: int

    def bucket(self, when_s: float) -> int:
        """Return the bucket of a moment; one outside lies in the first or the last."""
        share = (when_s - self.begin_s) / (self.end_s - self.begin_s)
        return min(max(int(share * self.buckets), 0), self.buckets - 1)

    def begin_of(self, bucket: int) -> float:
        return self.begin_s + bucket * (self.end_s - self.begin_s) / self.buckets

    def parts(self, times_s: Sequence[float]) -> Iterator[tuple[int, int, int]]:
        """Yield each bucket that has some of the moments, which are in order, and which."""
        at = 0
        while at < len(times_s):
            bucket = self.bucket(times_s[at])
            end = len(times_s)
            if bucket < self.buckets - 1:
                end = max(at + 1, bisect_left(times_s, self.begin_of(bucket + 1), at))
            yield bucket, at, end
            at = end

    def moments(self, times_s: Sequence[float], limit_s: float) -> Moments:
        return Moments(times_s, list(self.parts(times_s)), gaps(times_s, limit_s))

    def halved(self) -> Axis:
        return Axis(self.begin_s, self.end_s, self.buckets // 2)


@dataclass(frozen=True)
class Moments:
    """Some moments in order: in which buckets they are, and which are far from each other.

    That is found once for all columns that have a value at each of them.
    """

    times_s: Sequence[float]
    parts: Sequence[tuple[int, int, int]]
    gaps: Breaks


@dataclass
class Envelope:
    """The least and largest value by bucket. The line is broken behind each `broken` one.

    Two values that are further apart in time than `limit_s` are not joined: what was between is not
    known.
    """

    axis: Axis
    limit_s: float
    bounds: dict[int, tuple[float, float]] = field(default_factory=dict)
    broken: set[int] = field(default_factory=set)
    _last_s: float | None = None

    def add(self, moments: Moments, values: Sequence[float]) -> None:
        """Take values at moments that are later than all before."""
        if not values:
            return
        self.widen(moments, values)
        first_s = moments.times_s[0]
        if self._last_s is not None and first_s - self._last_s > self.limit_s:
            self.break_at([(self._last_s, first_s)])
        self.break_at(moments.gaps)
        self._last_s = moments.times_s[-1]

    def widen(self, moments: Moments, values: Sequence[float]) -> None:
        """Take more values of moments that were added."""
        for bucket, begin, end in moments.parts:
            some = values[begin:end]
            low, high = min(some), max(some)
            if known := self.bounds.get(bucket):
                low, high = min(low, known[0]), max(high, known[1])
            self.bounds[bucket] = low, high

    def break_at(self, between: Iterable[tuple[float, float]]) -> None:
        """Break the line between moments."""
        self.broken.update(self.axis.bucket(before_s) for before_s, _ in between)

    @property
    def least(self) -> float:
        return min(low for low, _ in self.bounds.values())

    @property
    def largest(self) -> float:
        return max(high for _, high in self.bounds.values())

    def stretches(self) -> Iterator[list[tuple[int, float, float]]]:
        """Yield the parts of the line that are whole, each as bucket, least and largest value."""
        stretch: list[tuple[int, float, float]] = []
        for bucket in sorted(self.bounds):
            if stretch and stretch[-1][0] in self.broken:
                yield stretch
                stretch = []
            stretch.append((bucket, *self.bounds[bucket]))
        if stretch:
            yield stretch

    def halved(self) -> Envelope:
        """Return the same with half as many buckets."""
        made = Envelope(self.axis.halved(), self.limit_s)
        for bucket, (low, high) in self.bounds.items():
            half = min(bucket // 2, made.axis.buckets - 1)
            known = made.bounds.get(half, (low, high))
            made.bounds[half] = min(low, known[0]), max(high, known[1])
        made.broken = {min(bucket // 2, made.axis.buckets - 1) for bucket in self.broken}
        return made


def gaps(times_s: Sequence[float], limit_s: float) -> Breaks:
    """Return the moments between which more time went by than the limit."""
    if max(map(sub, islice(times_s, 1, None), times_s), default=0.0) <= limit_s:
        return []
    return [(before, after) for before, after in pairwise(times_s) if after - before > limit_s]
