"""Exact statistics of ranks, against every way to flip signs or to choose a sample, and scipy."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from tandem.interference.statistics import counting
from tandem.interference.statistics.counting import Counted, Normal, rank_sums, signed_ranks
from tandem.interference.statistics.ranks import (
    cliffs_delta,
    differences,
    doubled_ranks,
    interval,
    interval_p,
    median,
    pair_means,
    rank_sum_p,
    signed_rank_p,
)

LEVEL = Fraction(95, 100)
TIED = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=12)
UNTIED = st.lists(st.integers(1, 10_000), min_size=1, max_size=20, unique=True)


def two_sided(sums: Iterable[float], seen: float) -> float:
    every = list(sums)
    tails = sum(each <= seen for each in every), sum(each >= seen for each in every)
    return min(1.0, 2 * min(tails) / len(every))


def one_sample_interval(values: list[float]) -> tuple[float, float] | None:
    return interval(pair_means(values), signed_ranks(len(values)), LEVEL)


def test_equal_values_share_their_rank() -> None:
    assert doubled_ranks([3.0, 1.0, 3.0, 7.0]) == [5, 2, 5, 8]


def test_the_points_of_one_sample_are_all_means_of_two() -> None:
    assert pair_means([10.0, 1.0, 2.0]) == [1.0, 1.5, 2.0, 5.5, 6.0, 10.0]


def test_the_points_of_two_samples_are_all_differences() -> None:
    assert differences([10.0, 1.0], [11.0, 5.0]) == [-5.0, 1.0, 4.0, 10.0]


@pytest.mark.parametrize(
    ("count", "cut"),  # the tables of Hollander, Wolfe and Chicken: P(T+ <= cut - 1) <= 0.025
    [(1, None), (5, None), (6, 1), (7, 3), (8, 4), (10, 9), (20, 53)],
)
def test_the_interval_has_the_ends_of_the_tables(count: int, cut: int | None) -> None:
    values = [float(2**place) for place in range(count)]
    means = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(values, 2))
    expected = None if cut is None else (means[cut - 1], means[-cut])
    assert one_sample_interval(values) == expected


@pytest.mark.parametrize("count", [1, 2, 6, 11])
def test_signed_ranks_are_all_subsets_of_the_ranks(count: int) -> None:
    sums = [0]
    for rank in range(1, count + 1):
        sums += [each + rank for each in sums]
    null = signed_ranks(count)
    assert isinstance(null, Counted)
    assert null.ways == len(sums)
    assert list(null.tails) == [
        sum(each <= highest for each in sums) for highest in range(count * (count + 1) // 4 + 1)
    ]


@pytest.mark.parametrize(("first", "second"), [(1, 1), (1, 4), (4, 3), (5, 5), (6, 6)])
def test_rank_sums_are_all_choices_of_a_sample(first: int, second: int) -> None:
    ranks = range(first + second)
    lowest = sum(range(second))
    sums = [sum(chosen) - lowest for chosen in itertools.combinations(ranks, second)]
    null = rank_sums(first, second)
    assert isinstance(null, Counted)
    assert null.ways == len(sums)
    assert list(null.tails) == [
        sum(each <= highest for each in sums) for highest in range(first * second // 2 + 1)
    ]


def test_what_is_too_much_to_count_is_nearly_normal(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = signed_ranks(300), rank_sums(60, 60)
    monkeypatch.setattr(counting, "MOST_PAIRS", 299)
    monkeypatch.setattr(counting, "MOST_BITS", 100)
    for exact, near in zip(
        counted, (signed_ranks.__wrapped__(300), rank_sums.__wrapped__(60, 60)), strict=True
    ):
        assert isinstance(exact, Counted)
        assert isinstance(near, Normal)
        cut = exact.cut(LEVEL)
        assert near.cut(LEVEL) == pytest.approx(cut, abs=2)
        assert near.p(cut) == pytest.approx(exact.p(cut), abs=0.0004)


@given(TIED)
def test_ties_and_zeros_are_counted_over_all_flips_of_signs(values: list[float]) -> None:
    ranks = doubled_ranks([abs(each) for each in values])
    nonzero = [rank for rank, each in zip(ranks, values, strict=True) if each]
    seen = sum(rank for rank, each in zip(ranks, values, strict=True) if each > 0)
    sums = [0]
    for rank in nonzero:
        sums += [each + rank for each in sums]
    assert signed_rank_p(values) == two_sided(sums, seen)


@given(TIED, TIED)
def test_ties_are_counted_over_all_samples(first: list[float], second: list[float]) -> None:
    first, second = first[:6], second[:6]
    ranks = doubled_ranks([*first, *second])
    sums = [sum(chosen) for chosen in itertools.combinations(ranks, len(second))]
    assert rank_sum_p(first, second) == two_sided(sums, sum(ranks[len(first) :]))


@given(UNTIED, st.randoms(use_true_random=False))
def test_scipy_has_the_same_p_values_of_signed_ranks(distances: list[int], signs: Random) -> None:
    values = [float(each * signs.choice((-1, 1))) for each in distances]
    expected = stats.wilcoxon(values, method="exact").pvalue
    assert signed_rank_p(values) == pytest.approx(expected, rel=1e-12)
    means = pair_means(values)
    assert interval_p(means, signed_ranks(len(values)), 0.0) == pytest.approx(expected, rel=1e-12)


@given(UNTIED, st.data())
def test_scipy_has_the_same_p_values_of_two_samples(values: list[int], data: st.DataObject) -> None:
    values = [*values, 0]
    cut = data.draw(st.integers(1, len(values) - 1))
    first, second = [float(each) for each in values[:cut]], [float(each) for each in values[cut:]]
    expected = stats.mannwhitneyu(first, second, method="exact").pvalue
    assert rank_sum_p(first, second) == pytest.approx(expected, rel=1e-12)
    null = rank_sums(len(first), len(second))
    assert interval_p(differences(first, second), null, 0.0) == pytest.approx(expected, rel=1e-12)


@given(st.lists(st.integers(-1000, 1000), min_size=6, max_size=20, unique=True))
def test_the_interval_is_what_scipys_test_does_not_reject(whole: list[int]) -> None:
    values = [each + 0.001 * place**2 for place, each in enumerate(whole)]  # no two means are equal
    low, high = one_sample_interval(values) or (0.0, 0.0)
    assert low <= median(pair_means(values)) <= high
    for end, inwards in ((low, 1e-7), (high, -1e-7)):
        inside = stats.wilcoxon([each - end - inwards for each in values], method="exact")
        outside = stats.wilcoxon([each - end + inwards for each in values], method="exact")
        assert outside.pvalue <= 0.05 < inside.pvalue


@given(TIED.filter(lambda values: len(values) >= 6), st.integers(-8, 8), st.integers(1, 199))
def test_the_p_value_of_the_interval_agrees_with_it_at_every_level(
    values: list[float], doubled: int, percent: int
) -> None:
    points, null, centre = pair_means(values), signed_ranks(len(values)), doubled / 2
    level = 1 - Fraction(percent, 1000)
    low, high = interval(points, null, level) or (float("-inf"), float("inf"))
    assert (low <= centre <= high) == (interval_p(points, null, centre) > float(1 - level))


def test_a_shift_has_its_interval_and_its_size() -> None:
    first, second = [1.0, 2.0, 3.0, 4.0], [11.0, 12.0, 13.0, 14.0]
    points = differences(first, second)
    assert median(points) == 10.0
    assert interval(points, rank_sums(4, 4), LEVEL) == (7.0, 13.0)  # 2 of 70 ways: 0.029 in all
    assert interval(differences(first[:2], second), rank_sums(2, 4), LEVEL) is None  # 2 of 15 ways
    assert rank_sum_p(first, second) == 2 / 70


@pytest.mark.parametrize(
    ("second", "delta"), [([5.0, 6.0], 1.0), ([0.0], -1.0), ([1.0, 2.0], 0.0), ([2.0, 3.0], 0.75)]
)
def test_delta_is_the_balance_of_all_pairs(second: list[float], delta: float) -> None:
    assert cliffs_delta([1.0, 2.0], second) == delta
