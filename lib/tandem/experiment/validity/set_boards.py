"""Whether the boards were set as was asked for, and ran so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from tandem.experiment.validity.reason import Reason, passing
from tandem.machine.clocks.kinds import KINDS
from tandem.machine.clocks.put_back import is_same
from tandem.results.record import Record, foreground_window
from tandem.results.record_setup import BoardSetting, BoardSetup
from tandem.results.record_window import WindowGpu

TOLERANCE, LEAST_TOLERANCE_MHZ = 0.02, 30.0  # of a mean clock; the latter is two steps
_AT_WORK = {"sm_clock_mhz": "sm_mhz", "memory_clock_mhz": "memory_mhz"}


def reasons(record: Record) -> Iterator[Reason]:
    """Somebody else, or the board, is why: the next time that may be otherwise."""
    if foreground_window(record):
        yield from passing("gpu setup", _flaws(record))


def warnings(record: Record) -> Iterator[str]:
    """Yield where something lowered clocks further than to what was set."""
    for board, key, requested, mhz in _clocks(record):
        if mhz < requested - _tolerance(requested):
            yield (
                f"GPU {board['index']} worked at {mhz:.0f} MHz in the mean, and {requested:g} MHz"
                f" were set ({KINDS[key].name}): that limit was not the only one"
            )


def limited_boards(record: Record) -> set[int]:
    """Return the numbers of the boards whose power was limited because that was asked for."""
    boards = record["gpu_setup"]["boards"] or ()
    return {each["index"] for each in boards if each["power_limit_watts"]["requested"]}


def _flaws(record: Record) -> Iterator[str]:
    setup = record["gpu_setup"]
    if setup["boards"] is None:
        for key, kind in KINDS.items():
            if (requested := setup["requested"].get(key)) is not None:
                yield f"{kind.text(requested)} was asked for, and not set: {setup['boards_reason']}"
        return
    for board in setup["boards"]:
        for key in KINDS:
            yield from _not_as_set(board, key)
    for board, key, requested, mhz in _clocks(record):
        if mhz > requested + _tolerance(requested):
            asked = KINDS[key].text(requested)
            yield f"GPU {board['index']} worked at {mhz:.0f} MHz in the mean: {asked} was set"


def _not_as_set(board: BoardSetup, key: str) -> Iterator[str]:
    setting, name = _setting(board, key), f"GPU {board['index']}"
    if setting["requested"] is None:
        return
    asked, why = KINDS[key].text(setting["requested"]), setting["reason"]
    if board["set_by"] is None:
        yield f"{name}: {asked} was asked for, and not set: {why}"
    elif setting["enforced"] is None:
        if KINDS[key].read:
            yield f"{name}: whether {asked} was set is not known: {why}"
    elif not is_same(setting["enforced"], setting["requested"]):
        is_now = KINDS[key].text(setting["enforced"])
        yield f"{name}: {asked} was asked for; " + (why or f"{is_now} was enforced")


def _clocks(record: Record) -> Iterator[tuple[BoardSetup, str, float, float]]:
    """Yield each clock that was set, and the mean of it while the board worked for training."""
    window = foreground_window(record)
    for board in record["gpu_setup"]["boards"] or ():
        gpus = [gpu for gpu in (window["gpus"] if window else ()) if gpu["index"] == board["index"]]
        for key, at_work in _AT_WORK.items():
            requested = _setting(board, key)["requested"]
            found = [mhz for gpu in gpus if (mhz := _mean(gpu, at_work)) is not None]
            if requested is not None and found:
                yield board, key, requested, max(found)


def _mean(gpu: WindowGpu, name: str) -> float | None:
    return cast(float | None, (gpu["clocks_at_work"] or {}).get(name))


def _tolerance(mhz: float) -> float:
    return max(TOLERANCE * mhz, LEAST_TOLERANCE_MHZ)


def _setting(board: BoardSetup, key: str) -> BoardSetting:
    return cast(BoardSetting, cast(Any, board)[key])
