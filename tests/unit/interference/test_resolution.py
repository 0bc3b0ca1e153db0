"""What so many repeats can tell: equivalence, the smallest effect, how many more are needed."""

from __future__ import annotations

import math
import random

import pytest
from tandem.interference.statistics.estimate import difference_of, estimate_of
from tandem.interference.statistics.resolution import (
    Equivalence,
    equivalence,
    smallest_effect,
)


def spread_about(middle: float, width: float, count: int = 8) -> list[float]:
    """Return so many ratios, as far above the middle as below."""
    steps = [2 * place / (count - 1) - 1 for place in range(count)]
    return [middle * math.exp(width * step) for step in steps]


def answer(values: list[float], margin: float) -> Equivalence:
    found = equivalence(estimate_of(values, 1.0), margin)
    assert found
    return found


def test_an_interval_within_the_margins_is_less() -> None:
    assert answer(spread_about(1.001, 0.01), 0.02) == Equivalence("less", None)


def test_an_interval_outside_the_margins_is_more() -> None:
    assert answer(spread_about(1.1, 0.01), 0.02) == Equivalence("more", None)
    assert answer(spread_about(0.9, 0.01), 0.02) == Equivalence("more", None)


def test_a_margin_is_the_same_for_a_ratio_and_its_reciprocal() -> None:
    values = [0.9803] * 4 + [1.0, 1.0]  # above 0.98, but below 1 / 1.02
    assert answer(values, 0.02).answer == "not known"
    assert answer([1 / each for each in values], 0.02).answer == "not known"


def test_what_is_not_known_says_about_how_many_more_would_tell() -> None:
    narrow = answer(spread_about(1.0, 0.04), 0.02)
    wide = answer(spread_about(1.0, 0.08), 0.02)
    assert narrow.answer == wide.answer == "not known"
    assert narrow.more_repeats is not None and wide.more_repeats is not None
    assert 1 <= narrow.more_repeats < wide.more_repeats / 3


def test_an_estimate_at_the_margin_needs_more_than_anybody_has() -> None:
    assert answer(spread_about(1.02, 0.04), 0.02) == Equivalence("not known", None)


def test_below_six_pairs_nothing_is_known_and_six_are_needed_at_least() -> None:
    assert answer([1.0], 0.02) == Equivalence("not known", 5)
    assert answer(spread_about(1.0, 0.0001, 4), 0.02) == Equivalence("not known", 2)


def test_of_an_effect_that_is_nothing_there_are_no_percents() -> None:
    assert equivalence(estimate_of([1.0, 2.0], 0.0, "difference"), 0.02) is None
    assert equivalence(estimate_of([1.0, 2.0], None), 0.02) is None


def test_a_ratio_with_zeros_has_linear_margins() -> None:
    values = [0.0, 1.0, 1.0, 1.001, 0.999, 1.0, 1.002, 0.998, 1.0, 1.0, 1.001, 0.999]
    assert answer(values, 0.02) == Equivalence("less", None)


def test_two_samples_are_equivalent_or_not() -> None:
    first = spread_about(10.0, 0.01)
    assert equivalence(difference_of(first, first), 0.02) == Equivalence("less", None)
    far = difference_of(first, [2 * each for each in first])
    assert equivalence(far, 0.02) == Equivalence("more", None)
    few = equivalence(difference_of([10.0, 10.1], [10.0, 10.1]), 0.02)
    assert few and few.answer == "not known" and few.more_repeats and few.more_repeats >= 2


def seen(pairs: int, effect: float, spread: float, designs: int) -> float:
    """Return in which share of designs the effect is one."""
    generator = random.Random(pairs)
    found = [
        estimate_of(
            [(1 + effect) * math.exp(generator.gauss(0, spread)) for _ in range(pairs)], 1.0
        )
        for _ in range(designs)
    ]
    return sum(each.below_resolution is False for each in found) / designs


@pytest.mark.parametrize("pairs", [6, 8, 15])
def test_the_smallest_effect_is_seen_in_four_of_five_designs(pairs: int) -> None:
    effect = smallest_effect(pairs, 0.02)
    assert effect
    assert seen(pairs, effect, 0.02, 600) == pytest.approx(0.8, abs=0.06)


def test_more_pairs_show_smaller_effects() -> None:
    effects = [smallest_effect(pairs, 0.05) or 0.0 for pairs in range(6, 40)]
    assert effects == sorted(effects, reverse=True)
    assert smallest_effect(5, 0.05) is None
    assert smallest_effect(6, 0.0) == 0.0
