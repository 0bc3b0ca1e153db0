"""Power limit and clocks of the boards, as an experiment wants them."""

from __future__ import annotations

from collections.abc import Callable

from tandem.base.errors import NotReadyError
from tandem.machine.board_setup import BoardNow
from tandem.machine.clocks.held import Held, hold
from tandem.machine.clocks.kinds import Wanted
from tandem.plan.model import Experiment


def wanted_of(experiment: Experiment) -> Wanted:
    setup = experiment.gpu_setup
    return Wanted(setup.power_limit_w, setup.sm_clock_mhz, setup.memory_clock_mhz)


def hold_boards(
    experiment: Experiment, boards: list[BoardNow] | str, say: Callable[[str], None]
) -> Held:
    """Set all boards in use for an experiment; NotReadyError: that cannot be."""
    wanted = wanted_of(experiment)
    if not wanted.values():
        return Held()
    if isinstance(boards, str):
        raise NotReadyError(f"{', '.join(wanted.values())}: no board can be set: {boards}")
    return hold([each.board for each in boards], wanted, say)
