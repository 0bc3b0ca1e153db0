"""Points that are not listed are those of a list, found by counting."""

from __future__ import annotations

import itertools
import random
from bisect import bisect_left, bisect_right

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.interference.statistics import ranks
from tandem.interference.statistics.estimate import difference_of, estimate_of
from tandem.interference.statistics.many import Many, ManyDifferences, ManyMeans

VALUES = st.lists(st.integers(-40, 40).map(lambda each: each / 8), min_size=1, max_size=12)


def agree(many: Many, listed: list[float]) -> None:
    assert len(many) == len(listed)
    for place in range(-len(listed), len(listed)):
        assert many[place] == pytest.approx(listed[place], abs=1e-12)
    for bound in (*listed, 0.0, -9.1, 9.1):
        assert many.counts_at(bound) == (bisect_right(listed, bound), bisect_left(listed, bound))


@given(values=VALUES)
def test_means_are_those_of_all_pairs(values: list[float]) -> None:
    pairs = itertools.combinations_with_replacement(values, 2)
    agree(ManyMeans(values), sorted((a + b) / 2 for a, b in pairs))


@given(first=VALUES, second=VALUES)
def test_differences_are_those_of_all_values(first: list[float], second: list[float]) -> None:
    agree(ManyDifferences(first, second), sorted(b - a for a in first for b in second))


@pytest.mark.parametrize("middle", [1.0, 1.02])
def test_an_estimate_is_the_same_without_a_list(
    monkeypatch: pytest.MonkeyPatch, middle: float
) -> None:
    noise = random.Random(3)
    first, second = ([noise.gauss(middle, 0.1) for _ in range(60)] for _ in range(2))
    listed = estimate_of(first, 1.0), difference_of(first, second)
    monkeypatch.setattr(ranks, "MOST_LISTED", 10)
    for found, expected in zip(
        (estimate_of(first, 1.0), difference_of(first, second)), listed, strict=True
    ):
        for name in ("estimate", "low", "high", "inner_low", "inner_high", "p"):
            assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=1e-12)
