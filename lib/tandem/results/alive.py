"""Whether the process that works in a folder, a run's or a worker's, is still there."""

from __future__ import annotations

import os
from datetime import datetime, timezone
from pathlib import Path
from typing import Literal

from tandem.base.moments import moment_of
from tandem.results.journal import is_active
from tandem.results.owner import Liveness, liveness
from tandem.results.state import State

Standing = Literal["running", "waiting", "ended", "stopped", "failed", "not running", "not known"]


def age_s_of(state: State | None) -> float | None:
    """Return how long ago a state was written."""
    written = moment_of(state.written) if state else None
    now = datetime.now(timezone.utc)
    return None if written is None else max(0.0, (now - written).total_seconds())


def standing_of(
    folder: Path, state: State | None, age_s: float | None, host: str | None
) -> tuple[Standing, str | None]:
    """Return how the process stands that works in a folder, and why it was stopped or has failed.

    Without a state its `host` says whether it can be looked for here.
    """
    if state and state.status != "running":
        return state.status, state.why
    if state:
        alive: Liveness = liveness(state.owner, age_s or 0.0)
    elif host not in {None, os.uname().nodename}:
        alive = "unknown"
    else:
        alive = "running" if is_active(folder) else "not running"
    named: dict[Liveness, Standing] = {"running": "running", "unknown": "not known"}
    return named.get(alive, "not running"), None
