"""Whether a process of another machine works in a run's folder, where no lock may tell.

A shared file system may have locks of each machine alone. The state that a run writes every two
seconds is seen by all. A run of this machine, since it started, is known by its lock.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from tandem.base.files import temporary_name
from tandem.results.state import boot_id, liveness, read_state, state_file


def at_work_elsewhere(run: Path) -> str | None:
    """Return who works in a run's folder on another machine, as it seems; None: nobody.

    OSError: it cannot be told.
    """
    state = read_state(run)
    if state is None or state.status != "running" or state.owner.boot_id == boot_id():
        return None
    age_s = server_s(run) - state_file(run).stat().st_mtime
    if liveness(state, age_s) != "running":
        return None
    owner = state.owner
    return f"process {owner.pid} on {owner.host}, whose state.json is {max(age_s, 0.0):.0f} s old"


def server_s(folder: Path) -> float:
    """Return what time it is by the clock of whoever keeps a folder."""
    file = temporary_name(str(folder / "clock"))
    try:
        with open(file, "wb") as stream:
            return os.fstat(stream.fileno()).st_mtime
    finally:
        with suppress(OSError):
            os.unlink(file)
