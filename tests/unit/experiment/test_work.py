"""Whether the foreground's work was whole, by what its log says."""

from __future__ import annotations

from typing import Any

import pytest
from support.records import of, put, record
from tandem.experiment.validity import work
from tandem.results.record import Attempt, Record


def reasons(made: Record) -> list[str]:
    return [reason.text for reason in work.reasons(made)]


def warned(made: Record) -> list[str]:
    return list(work.warnings(made))


def test_why_no_metric_was_found_names_patterns_and_the_last_line() -> None:
    made = record(
        performance_metrics={"acc": None, "loss": None},
        metric_reasons={"acc": "not found in the log", "loss": "last value is nan"},
        **{"log.patterns": {"acc": "acc ([0-9]+)", "loss": "loss (.*)"}, "log.last_line": "bye"},
    )
    assert reasons(made) == [
        "no metric found in the foreground's log; looked for acc (acc ([0-9]+)),"
        " loss (loss (.*)): last value is nan; its last line: bye"
    ]
    put(made, **{"log.last_line": None, "performance_metrics": {}, "metric_reasons": {}})
    assert reasons(made) == [
        "no metric found in the foreground's log; the registry has no pattern; the log is empty"
    ]
    put(made, **{"log.problem": "the log cannot be read: Is a directory"})
    assert reasons(made) == ["no metric found: the log cannot be read: Is a directory"]


def test_a_required_metric_that_is_nan_and_another_one() -> None:
    made = record(
        performance_metrics={"acc": 0.5, "loss": None, "map": None},
        metric_reasons={"loss": "last value is nan", "map": "not found in the log"},
    )
    assert (reasons(made), warned(made)) == ([], ["loss: last value is nan"])
    put(made, required_metrics=["loss", "map"])
    assert reasons(made) == [
        "required metrics not found in the foreground's log: loss: last value is nan, map"
    ]


def test_a_log_that_ends_with_a_failure() -> None:
    made = record(**{"log.failure": "RuntimeError: x"})
    assert reasons(made) == [
        "exit code 0, but the foreground's log ends with a failure: RuntimeError: x"
    ]
    put(made, training_success=False, **{"attempts[0].error_message": "exit code 1"})
    assert reasons(made) == ["foreground failed: exit code 1"]


FEW = "the foreground's log has 3 of 5 epochs"
END = "the foreground's log tells of no epoch behind 2 of 5"
LATE = "the foreground's log has only epochs 4 to 5 of 5"


@pytest.mark.parametrize(
    ("epochs", "reason", "warning"),
    [
        ({}, None, None),
        ({"at_most_done": 3}, None, FEW),
        ({"at_most_done": 3, "own_pattern": True}, FEW, None),
        ({"at_most_done": 3, "early_stopping": True}, None, None),
        ({"at_most_done": 3, "own_pattern": True, "early_stopping": True}, None, None),
        ({"at_most_done": 3, "expected": None, "own_pattern": True}, None, None),
        ({"at_most_done": 3, "count": 1, "last": 2.0, "own_pattern": True}, END, None),
        ({"at_most_done": 0, "count": 0}, None, None),
        ({"at_most_done": 0, "count": 0, "own_pattern": True}, FEW.replace("3", "0"), None),
        (
            {"at_most_done": 0, "count": 0, "own_pattern": True, "expected": None},
            None,
            "the registry's epoch_pattern finds no epoch in the foreground's log",
        ),
        (
            {"at_most_done": 2, "first": 4.0, "begins_late": True},
            None,
            f"{LATE}: perhaps it went on from a checkpoint",
        ),
    ],
)
def test_epochs_that_are_missing(
    epochs: dict[str, Any], reason: str | None, warning: str | None
) -> None:
    every = {"expected": 5, "count": 5, "last": 5.0, "at_most_done": 5, **epochs}
    made = record(**{f"epochs.{key}": value for key, value in every.items()})
    assert (reasons(made), warned(made)) == (
        [reason] if reason else [],
        [warning] if warning else [],
    )
    put(made, training_success=False, **{"attempts[0].error_message": "exit code 1"})
    assert (reasons(made), warned(made)) == (["foreground failed: exit code 1"], [])


def test_a_log_that_tells_of_more_epochs_than_there_are_to_be() -> None:
    made = record(
        epochs_done=None,
        **{
            "epochs.count": 10,
            "epochs.last": 10.0,
            "epochs.at_most_done": 30,
            "epochs.expected": 3,
        },
    )
    told = "the foreground's log has epoch 10, and there are 3 to be"
    assert (reasons(made), warned(made)) == ([], [f"{told}: how many are done is not known"])


@pytest.mark.parametrize(
    ("first", "count", "begins_late", "counts"),
    [
        (4, 2, True, True),
        (1, 2, True, False),
        (None, 2, True, False),
        (None, 1, True, True),
        (1, 1, True, False),
        (1, 1, False, False),  # "epoch 4.0" may be all that a training shows, but not this one
        (4, 1, False, True),
        (None, 1, False, True),
    ],
)
def test_a_retry_that_went_on_does_not_count(
    first: int | None, count: int, begins_late: bool, counts: bool
) -> None:
    made = record(
        **{"epochs.first": 4.0, "epochs.last": 5.0, "epochs.expected": 5},
        **{"epochs.begins_late": begins_late, "epochs.count": count, "epochs.at_most_done": 5},
    )
    put(made, attempts=[of(Attempt, epoch_first=first, end_boottime_s=1.0), *made["attempts"]])
    went_on = f"{LATE}: this attempt went on where an earlier one had stopped"
    assert reasons(made) == ([] if counts else [went_on])
    assert bool(warned(made)) == (counts and begins_late)
