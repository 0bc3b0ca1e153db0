"""The clocks: UTC by one pair of readings; a suspension, and nothing else, between two clocks."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from tandem.base.clock import Moment, awake_s, now, suspended_s

Clocks = Callable[..., None]


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Clocks:
    """Sets CLOCK_BOOTTIME ahead of CLOCK_MONOTONIC; each reading of either takes some time."""

    def set_clocks(ahead_s: float, *readings_s: float) -> None:
        passed_s = [1000.0]
        waits_s = list(readings_s)

        def monotonic() -> float:
            passed_s[0] += waits_s.pop(0) if waits_s else 1e-7
            return passed_s[0]

        monkeypatch.setattr(time, "monotonic", monotonic)
        monkeypatch.setattr(time, "clock_gettime", lambda _clock: monotonic() + ahead_s)

    return set_clocks


def test_another_moment_is_shown_by_the_pair_of_this_one() -> None:
    pair = Moment(1000.0, 1_767_225_600.0)
    assert pair.iso_at(1001.5) == "2026-01-01T00:00:01.500000+00:00"
    assert Moment(**pair.readings()) == pair


def test_the_machine_is_not_suspended_while_this_runs() -> None:
    known_s = suspended_s()
    assert known_s >= 0
    assert {suspended_s(known_s) for _ in range(1000)} == {known_s}
    assert abs(now().boottime_s - time.monotonic() - known_s) < 1.0


def test_a_wait_between_two_readings_is_no_suspension(clocks: Clocks) -> None:
    clocks(7.25)
    known_s = suspended_s()
    assert known_s == pytest.approx(7.25, abs=1e-6)
    clocks(7.25, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 3.0, 0.0)
    assert suspended_s(known_s) == known_s


def test_a_first_answer_that_was_not_exact_is_no_suspension(clocks: Clocks) -> None:
    """Nobody suspends a machine for less than a millisecond."""
    clocks(7.25, *[0.0, 0.001, 0.0] * 3)
    known_s = suspended_s()
    assert known_s == pytest.approx(7.25, abs=0.001)
    assert known_s != pytest.approx(7.25, abs=0.0001)
    clocks(7.25)
    assert suspended_s(known_s) == known_s


def test_a_suspension_is_seen_in_spite_of_a_wait(clocks: Clocks) -> None:
    clocks(37.25, 0.0, 0.5, 0.0)
    assert suspended_s(7.25) == pytest.approx(37.25, abs=1e-6)


@pytest.mark.parametrize(
    ("suspended", "expected"),
    [(0.0, 10.0), (4.0, 6.0), (4.0004, 6.0), (10.0, 0.0), (10.001, 0.0)],
)
def test_a_duration_is_the_difference_less_the_suspension(
    suspended: float, expected: float
) -> None:
    """Of which no more than the milliseconds are known."""
    assert awake_s(100.0, 110.0, suspended) == pytest.approx(expected, abs=1e-9)
