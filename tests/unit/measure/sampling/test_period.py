"""How often a board updates a reading."""

from __future__ import annotations

import random

import pytest
from tandem.measure.sampling.period import Period


def learnt(update_s: float, look_s: float, looks: int = 400, seed: int = 1) -> float | None:
    """Look about every `look_s` at a reading that is a new one every `update_s`."""
    chance, period, at_s = random.Random(seed), Period(), 7.0
    for _ in range(looks):
        at_s += look_s * chance.uniform(0.8, 1.2)
        period.see(at_s, at_s // update_s)
    return period.seconds


@pytest.mark.parametrize("update_s", [0.02, 0.1, 0.3, 1.0])
def test_a_period_is_learnt_and_never_thought_shorter(update_s: float) -> None:
    found = learnt(update_s, 0.0025, 3000)
    assert found is not None
    assert update_s <= found < update_s + 0.005


@pytest.mark.parametrize("update_s", [0.3, 1.0])
def test_a_slow_one_is_learnt_from_the_usual_samples(update_s: float) -> None:
    found = learnt(update_s, 0.1)
    assert found is not None
    assert update_s <= found < 1.25 * update_s


def test_what_hardly_changes_tells_little() -> None:
    period = Period()
    assert not any(period.see(0.1 * n, 60.0) for n in range(100))
    assert period.seconds is None
    for n in range(100, 104):
        period.see(0.1 * n, None)
    period.see(11.0, 300.0)
    assert period.seconds is None


def test_a_look_that_came_late_makes_it_no_shorter() -> None:
    """A change that was seen late may have come right behind the look before."""
    period = Period()
    for at_s, value in ((0.0, 0), (0.99, 0), (2.9, 2), (3.01, 3), (4.01, 4)):
        period.see(at_s, value)
    assert period.seconds is not None
    assert period.seconds >= 1.0


def test_only_a_shorter_one_is_news() -> None:
    period = Period()
    news = [period.see(at_s, at_s) for at_s in (0.0, 1.0, 2.0, 3.0, 4.0, 4.1, 4.2)]
    assert news == [False, False, False, True, False, True, True]
