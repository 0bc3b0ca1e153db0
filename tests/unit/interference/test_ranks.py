"""Exact statistics of ranks, against every way to flip signs or to choose a sample."""

from __future__ import annotations

import itertools
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.interference.ranks import (
    cliffs_delta,
    doubled_ranks,
    pseudomedian,
    pseudomedian_interval,
    rank_sum_p,
    shift,
    shift_interval,
    signed_rank_p,
)

TIED = st.lists(st.integers(-4, 4).map(float), min_size=1, max_size=9)


def test_equal_values_share_their_rank() -> None:
    assert doubled_ranks([3.0, 1.0, 3.0, 7.0]) == [5, 2, 5, 8]


def test_the_pseudomedian_is_the_median_of_all_means_of_two() -> None:
    assert pseudomedian([1.0, 2.0, 10.0]) == statistics.median([1, 2, 10, 1.5, 5.5, 6])


def test_no_values_have_no_pseudomedian() -> None:
    with pytest.raises(ValueError, match="no values"):
        pseudomedian([])


@pytest.mark.parametrize(
    ("count", "cut"),  # the tables of Hollander, Wolfe and Chicken: P(T+ <= cut - 1) <= 0.025
    [(1, None), (5, None), (6, 1), (7, 3), (8, 4), (10, 9), (20, 53)],
)
def test_the_interval_has_the_ends_of_the_tables(count: int, cut: int | None) -> None:
    values = [float(2**place) for place in range(count)]
    means = sorted((a + b) / 2 for a, b in itertools.combinations_with_replacement(values, 2))
    expected = None if cut is None else (means[cut - 1], means[-cut])
    assert pseudomedian_interval(values) == expected


@given(TIED)
def test_signed_ranks_are_counted_over_all_flips_of_signs(values: list[float]) -> None:
    ranks = doubled_ranks([abs(each) for each in values])
    nonzero = [rank for rank, each in zip(ranks, values, strict=True) if each]
    seen = sum(rank for rank, each in zip(ranks, values, strict=True) if each > 0)
    sums = [
        sum(rank for rank, up in zip(nonzero, flips, strict=True) if up)
        for flips in itertools.product((False, True), repeat=len(nonzero))
    ]
    tails = sum(each <= seen for each in sums), sum(each >= seen for each in sums)
    assert signed_rank_p(values) == min(1.0, 2 * min(tails) / len(sums))


@given(TIED, TIED)
def test_rank_sums_are_counted_over_all_samples(first: list[float], second: list[float]) -> None:
    first, second = first[:5], second[:5]
    ranks = doubled_ranks([*first, *second])
    sums = [sum(chosen) for chosen in itertools.combinations(ranks, len(second))]
    seen = sum(ranks[len(first) :])
    tails = sum(each <= seen for each in sums), sum(each >= seen for each in sums)
    assert rank_sum_p(first, second) == min(1.0, 2 * min(tails) / len(sums))


@given(st.lists(st.integers(-1000, 1000), min_size=6, max_size=12, unique=True))
def test_the_interval_excludes_what_the_test_rejects(values: list[float]) -> None:
    low, high = pseudomedian_interval(values) or (0.0, 0.0)
    assert low <= pseudomedian(values) <= high
    beyond = high + 1.0
    assert signed_rank_p(values, beyond) <= 0.05


def test_a_shift_has_its_interval_and_its_size() -> None:
    first, second = [1.0, 2.0, 3.0, 4.0], [11.0, 12.0, 13.0, 14.0]
    assert shift(first, second) == 10.0
    assert shift_interval(first, second) == (7.0, 13.0)  # 2 of 70 ways: 0.029 on both sides
    assert shift_interval(first[:2], second) is None  # 1 of 15 ways is too many
    assert rank_sum_p(first, second) == pytest.approx(2 / 70)


@pytest.mark.parametrize(
    ("second", "delta"), [([5.0, 6.0], 1.0), ([0.0], -1.0), ([1.0, 2.0], 0.0), ([2.0, 3.0], 0.75)]
)
def test_delta_is_the_balance_of_all_pairs(second: list[float], delta: float) -> None:
    assert cliffs_delta([1.0, 2.0], second) == delta
