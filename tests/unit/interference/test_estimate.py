"""What repeats say together: estimate, interval, p-value, and that these never contradict."""

from __future__ import annotations

import math
import statistics
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.interference.statistics.counting import Counted, signed_ranks
from tandem.interference.statistics.estimate import Estimate, difference_of, estimate_of, holm

RATIOS = st.sampled_from([0.5, 0.64, 0.8, 1.0, 1.0, 1.25, 1.25, 1.5625, 2.0])  # reciprocals, ties
DIFFERENCES = st.integers(-3, 4).map(float)
WITH_ZERO = st.sampled_from([0.0, 0.5, 0.9, 1.0, 1.1, 1.5])


def is_consistent(estimate: Estimate) -> bool:
    assert estimate.p is not None
    return estimate.below_resolution is (estimate.p > 0.05)


def test_a_ratio_is_estimated_on_logarithms() -> None:
    values = [1.02, 1.03, 1.01, 1.05, 1.02, 1.04, 1.01]
    found = estimate_of(values, 1.0)
    means = sorted(math.sqrt(a * b) for place, a in enumerate(values) for b in values[place:])
    assert (found.count, found.values, found.scale) == (7, tuple(values), "ratio")
    assert found.estimate == pytest.approx(statistics.median(means))
    assert (found.low, found.high) == pytest.approx((means[2], means[-3]))
    assert (found.inner_low, found.inner_high) == pytest.approx((means[3], means[-4]))
    assert found.p == 2 / 2**7
    assert found.spread == pytest.approx(statistics.stdev(map(math.log, values)))
    assert found.delta is None


def test_a_difference_keeps_its_unit() -> None:
    found = estimate_of([10.0, 20.0, 30.0, 40.0, 50.0, 60.0], 0.0, "difference")
    assert (found.estimate, found.low, found.high, found.scale) == (35.0, 10.0, 60.0, "difference")
    assert found.below_resolution is False


def test_below_six_pairs_there_is_no_interval_and_no_verdict() -> None:
    found = estimate_of([1.5, 1.6, 1.7, 1.8, 1.9], 1.0)
    assert (found.count, found.values) == (5, (1.5, 1.6, 1.7, 1.8, 1.9))
    nothing = (found.low, found.high, found.inner_low, found.inner_high, found.p)
    assert nothing == (None,) * 5
    assert found.below_resolution is None


def test_six_pairs_with_one_sign_are_an_effect() -> None:
    found = estimate_of([1.002, 1.5, 1.1, 1.2, 1.05, 1.3], 1.0)
    assert (found.low, found.high) == pytest.approx((1.002, 1.5))
    assert found.below_resolution is False
    assert found.p == 2 / 64


def test_an_interval_that_ends_at_no_effect_holds_it() -> None:
    found = estimate_of([1.0, 1.5, 1.1, 1.2, 1.05, 1.3], 1.0)
    assert found.low == 1.0
    assert found.below_resolution is True
    assert found.p is not None and found.p > 0.05


def test_tied_values_that_the_flips_of_signs_keep_are_no_effect() -> None:
    # The interval alone would begin at 0.5; 30 of 1024 flips are as far on either side.
    found = estimate_of([1.0] * 7 + [-2.0, 3.0, 4.0], 0.0, "difference")
    assert found.low == 0.0
    assert found.p == 60 / 1024
    assert found.below_resolution is True


@given(st.lists(RATIOS, min_size=6, max_size=12))
def test_verdict_and_p_value_of_ratios_agree(values: list[float]) -> None:
    assert is_consistent(estimate_of(values, 1.0))


@given(st.lists(DIFFERENCES, min_size=6, max_size=12))
def test_verdict_and_p_value_of_differences_agree(values: list[float]) -> None:
    assert is_consistent(estimate_of(values, 0.0, "difference"))


@given(st.lists(WITH_ZERO, min_size=6, max_size=12))
def test_verdict_and_p_value_agree_where_a_ratio_is_zero(values: list[float]) -> None:
    found = estimate_of(values, 1.0)
    assert found.scale == ("difference" if 0.0 in values else "ratio")
    assert is_consistent(found)


@given(st.lists(RATIOS, min_size=4, max_size=6), st.lists(RATIOS, min_size=4, max_size=6))
def test_verdict_and_p_value_of_two_samples_agree(first: list[float], second: list[float]) -> None:
    assert is_consistent(difference_of(first, second))


@given(st.lists(RATIOS, min_size=6, max_size=12))
def test_reciprocals_have_the_reciprocal_estimate(values: list[float]) -> None:
    found, turned = estimate_of(values, 1.0), estimate_of([1 / each for each in values], 1.0)
    assert found.low is not None and found.high is not None
    assert (turned.low, turned.high) == pytest.approx((1 / found.high, 1 / found.low))
    assert turned.estimate == pytest.approx(1 / found.estimate)
    assert turned.p == found.p


@pytest.mark.parametrize("scale", ["ratio", "difference"])
def test_without_a_known_no_effect_there_is_an_interval_and_no_verdict(
    scale: Literal["ratio", "difference"],
) -> None:
    found = estimate_of([105.0, 100.0, 110.0, 120.0, 90.0, 95.0], None, scale)
    assert (found.low, found.high) == pytest.approx((90.0, 120.0))
    assert (found.p, found.below_resolution) == (None, None)


@pytest.mark.parametrize("values", [[], [1.0, math.nan], [math.inf]])
def test_what_is_no_number_is_an_error(values: list[float]) -> None:
    with pytest.raises(ValueError, match=r"no values|not finite"):
        estimate_of(values, 1.0)
    with pytest.raises(ValueError, match=r"no values|not finite"):
        difference_of([1.0], values)


def test_two_samples_have_the_ratio_of_the_second_to_the_first() -> None:
    first, second = [10.0, 11.0, 12.0, 13.0], [20.0, 22.0, 24.0, 26.0]
    found = difference_of(first, second)
    ratios = sorted(b / a for a in first for b in second)
    assert (found.values, found.others, found.no_effect) == (tuple(first), tuple(second), 1.0)
    assert found.estimate == pytest.approx(statistics.median(ratios))
    assert (found.low, found.high) == pytest.approx((ratios[0], ratios[-1]))
    assert (found.p, found.delta, found.below_resolution) == (2 / 70, 1.0, False)
    assert found.spread == pytest.approx(statistics.stdev(map(math.log, first)))


def test_two_samples_that_are_too_small_have_no_interval() -> None:
    found = difference_of([1.0, 2.0, 3.0], [4.0, 5.0, 6.0])
    assert (found.low, found.high, found.p, found.below_resolution) == (None,) * 4
    assert found.delta == 1.0


def test_many_pairs_are_counted_exactly_too() -> None:
    found = estimate_of([1 + 0.001 * (place - 70) for place in range(200)], 1.0)
    assert isinstance(signed_ranks(200), Counted)
    assert found.below_resolution is False
    assert found.p is not None and 0 < found.p < 1e-5


def test_more_than_can_be_counted_have_an_interval_too() -> None:
    found = estimate_of([1 + 0.01 * (place % 7 - 2) for place in range(500)], 1.0)
    assert found.below_resolution is False
    assert is_consistent(found)
    two = difference_of([1.0, 2.0] * 50, [2.0, 3.0] * 50)
    assert two.estimate == pytest.approx(math.sqrt(1.5 * 2))
    assert two.below_resolution is False
    assert is_consistent(two)


def test_holm_multiplies_the_smallest_the_most() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_holm_rejects_what_its_steps_reject(ps: list[float]) -> None:
    rejected = 0
    for place, p in enumerate(sorted(ps)):
        if (len(ps) - place) * p > 0.05:
            break
        rejected += 1
    adjusted = holm(ps)
    assert sum(each <= 0.05 for each in adjusted) == rejected
    assert all(each >= p for each, p in zip(adjusted, ps, strict=True))
