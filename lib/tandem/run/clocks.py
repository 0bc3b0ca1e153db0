"""Whether the boards can be set as the experiments want them: tried before anything starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tandem.base.errors import NotReadyError
from tandem.experiment.clocks import wanted_of
from tandem.experiment.gpu_setup import boards_or_reason
from tandem.machine.clocks.held import hold
from tandem.machine.clocks.kinds import flaws
from tandem.nvml.devices import Board
from tandem.nvml.limits import has_persistence
from tandem.plan.model import Experiment


def see_clocks(experiments: Sequence[Experiment], say: Callable[[str], None]) -> None:
    """See that each power limit and clock is one of the boards', and that this user may set it.

    So each is set and put back once. NotReadyError: it cannot be.
    """
    places = {wanted_of(each): each.source_path for each in reversed(experiments)}
    places = {wanted: place for wanted, place in places.items() if wanted.values()}
    if not places:
        return
    now = boards_or_reason()
    if isinstance(now, str):
        place, wanted = next((place, wanted) for wanted, place in places.items())
        raise NotReadyError(f"{place}.{next(iter(wanted.values()))}: no board can be set: {now}")
    boards = [each.board for each in now]
    found = [
        f"{place}.{flaw}"
        for wanted, place in places.items()
        for board in boards
        for flaw in flaws(board, wanted)
    ]
    if found:
        raise NotReadyError("\n".join(found))
    for wanted, place in places.items():
        try:
            hold(boards, wanted, say, with_holder=False).end(say)
        except NotReadyError as error:
            raise NotReadyError(f"{place}: {error}") from None
    say_no_persistence(boards, say)


def say_no_persistence(boards: Sequence[Board], say: Callable[[str], None]) -> None:
    """Say that a driver forgets what is set when its last client goes; this run is one."""
    forgetful = [f"GPU {board.index}" for board in boards if has_persistence(board) is False]
    if forgetful:
        names = ", ".join(forgetful)
        say(f"{names}: persistence mode is off, so this run keeps the driver loaded to keep them")
