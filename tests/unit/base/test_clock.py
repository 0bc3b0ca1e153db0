"""Stamps, durations and what is shown of them."""

from __future__ import annotations

import time

import pytest
from tandem.base import clock
from tandem.base.clock import Moment, awake_s, suspended_s


@pytest.mark.parametrize(
    ("suspended", "expected"),
    [(0.0, 10.0), (4.0, 6.0), (4.0004, 6.0), (10.0, 0.0), (10.001, 0.0)],
)
def test_a_duration_is_the_difference_less_the_suspension(
    suspended: float, expected: float
) -> None:
    """Of which no more than the milliseconds are known."""
    assert awake_s(100.0, 110.0, suspended) == pytest.approx(expected, abs=1e-9)


def test_a_wait_between_two_clocks_is_no_suspension(monkeypatch: pytest.MonkeyPatch) -> None:
    """Here this process waits a second between the first and again between the last two."""
    boottimes, monotonics = iter([1000.0, 1001.0, 1001.1]), iter([901.0, 901.0, 902.1])
    monkeypatch.setattr(clock, "boottime_s", lambda: next(boottimes))
    monkeypatch.setattr(time, "monotonic", lambda: next(monotonics))
    assert suspended_s() == 100.0


def test_a_moment_is_shown_as_both_clocks_went_at_another() -> None:
    pair = Moment(5000.0, 1_769_860_800.0)
    assert pair.utc_at(5000.0) == "2026-01-31T12:00:00.000000+00:00"
    assert pair.utc_at(4999.5) == "2026-01-31T11:59:59.500000+00:00"
    assert Moment(**pair.facts()) == pair
