"""How the GPUs were shared and set, of one experiment, for page and terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tandem.config.options import SHARING_NAMES
from tandem.report.compare.wording import number
from tandem.results.record import foreground_window

Row = tuple[str, str]

_SETTINGS = {  # with their names, units, and what a window says of them, as means or at most
    "power_limit_watts": ("power limit", "W", (("power_avg_watts", "mean power"),)),
    "sm_clock_mhz": (
        "SM clock",
        "MHz",
        (("sm_clock_avg_mhz", "mean"), ("sm_clock_min_mhz", "low")),
    ),
    "memory_clock_mhz": ("memory clock", "MHz", (("memory_clock_avg_mhz", "mean"),)),
}


def rows_of_setup(record: Mapping[str, Any]) -> Iterator[Row]:
    """Yield how the GPU was shared, its slices, and what was set: asked for, before, enforced."""
    setup = record["gpu_setup"]
    if setup is None or not setup["requested"]:
        return  # a record of an earlier version
    yield "sharing", _sharing(setup)
    yield from (("MIG slice", _slice(each)) for each in setup["mig"])
    for board in setup["boards"] or ():
        yield from _board(board, foreground_window(record))  # type: ignore[arg-type]
    for each in setup["mps"]:
        yield "MPS", _daemon(each)
        yield from (("MPS", fault) for fault in each["faults"])


def _sharing(setup: Mapping[str, Any]) -> str:
    asked, found = setup["requested"].get("sharing"), setup["sharing"]
    said = SHARING_NAMES.get(found, found) or f"not known: {setup['sharing_reason']}"
    return f"{said} (asked for)" if asked and asked == found else f"{said}{_instead(asked)}"


def _instead(asked: str | None) -> str:
    return f"; {SHARING_NAMES.get(asked, asked)} was asked for" if asked else ""


def _slice(used: Mapping[str, Any]) -> str:
    beside = [_slice_name(each) for each in used["siblings"]]
    others = f"; beside it {', '.join(beside)}" if beside else "; no other slice beside it"
    return f"{_slice_name(used)} of {used['board_uuid']}{others}"


def _slice_name(each: Mapping[str, Any]) -> str:
    return f"{each['uuid']} ({each['profile'] or 'profile not reported'})"


def _board(board: Mapping[str, Any], window: Mapping[str, Any] | None) -> Iterator[Row]:
    name = f"GPU {board['index']}"
    yield name, f"compute mode {board['compute_mode'] or 'not reported'}"
    gpus = [gpu for gpu in (window or {"gpus": ()})["gpus"] if gpu["index"] == board["index"]]
    for key, (what, unit, observed) in _SETTINGS.items():
        setting = board[key]
        if setting["requested"] is not None:
            parts = [*_steps(setting, unit, board["set_by"]), *_observed(gpus, observed, unit)]
            yield name, f"{what}: {', '.join(parts)}"


def _steps(setting: Mapping[str, Any], unit: str, set_by: str | None) -> Iterator[str]:
    by = f" by {set_by}" if set_by else ""
    yield f"asked for {number(setting['requested'])} {unit}{by}"
    for key, word in (("before", "before"), ("enforced", "enforced"), ("after", "put back to")):
        if setting[key] is not None:
            yield f"{word} {number(setting[key])} {unit}"
    if setting["reason"]:
        yield f"not all is known: {setting['reason']}"


def _observed(
    gpus: Sequence[Mapping[str, Any]], keys: Sequence[tuple[str, str]], unit: str
) -> Iterator[str]:
    """Yield what was seen beside the foreground; all slices of a board say the same of it."""
    for key, word in keys:
        if gpus and gpus[0][key] is not None:
            yield f"observed {number(gpus[0][key])} {unit} ({word})"


def _daemon(each: Mapping[str, Any]) -> str:
    version = f", version {each['version']}" if each["version"] else ""
    took_s = each["duration_seconds"]
    took = "" if took_s is None else f" in {took_s:.2f} s"
    ended = f", ended by {each['stopped_by']}{took}" if each["stopped_by"] else ""
    return f"daemon of attempt {each['attempt']}{version}{ended}; {each['log']}"
