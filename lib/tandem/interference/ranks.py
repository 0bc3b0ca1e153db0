"""Exact statistics of ranks: where repeats lie, between which bounds, and how two samples differ.

Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, 2014: signed ranks in chapter 3,
two samples in chapter 4; zeros after Pratt (JASA 54, 1959); delta after Cliff (Psychological
Bulletin 114, 1993). No normal approximation anywhere: every distribution is counted, over all ways
to flip signs, or to choose who belongs to which sample, with the ties that there are. Standard
library only.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from fractions import Fraction

LEVEL = Fraction(95, 100)


def pseudomedian(values: Sequence[float]) -> float:
    """Return the Hodges-Lehmann estimate: the median of the means of all pairs, each with itself.

    It has the values' unit. ValueError: there are none.
    """
    if not values:
        raise ValueError("no values")
    return statistics.median(_pair_means(values))


def pseudomedian_interval(
    values: Sequence[float], level: Fraction = LEVEL
) -> tuple[float, float] | None:
    """Return the closed interval that holds the pseudomedian with at least that probability.

    Its ends are means of two values, in their unit. None: even the whole range holds it less often
    (at 95 % below six values). The values are draws from one distribution that is symmetric about
    its middle.
    """
    means = sorted(_pair_means(values))
    cut = _cut(_sums(range(1, len(values) + 1)), 2 ** len(values), level)
    return (means[cut - 1], means[-cut]) if cut else None


def signed_rank_p(values: Sequence[float], centre: float = 0.0) -> float:
    """Return the two-sided p-value that the values lie symmetrically about a centre.

    Equal distances share their mean rank; values at the centre have ranks and no sign.
    """
    distances = [value - centre for value in values]
    ranks = doubled_ranks([abs(each) for each in distances])
    signed = [(rank, each) for rank, each in zip(ranks, distances, strict=True) if each]
    above = sum(rank for rank, each in signed if each > 0)
    counts = _sums(rank for rank, _ in signed)
    return _two_sided(counts, above, 2 ** len(signed))


def shift(first: Sequence[float], second: Sequence[float]) -> float:
    """Return by how much the second sample lies above the first: the median of all differences."""
    return statistics.median(b - a for a in first for b in second)


def shift_interval(
    first: Sequence[float], second: Sequence[float], level: Fraction = LEVEL
) -> tuple[float, float] | None:
    """Return the closed interval that holds the shift with at least that probability, or None.

    None: even the whole range of differences holds it less often.
    """
    differences = sorted(b - a for a in first for b in second)
    total = len(first) + len(second)
    counts = _sums_of_chosen(range(1, total + 1), len(second))
    lowest = len(second) * (len(second) + 1) // 2
    cut = _cut(counts[lowest:], math.comb(total, len(second)), level)
    return (differences[cut - 1], differences[-cut]) if cut else None


def rank_sum_p(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the two-sided p-value that both samples are of one distribution (Mann-Whitney)."""
    ranks = doubled_ranks([*first, *second])
    counts = _sums_of_chosen(ranks, len(second))
    return _two_sided(counts, sum(ranks[len(first) :]), math.comb(len(ranks), len(second)))


def cliffs_delta(first: Sequence[float], second: Sequence[float]) -> float:
    """Return the share of pairs in which the second is greater, less that in which it is smaller.

    From -1 to 1; 0 where neither sample tends to be the greater.
    """
    signs = ((b > a) - (b < a) for a in first for b in second)
    return sum(signs) / (len(first) * len(second))


def doubled_ranks(values: Sequence[float]) -> list[int]:
    """Return twice the rank of each value, from 2 on; equal values share the mean of theirs."""
    ordered = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(ordered, start=1)))}
    last = {value: place for place, value in enumerate(ordered, start=1)}
    return [first[value] + last[value] for value in values]


# -- counting --------------------------------------------------------------------------
# A polynomial counts: the coefficient of x^s is the number of ways to reach the sum s. It is kept
# as one long integer, a fixed number of bits a coefficient, so that a product is a shift and a sum.


def _sums(ranks: Iterable[int]) -> list[int]:
    """Return by each sum the number of subsets of the ranks that have it."""
    given = list(ranks)
    bits = _whole_bytes(len(given) + 1)
    product = 1
    for rank in given:
        product += product << (rank * bits)
    return _coefficients(product, bits, sum(given))


def _sums_of_chosen(ranks: Sequence[int], chosen: int) -> list[int]:
    """Return by each sum the number of subsets of so many of the ranks that have it."""
    bits = _whole_bytes(math.comb(len(ranks), chosen).bit_length())
    products = [1] + [0] * chosen
    for rank in ranks:
        for size in range(chosen, 0, -1):
            products[size] += products[size - 1] << (rank * bits)
    return _coefficients(products[chosen], bits, sum(ranks))


def _coefficients(product: int, bits: int, highest: int) -> list[int]:
    size = bits // 8
    data = product.to_bytes(size * (highest + 1), "little")
    return [int.from_bytes(data[at : at + size], "little") for at in range(0, len(data), size)]


def _whole_bytes(bits: int) -> int:
    return -(-bits // 8) * 8


def _cut(counts: Sequence[int], ways: int, level: Fraction) -> int:
    """Return how many of the sorted values stand outside the interval at each end, less one.

    It is the number of lowest sums that together have no more than half of what the level leaves.
    """
    tail = 0
    for cut, count in enumerate(counts):
        tail += count
        if 2 * tail > (1 - level) * ways:
            return cut
    return len(counts)


def _two_sided(counts: Sequence[int], seen: int, ways: int) -> float:
    tail = min(sum(counts[: seen + 1]), sum(counts[seen:]))
    return min(1.0, 2 * tail / ways)


def _pair_means(values: Sequence[float]) -> list[float]:
    return [
        (first + second) / 2 for place, first in enumerate(values) for second in values[: place + 1]
    ]
