"""Put back what a run has set of boards: by that run, by its holder, or by the next start.

What somebody else has set since is left alone, as far as NVML can tell what is set.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from tandem.base.errors import LockedError, TandemError
from tandem.machine.clocks.kinds import KINDS
from tandem.machine.clocks.means import ClocksError, put_back
from tandem.machine.clocks.state import (
    BoardState,
    clocks_lock,
    left_states,
    read_state,
    state_path,
)
from tandem.machine.trusted_file import NotTrustedError
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.devices import Board, boards

SAME = 0.5  # W, or MHz: NVML rounds
HOLDER_S = 15.0  # a holder whose owner was killed needs no longer
_PERIOD_S = 0.05

Say = Callable[[str], None]


@dataclass
class PutBack:
    """What came of it: who else's values were left alone, and why something is still as set."""

    others: dict[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    has_changed: bool = False


def put_back_board(board: Board, state: BoardState) -> PutBack:
    """Put back what there was, and remove the state file unless something could not be."""
    done = PutBack()
    for key in reversed(list(state.wanted)):
        kind, before = KINDS[key], state.before[key]
        try:
            now = kind.read(board) if kind.read else None
            if now is not None and before is not None and is_same(now, before):
                continue
            if now is not None and not is_same(now, state.wanted[key]):
                done.others[key] = now
                continue
            put_back(board, kind, before)
            done.has_changed = True
        except (NvmlError, ClocksError) as error:
            done.failed[key] = error.with_hint() if isinstance(error, NvmlError) else str(error)
    if not done.failed:
        state_path(state.uuid).unlink(missing_ok=True)
    return done


def is_same(one: float, other: float) -> bool:
    return abs(one - other) < SAME


def lines_of(board_name: str, done: PutBack) -> Iterator[str]:
    """Yield what a person is to know of it."""
    for key, value in done.others.items():
        yield f"{board_name}: {KINDS[key].text(value)}, set by somebody else, left alone"
    for key, why in done.failed.items():
        yield (
            f"warning: {board_name}: {KINDS[key].name} not put back: {why} (the next run that may"
            " puts it back)"
        )


def put_back_left(say: Say) -> None:
    """Put back what killed runs have left set of boards that nobody is at work on now."""
    for path in left_states():
        try:
            _put_back_left(path, say)
        except LockedError:
            continue  # a run is at work there
        except (NotTrustedError, NvmlError, TandemError, OSError) as error:
            say(f"warning: a board may still be set as a killed run wanted it: {error}")


def _put_back_left(path: Path, say: Say) -> None:
    uuid = path.stem.removeprefix("tandem-clocks-")
    with ExitStack() as stack:
        stack.enter_context(clocks_lock(uuid))
        state = read_state(path)
        if state is None:
            return
        stack.enter_context(opened())
        board = board_of(uuid)
        done = put_back_board(board, state)
        for line in lines_of(f"GPU {board.index}", done):
            say(line)
        if done.has_changed:
            what = ", ".join(KINDS[key].text(value) for key, value in state.wanted.items())
            say(f"GPU {board.index}: put back; an earlier run had left it at {what}")


def board_of(uuid: str) -> Board:
    """Return a board by its UUID; NvmlError: it is not here."""
    found = next((board for board in boards() if board.uuid == uuid), None)
    if found is None:
        raise NvmlError(f"{uuid} is not to be seen now, and what was set of it stays noted")
    return found


def with_lock_of(stack: ExitStack, uuid: str) -> int:
    """Take the lock of a board, and wait for the holder of a run that was just killed.

    Return its descriptor. LockedError: another run has it.
    """
    until_s = time.monotonic() + HOLDER_S
    while True:
        try:
            return stack.enter_context(clocks_lock(uuid)).file
        except LockedError:
            if time.monotonic() >= until_s:
                raise
            time.sleep(_PERIOD_S)
