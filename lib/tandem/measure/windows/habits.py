"""How often a board updates what it reports, as the monitor has learnt it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

USUAL_S = 0.1  # boards update counter and power at least so often, by what is published
SLOWEST_S = 1.0  # and where that was looked for and not learnt, so often
AVERAGED_S = 1.0  # over so long a driver without instant power may average it


@dataclass(frozen=True)
class Habits:
    """The periods of the energy counter and of power; the power of a moment is known late.

    `shift_s`: half a period of power after a moment, it is in the mean the power of that moment; 0
    where that cannot be said.
    """

    counter_s: float
    power_s: float
    shift_s: float = 0.0


def habits_of(gpu: Mapping[str, Any]) -> Habits:
    """Return the habits of a GPU of monitor.json; older versions of it do not have any."""
    counter_s = gpu.get("counter_period_s", USUAL_S) or SLOWEST_S
    if gpu["power_source"] == "usage":
        return Habits(counter_s, AVERAGED_S)
    if "power_period_s" not in gpu:
        return Habits(counter_s, USUAL_S)
    learnt_s = gpu["power_period_s"]
    if learnt_s is None or learnt_s > SLOWEST_S * 1.2:
        return Habits(counter_s, SLOWEST_S)
    return Habits(counter_s, learnt_s, learnt_s / 2.0)
