"""Single facts of a record; whole records are in runs/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.records import outcome
from tandem.experiment.background import command_facts
from tandem.plan.model import Training


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
    training = Training("one", "m", {}, (), ("t",), Path("/r"), {}, commit=wanted)
    state = {"commit": there, "dirty": None, "reason": None}
    assert command_facts(training, outcome(git={"/r": state}))["pin"] == pin
