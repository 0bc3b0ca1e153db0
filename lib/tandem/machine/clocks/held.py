"""Boards that are set for an experiment, from its beginning to its end."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from tandem.base.errors import NotReadyError
from tandem.machine.clocks.holder import end_holder, start_holder
from tandem.machine.clocks.kinds import KINDS, NO_READING, Wanted
from tandem.machine.clocks.means import ClocksError, set_to
from tandem.machine.clocks.put_back import is_same, lines_of, put_back_board, with_lock_of
from tandem.machine.clocks.state import BoardState, read_state, state_path, write_state
from tandem.machine.clocks.step import (
    SLURM,
    check_set,
    end_step,
    in_job,
    read_clock,
    start_step,
)
from tandem.machine.trusted_file import NotTrustedError
from tandem.nvml.binding import NvmlError
from tandem.nvml.devices import Board

LOOK_S = 0.5
NOT_ALLOWED = "see what `tandem doctor` says of clocks"

Say = Callable[[str], None]


@dataclass
class Setting:
    """One thing that was set of a board; None with a `reason`: not known.

    `before` and `after` are what was set before and afterwards; `enforced` is what NVML said once
    it was set, or later, if somebody has changed it meanwhile; a change stays noted.
    """

    requested: float
    before: float | None = None
    enforced: float | None = None
    after: float | None = None
    reason: str | None = None


@dataclass
class BoardHeld:
    """A board that is set; `set_by` says through what: "nvml", "sudo" or "slurm"."""

    board: Board
    state: BoardState
    settings: dict[str, Setting]
    set_by: str | None = None
    were_set: list[str] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)

    def set(self) -> None:
        """Set all, and read it back; NvmlError, ClocksError."""
        for key, value in self.state.wanted.items():
            kind, setting = KINDS[key], self.settings[key]
            self.set_by = set_to(self.board, kind, value)
            self.were_set.append(key)
            if kind.read:
                setting.enforced = kind.read(self.board)
            else:
                setting.reason = NO_READING

    def forget_unset(self) -> None:
        """Note only what was set as what is to be put back."""
        wanted = {key: self.state.wanted[key] for key in self.were_set}
        before = {key: self.state.before[key] for key in self.were_set}
        self.state = BoardState(self.board.uuid, wanted, before)
        if wanted:
            write_state(self.state)
        else:
            state_path(self.board.uuid).unlink(missing_ok=True)

    def see_step(self, wanted: Wanted) -> None:
        """Note what a step of Slurm has set, which puts it back itself; NvmlError, ClocksError."""
        check_set(self.board, wanted)
        self.set_by = SLURM
        for key, setting in self.settings.items():
            setting.enforced, setting.reason = read_clock(self.board, key), None

    def end(self, say: Say) -> None:
        """See whether all is as it was set, and put back what there was."""
        self.see_all_changes()
        done = put_back_board(self.board, self.state)
        for line in lines_of(f"GPU {self.board.index}", done):
            say(line)
        for key, why in done.failed.items():
            self.settings[key].reason = f"not put back: {why}"
        self.note_after()

    def see_all_changes(self) -> None:
        for key, setting in self.settings.items():
            self.see_changes(key, setting)

    def note_after(self) -> None:
        """Note what there is once all is put back."""
        for key, setting in self.settings.items():
            try:
                setting.after = self.read(key)
            except NvmlError as error:
                setting.reason = str(error)

    def see_changes(self, key: str, setting: Setting) -> None:
        """Note the first change by somebody else, also one that was taken back later."""
        try:
            now = self.read(key)
        except NvmlError:  # the next look may succeed
            return
        if key in self.changed or now is None or setting.enforced is None:
            return
        if not is_same(now, setting.enforced):
            self.changed.add(key)
            setting.enforced = now
            name = KINDS[key].text(now)
            setting.reason = f"it became {name}: somebody changed it during the experiment"

    def read(self, key: str) -> float | None:
        """Return what is set now; None: NVML has no call for it. NvmlError."""
        kind = KINDS[key]
        if self.set_by == SLURM:
            return read_clock(self.board, key)
        return kind.read(self.board) if kind.read else None


@dataclass
class Held:
    """The boards of an experiment, set as it wants them; none where it wants nothing."""

    boards: list[BoardHeld] = field(default_factory=list)
    holder: subprocess.Popen[bytes] | None = None
    step: subprocess.Popen[bytes] | None = None
    stack: ExitStack = field(default_factory=ExitStack)
    has_ended: bool = False
    looked_s: float = 0.0

    @property
    def pids(self) -> list[int]:
        """The process ids of the holder, or of a step's srun, if there is one."""
        return [each.pid for each in (self.holder, self.step) if each]

    def look(self) -> None:
        """See now and then whether all is as it was set: a change may be taken back later."""
        now_s = time.monotonic()
        if not self.has_ended and now_s >= self.looked_s + LOOK_S:
            self.looked_s = now_s
            for held in self.boards:
                held.see_all_changes()

    def end(self, say: Say) -> None:
        """Put everything back, once."""
        if self.has_ended:
            return
        self.has_ended = True
        try:
            if self.step:
                self.end_step()
                return
            for held in self.boards:
                held.end(say)
        finally:
            if self.holder:
                end_holder(self.holder)
                self.holder = None
            self.stack.close()

    def set(self, wanted: Wanted) -> None:
        """Set all boards, in a job of Slurm by a step where nobody else may; ClocksError."""
        try:
            for each in self.boards:
                each.set()
        except (NvmlError, ClocksError) as error:
            self.forget_unset()
            is_without_right = isinstance(error, ClocksError) and not self.boards[0].were_set
            if not (is_without_right and in_job()):
                raise
            self.step = self.step_instead(wanted, str(error))
            for each in self.boards:
                each.see_step(wanted)

    def forget_unset(self) -> None:
        for each in self.boards:
            each.forget_unset()

    def step_instead(self, wanted: Wanted, why: str) -> subprocess.Popen[bytes]:
        try:
            return start_step(wanted)
        except ClocksError as error:
            raise ClocksError(f"{why}; {error}") from None

    def end_step(self) -> None:
        """End the step, which puts the clocks back; before that, see whether they are as set."""
        assert self.step
        for held in self.boards:
            held.see_all_changes()
        end_step(self.step)
        self.step = None
        for held in self.boards:
            held.note_after()


def hold(boards: Sequence[Board], wanted: Wanted, say: Say, *, with_holder: bool = True) -> Held:
    """Set boards and read back what they are set to; NVML must be open.

    NotReadyError: that cannot be, and everything is as it was. `with_holder` starts a process that
    puts everything back when this one is killed.
    """
    held = Held()
    if not wanted.values():
        return held
    try:
        descriptors = [with_lock_of(held.stack, board.uuid) for board in boards]
        for board in boards:
            held.boards.append(noted(board, wanted, say))
        if with_holder:
            held.holder = start_holder([board.uuid for board in boards], descriptors)
        held.set(wanted)
    except (NvmlError, ClocksError, NotTrustedError, OSError) as error:
        held.forget_unset()
        held.end(say)
        why = error.with_hint() if isinstance(error, NvmlError) else str(error)
        what = ", ".join(KINDS[key].text(value) for key, value in wanted.values().items())
        raise NotReadyError(f"{what} cannot be set: {why} ({NOT_ALLOWED})") from None
    except BaseException:
        held.end(say)
        raise
    return held


def noted(board: Board, wanted: Wanted, say: Say) -> BoardHeld:
    """Put back what a killed run may have left, and note what there is before anything is set."""
    left = read_state(state_path(board.uuid))
    if left is not None:
        done = put_back_board(board, left)
        for line in lines_of(f"GPU {board.index}", done):
            say(line)
        if done.failed:
            raise ClocksError("; ".join(done.failed.values()))
    values = wanted.values()
    before = {key: read(board) if (read := KINDS[key].read) else None for key in values}
    state = BoardState(board.uuid, values, before)
    write_state(state)
    settings = {key: Setting(value, before[key]) for key, value in values.items()}
    return BoardHeld(board, state, settings)
