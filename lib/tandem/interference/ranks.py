"""Exact statistics of ranks: where repeats lie, between which bounds, and how two samples differ.

Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 2014: signed ranks in chapter 3,
two samples in chapter 4; zeros after Pratt (JASA 54, 1959); delta after Cliff (Psychological
Bulletin 114, 1993). No normal approximation anywhere: every distribution is counted, over all ways
to flip signs, or to choose who belongs to which sample, with the ties that there are. Standard
library only.

One sample has the means of all its pairs of values as points, two samples have all differences.
The estimate is the median of the points, and the bounds are two of them: how many points lie below
the true middle is distributed as the sum of ranks is.
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import accumulate


@dataclass(frozen=True)
class Null:
    """In how many ways a sum of ranks is reached where there is no effect and no tie.

    `tails[s]` is in how many of all `ways` the sum is s or less, up to half of the highest sum.
    """

    tails: tuple[int, ...]
    ways: int

    def p(self, lowest: int) -> float:
        """Return the two-sided p-value of a sum, or of the highest sum less it: the lower one."""
        return min(1.0, 2 * self.tails[lowest] / self.ways) if lowest < len(self.tails) else 1.0

    def cut(self, level: Fraction) -> int:
        """Return which point is the bound, from 1 on, counted from either end; 0: there is none."""
        rest = 1 - level
        return bisect_right(self.tails, rest.numerator * self.ways // (2 * rest.denominator))


@lru_cache(maxsize=256)
def signed_ranks(count: int) -> Null:
    """Return how the points of one sample lie about its middle; it is symmetric about that."""
    half = count * (count + 1) // 4
    return Null(tuple(accumulate(_sums(range(1, count + 1), half))), 2**count)


@lru_cache(maxsize=256)
def rank_sums(first: int, second: int) -> Null:
    """Return how the points of two samples of so many values lie about the shift between them.

    The polynomial is the product of (1 - x^(larger + k)) / (1 - x^k), k from 1 to the smaller.
    """
    smaller, larger = sorted((first, second))
    half = first * second // 2
    ways = math.comb(first + second, first)
    bits = _whole_bytes(ways.bit_length())
    kept = (1 << bits * (half + 1)) - 1
    product = 1
    for rank in range(1, smaller + 1):
        product = (product - (product << (larger + rank) * bits)) & kept
        step = rank
        while step <= half:  # 1 / (1 - x^k) = (1 + x^k) (1 + x^2k) (1 + x^4k) ...
            product = (product + (product << step * bits)) & kept
            step *= 2
    return Null(tuple(accumulate(_coefficients(product, bits, half))), ways)


def pair_means(values: Sequence[float]) -> list[float]:
    """Return the sorted means of all pairs of values, each with itself too."""
    return sorted(
        [(first + second) / 2 for place, first in enumerate(values) for second in values[place:]]
    )


def differences(first: Sequence[float], second: Sequence[float]) -> list[float]:
    """Return by how much each value of the second lies above each of the first, sorted."""
    return sorted([b - a for a in first for b in second])


def interval(points: Sequence[float], null: Null, level: Fraction) -> tuple[float, float] | None:
    """Return the closed interval that holds the true middle with at least that probability.

    None: all points together hold it less often. With ties it holds the middle more often.
    """
    cut = null.cut(level)
    return (points[cut - 1], points[-cut]) if cut else None


def interval_p(points: Sequence[float], null: Null, centre: float) -> float:
    """Return the p-value that agrees with the interval at every level.

    It is the smallest 1 - level at which the interval does not hold the centre. Without ties that
    is the exact p-value of the test; points at the centre speak for the centre.
    """
    not_above, below = bisect_right(points, centre), bisect_left(points, centre)
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
    counts = _sums([rank for rank, _ in signed], min(above, below))
    return min(1.0, 2 * sum(counts) / (1 << len(signed)))


def rank_sum_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value that both samples are of one distribution (Mann-Whitney)."""
    smaller, larger = sorted((first, second), key=len)
    ranks = doubled_ranks([*smaller, *larger])
    lowest, chosen = min(ranks), len(smaller)
    ranks = [rank - lowest for rank in ranks]
    seen = sum(ranks[:chosen])
    counts = _sums_of_chosen(ranks, chosen, seen)
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


# -- counting --------------------------------------------------------------------------
# A polynomial counts: the coefficient of x^s is the number of ways to reach the sum s. It is kept
# as one long integer, a fixed number of bits a coefficient, so that a product is a shift and a sum.


def _sums(ranks: Iterable[int], highest: int) -> list[int]:
    """Return by each sum up to the highest the number of subsets of the ranks that have it."""
    given = list(ranks)
    bits = _whole_bytes(len(given) + 1)
    kept = (1 << bits * (highest + 1)) - 1
    product = 1
    for rank in given:
        product = (product + (product << rank * bits)) & kept
    return _coefficients(product, bits, highest)


def _sums_of_chosen(ranks: Sequence[int], chosen: int, highest: int) -> list[int]:
    """Return by each sum up to the highest the number of subsets of so many ranks that have it."""
    bits = _whole_bytes(math.comb(len(ranks), chosen).bit_length())
    kept = (1 << bits * (highest + 1)) - 1
    products = [1] + [0] * chosen
    for left, rank in zip(reversed(range(len(ranks))), sorted(ranks), strict=True):
        for size in range(chosen, max(0, chosen - left - 1), -1):  # smaller ones cannot fill up
            products[size] += (products[size - 1] << rank * bits) & kept
    return _coefficients(products[chosen], bits, highest)


def _coefficients(product: int, bits: int, highest: int) -> list[int]:
    size = bits // 8
    data = product.to_bytes(size * (highest + 1), "little")
    return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


def _whole_bytes(bits: int) -> int:
    return -(-bits // 8) * 8
