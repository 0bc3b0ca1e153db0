"""How the GPUs are shared and set, as far as the driver knows it, for the outcome."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, cast

from tandem.config.options import as_settings
from tandem.machine.board_setup import BoardNow, boards_now
from tandem.machine.clocks.held import BoardHeld, Held
from tandem.nvml.binding import NvmlError
from tandem.nvml.devices import Device
from tandem.plan.model import Experiment
from tandem.results.record_setup import (
    BoardSetting,
    BoardSetup,
    GpuSetup,
    MigSlice,
    MigUse,
    MpsDaemon,
)

NOT_KNOWN_YET = "what was seen of the trainings says it"
NOT_ASKED, NOT_SET = "not asked for", "not set"


def boards_or_reason() -> list[BoardNow] | str:
    """Return the boards in use as they are now; a text: why that is not known."""
    try:
        return boards_now() or "no GPU is shown to this run"
    except NvmlError as error:
        return str(error)


def gpu_setup_facts(
    experiment: Experiment,
    boards: list[BoardNow] | str,
    held: Held,
    daemons: Sequence[MpsDaemon] = (),
) -> GpuSetup:
    """Return how the GPUs were set; how they were shared, `with_sharing` adds for the record."""
    requested = as_settings(experiment.gpu_setup)
    known = None if isinstance(boards, str) else boards
    return {
        "sharing": None,
        "sharing_reason": NOT_KNOWN_YET,
        "requested": requested,
        "boards": None if known is None else [_board(each, requested, held) for each in known],
        "boards_reason": boards if isinstance(boards, str) else None,
        "mig": [_use(device, each) for each in known or () for device in _slices_used(each)],
        "mps": list(daemons),
    }


def _board(now: BoardNow, requested: Mapping[str, Any], held: Held) -> BoardSetup:
    ours = next((each for each in held.boards if each.board.uuid == now.board.uuid), None)
    return {
        "index": now.board.index,
        "uuid": now.board.uuid,
        "name": now.board.name,
        "compute_mode": now.compute_mode,
        "set_by": ours.set_by if ours else None,
        "power_limit_watts": _setting("power_limit_watts", requested, ours),
        "sm_clock_mhz": _setting("sm_clock_mhz", requested, ours),
        "memory_clock_mhz": _setting("memory_clock_mhz", requested, ours),
    }


def _setting(key: str, asked: Mapping[str, Any], ours: BoardHeld | None) -> BoardSetting:
    if ours and (setting := ours.settings.get(key)):
        return cast(BoardSetting, asdict(setting))
    requested = asked[key]
    reason = NOT_ASKED if requested is None else NOT_SET
    return {
        "requested": requested,
        "before": None,
        "enforced": None,
        "after": None,
        "reason": reason,
    }


def _slices_used(now: BoardNow) -> list[Device]:
    return [device for device in now.used if device.mig is not None]


def _use(device: Device, now: BoardNow) -> MigUse:
    siblings = [_slice(each) for each in now.slices if each != device]
    return {**_slice(device), "board_uuid": now.board.uuid, "siblings": siblings}


def _slice(device: Device) -> MigSlice:
    return {"uuid": device.uuid, "profile": device.profile}
