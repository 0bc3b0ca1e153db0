"""The conditions of a design: how the GPUs are shared and set, each combination of the levels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product
from typing import Any

from tandem.config.dialect import Level
from tandem.config.options import CONDITIONS, GpuSetup, read_options
from tandem.config.problems import Faults

MAX_SETUPS = 10_000


def setups_of(
    entry: Level, top: Level, faults: Faults, *, has_load: bool
) -> tuple[tuple[GpuSetup, ...], dict[str, str]]:
    """Return the setups, equal ones once, and where each of their keys is written.

    Without a background there is nothing to share a GPU with, and no `sharing` counts.
    """
    places: dict[str, str] = {}
    levels: list[Sequence[Any]] = []
    for key in CONDITIONS:
        places[key], values = _levels(key, entry, top, faults)
        levels.append(values if has_load or key != "sharing" else [None])
    if (total := math.prod(map(len, levels))) > MAX_SETUPS:
        how = f"conditions of the GPUs, and {MAX_SETUPS} are the most (list fewer levels)"
        faults.add(places["sharing"], f"with its other factors makes {total} {how}")
        return (), places
    given = entry.values, top.values
    setups = (
        read_options(GpuSetup, dict(zip(CONDITIONS, values, strict=True)), *given)
        for values in product(*levels)
    )
    return tuple(dict.fromkeys(setups)), places


def _levels(key: str, entry: Level, top: Level, faults: Faults) -> tuple[str, Sequence[Any]]:
    """Return where a condition is written, and its levels: the entry counts before the top."""
    for level in (entry, top):
        factors = level.below("factors")
        if key in level.values and key in factors.values:
            faults.add(factors.place(key), f"this and {level.place(key)} both give it (remove one)")
        if key in level.values:
            return level.place(key), [level.values[key]]
        if key in factors.values:
            return factors.place(key), factors.values[key]
    return entry.place(key), [None]
