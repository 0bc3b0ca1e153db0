"""Exact statistics of ranks: where repeats lie, between which bounds, and how two samples differ.

Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 2014: signed ranks in chapter 3,
two samples in chapter 4; zeros after Pratt (JASA 54, 1959); delta after Cliff (Psychological
Bulletin 114, 1993). How sums of ranks are distributed is counted, in counting.py. Standard library
only.

One sample has the means of all its pairs of values as points, two samples have all differences.
The estimate is the median of the points, and the bounds are two of them: how many points lie below
the true middle is distributed as the sum of ranks is.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from fractions import Fraction

from tandem.interference.statistics.counting import Null, sums, sums_of_chosen
from tandem.interference.statistics.many import MOST_LISTED, Many, ManyDifferences, ManyMeans

Points = list[float] | Many  # sorted; so many that a list would take seconds are not listed


def pair_means(values: Sequence[float]) -> Points:
    """Return the sorted means of all pairs of values, each with itself too."""
    if len(values) * (len(values) + 1) // 2 > MOST_LISTED:
        return ManyMeans(values)
    return sorted(
        [(first + second) / 2 for place, first in enumerate(values) for second in values[place:]]
    )


def differences(first: Sequence[float], second: Sequence[float]) -> Points:
    """Return by how much each value of the second lies above each of the first, sorted."""
    if len(first) * len(second) > MOST_LISTED:
        return ManyDifferences(first, second)
    return sorted([b - a for a in first for b in second])


def interval(points: Points, null: Null, level: Fraction) -> tuple[float, float] | None:
    """Return the closed interval that holds the true middle with at least that probability.

    None: all points together hold it less often. With ties it holds the middle more often.
    """
    cut = null.cut(level)
    return (points[cut - 1], points[-cut]) if cut else None


def median(points: Points) -> float:
    """Return the median of points."""
    last = len(points) - 1
    return (points[last // 2] + points[-1 - last // 2]) / 2


def counts_at(points: Points, centre: float) -> tuple[int, int]:
    """Return how many points are not above a number, and how many are below it."""
    if isinstance(points, Many):
        return points.counts_at(centre)
    return bisect_right(points, centre), bisect_left(points, centre)


def interval_p(points: Points, null: Null, centre: float) -> float:
    """Return the p-value that agrees with the interval at every level.

    It is the smallest 1 - level at which the interval does not hold the centre. Without ties that
    is the exact p-value of the test; points at the centre speak for the centre.
    """
    not_above, below = counts_at(points, centre)
    return null.p(min(not_above, len(points) - below))


# -- tests that know ties --------------------------------------------------------------


def signed_rank_p(values: Sequence[float]) -> float:
    """Return the two-sided p-value that the values lie symmetrically about 0.

    Equal distances share their mean rank; zeros have ranks and no sign.
    """
    ranks = doubled_ranks([abs(each) for each in values])
    signed = [(rank, each) for rank, each in zip(ranks, values, strict=True) if each]
    above = sum(rank for rank, each in signed if each > 0)
    below = sum(rank for rank, _ in signed) - above
    counts = sums([rank for rank, _ in signed], min(above, below))
    return min(1.0, 2 * sum(counts) / (1 << len(signed)))


def rank_sum_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value that both samples are of one distribution (Mann-Whitney)."""
    smaller, larger = sorted((first, second), key=len)
    ranks = doubled_ranks([*smaller, *larger])
    lowest, chosen = min(ranks), len(smaller)
    ranks = [rank - lowest for rank in ranks]
    seen = sum(ranks[:chosen])
    counts = sums_of_chosen(ranks, chosen, seen)
    ways, below = math.comb(len(ranks), chosen), sum(counts)
    return min(1.0, 2 * min(below, ways - below + counts[seen]) / ways)


def cliffs_delta(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the share of pairs in which the second is greater, less that in which it is smaller.

    From -1 to 1; 0 where neither sample tends to be the greater.
    """
    ordered = sorted(first)
    signs = (bisect_left(ordered, b) - len(first) + bisect_right(ordered, b) for b in second)
    return sum(signs) / (len(first) * len(second))


def doubled_ranks(values: Sequence[float]) -> list[int]:
    """Return twice the rank of each value, from 2 on; equal values share the mean of theirs."""
    ordered = sorted(values)
    return [bisect_left(ordered, value) + bisect_right(ordered, value) + 1 for value in values]
