"""Experiments in a row that are not valid for the same reason are said so, and may end a run."""

from __future__ import annotations

from typing import Any

from support import records
from tandem.experiment.validity.verdict import invalid_reasons
from tandem.results.record import Record
from tandem.run.streak import Streak


def made(**values: Any) -> Record:
    record = records.record(**values)
    record["invalid_reasons"] = invalid_reasons(record, None)
    record["valid"] = not record["invalid_reasons"]
    return record


def covered(share: float) -> Record:
    return made(**{"background.coverage": share})


def alone(**values: Any) -> Record:
    return made(**{"background": None, "windows[0].load": None, **values})


def suspended(seconds: float) -> dict[str, Any]:
    return {"attempts[0].suspended_seconds": seconds}


def test_three_in_a_row_are_said_once_with_the_newest_figures() -> None:
    streak = Streak()
    found = [streak.note(covered(share)) for share in (0.7, 0.84, 0.812, 0.5)]
    assert (found[:2], found[3:]) == ([[], []], [[]])
    [line] = found[2]
    assert line.startswith("3 experiments in a row are not valid: coverage 81.2% is below 95% (")
    assert "or set validity.min_coverage)" in line
    assert streak.why == ""


def test_a_valid_one_or_another_reason_ends_the_row() -> None:
    streak = Streak(3)
    for found in (covered(0.5), covered(0.5), covered(1.0), covered(0.5), covered(0.5)):
        assert streak.note(found) == []
    other = made(**{"background.coverage": 1.0, **suspended(20.0)})
    for found in (other, covered(0.5), covered(0.5), other):
        assert streak.note(found) == []
    assert streak.why == ""


def test_a_foreground_alone_says_nothing_of_backgrounds() -> None:
    streak = Streak(3)
    for found in (covered(0.5), alone(), covered(0.5), alone(), covered(0.5)):
        lines = streak.note(found)
    assert len(lines) == 1
    assert streak.why == lines[0]
    machine = Streak(2)
    for found in (alone(**suspended(20.0)), alone(), alone(**suspended(20.0))):
        assert machine.note(found) == []
    assert machine.why == ""


def test_one_reason_of_several_is_enough_and_each_is_said() -> None:
    streak = Streak()
    both = made(**{"background.coverage": 0.5, **suspended(20.0)})
    for _ in range(3):
        lines = streak.note(both)
    assert ["coverage" in line for line in lines] == [True, False]


def test_the_run_ends_after_as_many_as_are_given() -> None:
    streak = Streak(1)
    assert streak.note(covered(1.0)) == []
    [line] = streak.note(covered(0.5))
    assert line.startswith("this experiment is not valid: coverage 50.0% is below 95% (")
    assert streak.why == line


def test_what_is_thrown_away_does_not_count() -> None:
    streak = Streak(1)
    assert streak.note(alone(**suspended(20.0), control="warm_up")) == []
    assert streak.why == ""
