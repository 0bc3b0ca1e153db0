"""States of a run, for tests: one that trains, with whatever is to be different."""

from __future__ import annotations

from typing import Any

from tandem.results.owner import Owner
from tandem.results.state import VERSION, Counts, Current, State

OWNER = Owner(4242, 1234567, "3f0c8a1e", "pid:[4026531836]", "lab3", "ada")
CURRENT = Current("digits_mlp_001_parallel", "experiment", 1, 2, {"epochs": 20}, ("digits mlp",))
_UNKNOWN = (
    *("why", "epoch", "epochs", "rounds", "coverage_so_far", "newest"),
    *("elapsed_s", "left_s", "run_left_s", "ends"),
)


def state(**facts: Any) -> State:
    """Return the state of a run that trains; what is not said is not known."""
    known: dict[str, Any] = {
        "version": VERSION,
        "written": "2026-01-31T12:00:00+00:00",
        "owner": OWNER,
        "status": "running",
        "phase": "training",
        "experiment": CURRENT,
        "counts": Counts(valid=0, not_valid=0, missing=2),
    }
    return State(**{**dict.fromkeys(_UNKNOWN), **known, **facts})
