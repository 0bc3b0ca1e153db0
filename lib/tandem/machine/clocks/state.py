"""What runs have set of boards and what was there before: a file a board, and a lock beside it.

Whoever sets a board, or puts it back, holds that lock; a holder process has it from its owner.
"""

from __future__ import annotations

import fcntl
import math
import re
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tandem.machine.clocks.kinds import KINDS
from tandem.machine.trusted_file import read_trusted, unsound, write_trusted
from tandem.processes.cookie import lock_folder
from tandem.processes.locks import Lock, lock

_UUID = re.compile(r"GPU-[0-9A-Za-z-]{1,80}")


@dataclass(frozen=True)
class BoardState:
    """What was set of a board, by key, and what was there before (None: NVML cannot tell)."""

    uuid: str
    wanted: Mapping[str, float]
    before: Mapping[str, float | None]

    def is_sound(self) -> bool:
        """Whether it can be acted upon: nothing but known keys and plain numbers."""
        return (
            bool(_UUID.fullmatch(self.uuid))
            and self.wanted.keys() == self.before.keys() <= KINDS.keys()
            and all(map(_is_number, self.wanted.values()))
            and all(
                _is_number(value) if KINDS[key].read else value is None
                for key, value in self.before.items()
            )
        )


def _is_number(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 < value < 1e6


def state_path(uuid: str) -> Path:
    return Path(lock_folder()) / f"tandem-clocks-{uuid}.json"


def read_state(path: Path) -> BoardState | None:
    """Return what a file says, None without one; NotTrustedError, OSError."""
    found = read_trusted(path)
    if found is None:
        return None
    try:
        state = BoardState(**found)
        if state.is_sound() and path == state_path(state.uuid):
            return state
    except (TypeError, AttributeError):
        pass
    raise unsound(path)


def write_state(state: BoardState) -> None:
    write_trusted(state_path(state.uuid), asdict(state))


def left_states() -> list[Path]:
    """Return the files of boards that are set now, or that a killed run has left set."""
    return sorted(Path(lock_folder()).glob("tandem-clocks-GPU-*.json"))


def clocks_lock(uuid: str) -> AbstractContextManager[Lock]:
    """Hold the right to set a board; LockedError, NotReadyError."""
    what = f"the power limit or the clocks of {uuid}"
    return lock(lock_folder(), f"clocks-{uuid}", fcntl.LOCK_EX, what)
