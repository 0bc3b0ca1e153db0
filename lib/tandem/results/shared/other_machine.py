"""Whether a process of another machine works in a run's folder, where no lock may tell.

A shared file system may have locks of each machine alone. The state that a run writes every two
seconds is seen by all. A run of this machine, since it started, is known by its lock.
"""

from __future__ import annotations

from pathlib import Path

from tandem.base.files import server_s
from tandem.results.owner import boot_id, liveness
from tandem.results.state import read_state, state_file


def at_work_elsewhere(run: Path) -> str | None:
    """Return who works in a run's folder on another machine, as it seems; None: nobody.

    OSError: it cannot be told.
    """
    state = read_state(run)
    if state is None or state.status != "running" or state.owner.boot_id == boot_id():
        return None
    age_s = server_s(str(run)) - state_file(run).stat().st_mtime
    if liveness(state.owner, age_s) != "running":
        return None
    owner = state.owner
    return f"process {owner.pid} on {owner.host}, whose state.json is {max(age_s, 0.0):.0f} s old"
