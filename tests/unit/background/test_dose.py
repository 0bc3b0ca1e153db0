"""A dose's arithmetic: which duty gives a target, and what the rows of a window add up to."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
from tandem.background.dose.controller import JITTER, Controller
from tandem.background.dose.feedback import Feedback
from tandem.background.dose.files import dose_facts


@pytest.mark.parametrize("full", [100.0, 90.0, 60.0])
def test_feedback_settles_without_overshoot(full: float) -> None:
    """Also where a GPU goes on for a while after a stop, so that use is not proportional."""
    feedback = Feedback(50)
    highest = 0.0
    for _ in range(12):
        percent = min(full, full * feedback.duty + 8)
        highest = max(highest, percent)
        feedback.learn(feedback.duty, percent, 1.2)
    assert abs(min(full, full * feedback.duty + 8) - 50) < 1.5
    assert highest < 59


def test_feedback_learns_nothing_from_nothing() -> None:
    feedback = Feedback(30)
    feedback.learn(0.3, 0.0, 1.0)
    assert feedback.duty == 0.3


def test_no_two_periods_are_the_same() -> None:
    """A steady one would be a wave, which some boards see wrongly; the mean is what was asked."""
    controller = SimpleNamespace(period_s=0.5, chance=random.Random(5))
    periods_s = [Controller.next_period_s(controller) for _ in range(1000)]  # type: ignore[arg-type]
    assert all(one_s != other_s for one_s, other_s in pairwise(periods_s))
    assert 0.5 * (1 - JITTER) <= min(periods_s) < 0.41
    assert 0.59 < max(periods_s) <= 0.5 * (1 + JITTER)
    assert sum(periods_s) / 1000 == pytest.approx(0.5, abs=0.01)


def row(at_s: float, *cells: object) -> str:
    return ",".join(map(str, (at_s, *cells))) + "\n"


def test_a_window_is_added_up_from_parts_of_rows(tmp_path: Path) -> None:
    (tmp_path / "dose.json").write_text(
        '{"mode": "target", "target": 40, "seed": 7, "reason": null}'
    )
    header = "boottime_s,span_s,present_s,stopped_s,duty,sm_percent\n"
    rows = row(11, 1, 1, 0.5, 0.5, 30) + row(12, 1, 0.5, 0.1, 0.8, 50) + row(13, 1, 1, 1, 0, 10)
    (tmp_path / "dose.csv").write_text(header + rows + "14,1,1")
    facts = dose_facts(tmp_path, "target", 40, 10.5, 12.0)
    assert facts["stopped_seconds"] == 0.35
    assert facts["duty_mean"] == pytest.approx(1 - 0.35 / 1.0)
    assert facts["sm_avg_percent"] == pytest.approx((30 * 0.5 + 50) / 1.5, abs=0.01)
    assert (facts["reason"], facts["seed"]) == (None, 7)
    late = dose_facts(tmp_path, "target", 40, 12.0, 14.0)
    assert late["duty_mean"] is None
    assert late["reason"] == "the controller did not run in 1.0 s of the window"


def test_no_training_and_no_files(tmp_path: Path) -> None:
    dose = tmp_path, "intensity", 0.5
    facts = dose_facts(*dose, 1.0, 2.0)
    reason = "the controller did not run in 1.0 s of the window"
    assert set(facts.values()) == {None, "intensity", 0.5, reason}
    (tmp_path / "dose.json").write_text('{"mode": "intensity", "target": 0.5, "reason": null}')
    header = "boottime_s,span_s,present_s,stopped_s,duty,sm_percent\n"
    (tmp_path / "dose.csv").write_text(header + row(2, 1, 0, 0, "", ""))
    facts = dose_facts(*dose, 1.0, 2.0)
    assert facts["duty_mean"] is None
    assert facts["reason"] == "no training was there to be dosed"
