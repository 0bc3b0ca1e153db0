"""The points of so many values that a list of all would take seconds: found by counting instead.

How many points lie below a number is counted in one walk through the sorted values, and a point is
found by halving the range that it lies in. Standard library only.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

MOST_LISTED = 500_000  # points
_HALVINGS = 64  # then the range is as narrow as two numbers can be
TINY = 0.5e-12  # a point so near to 0 is taken for it


class Many(ABC):
    """Points in their order, of which none is listed. Points next to 0 are 0."""

    def __init__(self, size: int, lowest: float, highest: float) -> None:
        self.size, self.lowest, self.highest = size, lowest, highest

    @abstractmethod
    def not_above(self, bound: float) -> int:
        """Return how many points lie at a number or below."""

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, place: int) -> float:
        """Return a point by its place, from either end, as in a list."""
        wanted = place % self.size + 1
        low, high = self.lowest, self.highest
        if self.not_above(low) >= wanted:
            return _or_zero(low)
        for _ in range(_HALVINGS):
            middle = low + (high - low) / 2
            if not low < middle < high:
                break
            if self.not_above(middle) >= wanted:
                high = middle
            else:
                low = middle
        return _or_zero(high)

    def counts_at(self, centre: float) -> tuple[int, int]:
        """Return how many points are not above a number, and how many are below it."""
        return self.not_above(centre + TINY), self.not_above(centre - TINY)


class ManyMeans(Many):
    """The means of all pairs of values, each with itself too."""

    def __init__(self, values: Sequence[float]) -> None:
        self.values = sorted(values)
        count = len(self.values)
        super().__init__(count * (count + 1) // 2, self.values[0], self.values[-1])

    def not_above(self, bound: float) -> int:
        found, first, last, twice = 0, 0, len(self.values) - 1, 2 * bound
        values = self.values
        while first <= last:
            if values[first] + values[last] <= twice:
                found += last - first + 1  # with this one and with all between
                first += 1
            else:
                last -= 1
        return found


class ManyDifferences(Many):
    """By how much each value of the second lies above each of the first."""

    def __init__(self, first: Sequence[float], second: Sequence[float]) -> None:
        self.first, self.second = sorted(first), sorted(second)
        ends = self.second[0] - self.first[-1], self.second[-1] - self.first[0]
        super().__init__(len(self.first) * len(self.second), *ends)

    def not_above(self, bound: float) -> int:
        found, place, first = 0, 0, self.first
        for value in self.second:
            while place < len(first) and value - first[place] > bound:
                place += 1
            found += len(first) - place
        return found


def _or_zero(point: float) -> float:
    return 0.0 if -TINY < point <= TINY else point
