"""The backgrounds' part of a record: what ran, of which code, and what is known of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from support.records import of, outcome
from tandem.config.options import Dose
from tandem.experiment.background import (
    NO_REPORT,
    all_hyperparameters,
    auto_facts,
    command_facts,
    cpu_seconds,
    training_at,
)
from tandem.experiment.outcome import BackgroundOutcome
from tandem.log.rules import LogRules
from tandem.plan.model import Background, Size, Training
from tandem.results.record_background import BackgroundPart

BARE = Training("one", "m", {}, (), ("t",), Path("/r"), LogRules({}))
SIZED = Background(BARE, Dose(), tuple(Size("batch", n, ("t", str(n))) for n in (128, 64)))


def found(**values: Any) -> BackgroundOutcome:
    """Return what the owner of a loop knew, as outcome.json has it."""
    usual: dict[str, Any] = {
        **{"name": "background", "logs": "background_logs", "dose": None, "dose_problem": None},
        **{"starts": 1, "reports": [{"cpu_user_s": 2.0, "cpu_system_s": 0.5}], "problems": []},
        **{"size": None, "chosen": None, "tried": [], "gpu_memory": {}, "ready_by": None},
    }
    made: BackgroundOutcome = cast(Any, usual | values)
    return made


@pytest.mark.parametrize(
    ("wanted", "there", "pin"),
    [
        ("a", "a", {"commit": "a", "matches": True}),
        ("a", "b", {"commit": "a", "matches": False}),
        ("a", None, {"commit": "a", "matches": None}),
        (None, "b", None),
    ],
)
def test_the_record_says_whether_it_was_that_commit(
    wanted: str | None, there: str | None, pin: dict[str, Any] | None
) -> None:
    state = {"commit": there, "dirty": None, "reason": None}
    facts = command_facts(replace(BARE, commit=wanted), outcome(git={"/r": state}))
    assert (facts["pin"], facts["repository_git"]) == (pin, state)


@pytest.mark.parametrize(
    ("values", "seconds", "reason"),
    [
        ({}, 2.5, None),
        ({"problems": ["the background loop ended before the foreground"]}, 2.5, None),
        ({"starts": 0, "reports": []}, None, "it was not started"),
        ({"reports": []}, None, NO_REPORT),
        ({"starts": 2}, None, NO_REPORT),
    ],
)
def test_cpu_seconds_are_missing_for_a_reason_alone(
    values: dict[str, Any], seconds: float | None, reason: str | None
) -> None:
    """A loop that failed has its CPU seconds, as far as its keeper could tell."""
    assert cpu_seconds(found(**values)) == (seconds, reason)


def test_an_auto_size_is_the_one_that_ran() -> None:
    """Where none fits, the last that was tried is the training that there was."""
    tried = [{"value": 128, "reason": "out of memory in round 1"}]
    one = found(size=64, chosen=64, tried=tried)
    assert training_at(SIZED, one).hyperparameters == {"batch": 64}
    assert training_at(SIZED, one).command == ("t", "64")
    assert auto_facts(SIZED, one) == {"name": "batch", "value": 64, "tried": tried}
    none = found(size=64, chosen=None, tried=[*tried, {"value": 64, "reason": "the same"}])
    assert training_at(SIZED, none).hyperparameters == {"batch": 64}
    facts = auto_facts(SIZED, none)
    assert facts
    assert (facts["value"], len(facts["tried"])) == (None, 2)
    assert auto_facts(Background(BARE, Dose()), found()) is None


def test_of_several_each_value_stands_behind_its_number() -> None:
    one, other = of(BackgroundPart, hyperparameters={"a": 1}), of(BackgroundPart)
    assert all_hyperparameters([one]) == {"a": 1}
    assert all_hyperparameters([one, other]) == {"1.a": 1, "2.epochs": 3}
