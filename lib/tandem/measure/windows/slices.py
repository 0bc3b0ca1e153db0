"""MIG slices: power and energy are those of their board, with all that its other slices do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

BESIDE = "others may have been on other MIG slices of its board"

_UNSEEN = "the energy is the board's, and who is on its other MIG slices cannot be seen from here"
_OF_BOARD = (
    *("energy_counter_joules", "energy_trapezoid_joules", "energy_joules", "energy_method"),
    *("energy_uncertainty_joules", "disagreement_percent"),
    *("power_avg_watts", "power_max_watts", "power_min_watts"),
)
_OTHERS = ("strangers_on", "unclear_on", "unread_on")

Gpu = TypeVar("Gpu", bound=Mapping[str, Any])


def each_board(gpus: Iterable[Gpu]) -> list[Gpu]:
    """Return the GPUs whose power and energy add up: of several slices of a board the first."""
    found: dict[tuple[int, bool], Gpu] = {}
    for number, gpu in enumerate(gpus):
        found.setdefault((gpu["index"], True) if gpu["mig"] else (-1 - number, False), gpu)
    return list(found.values())


def heed_siblings(
    gpu: dict[str, Any], on: Mapping[str, set[str]], monitor: Mapping[str, Any]
) -> None:
    """Take the board's power and energy from a slice's facts where strangers have a part in them.

    `on` has the stems that each column of on_gpus.csv has in the window.
    """
    siblings = [each for each in monitor.get("other_gpus", ()) if each["index"] == gpu["index"]]
    there = set().union(*(on[column] for column in _OTHERS))
    busy = [each["uuid"] for each in siblings if each["stem"] in there]
    sees_all = monitor.get("sees_all_processes", monitor.get("pids_mapped_by"))
    reason = None if sees_all else _UNSEEN
    if busy:
        reason = f"the energy is the board's, and others may have been on {', '.join(busy)}"
        shared = "they share its power budget and its clocks"
        gpu["warnings"].append(f"{BESIDE}: {', '.join(busy)} ({shared})")
    if reason and gpu["energy_joules"] is not None:
        gpu.update(dict.fromkeys(_OF_BOARD), energy_reason=reason)
