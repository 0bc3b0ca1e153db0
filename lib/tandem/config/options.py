"""The options of an experiment that settings give, each with its default."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Dose:
    """How much of a load a background is.

    `restart_delay_s` is the pause between two rounds, `max_rounds` how many there are at most.
    `intensity` is the share (0 to 1) of the time that it may run, `target_sm_percent` the use of
    the GPU that it is to have, 0 to 100. Its GPU memory is not to exceed `gpu_memory_mib`, or a
    share `gpu_memory_fraction` of the GPU's. None: no limit.
    """

    restart_delay_s: float = 0.1
    max_rounds: int | None = None
    intensity: float | None = None
    target_sm_percent: float | None = None
    gpu_memory_mib: float | None = None
    gpu_memory_fraction: float | None = None


@dataclass(frozen=True)
class Controls:
    """What is measured beside the experiment itself, to compare it with.

    `idle_s` is the length of the idle window before everything and of that after everything,
    `background_s` that of the window with the background alone, both in seconds, 0 for none; a
    foreground without a background has only the idle ones. `solo` runs the same foreground without
    its background too, and `order` says which of the two comes first: "solo_first",
    "parallel_first", or "alternate" from pair to pair of the plan.
    """

    idle_s: float = 0.0
    background_s: float = 0.0
    solo: bool = False
    order: str = "alternate"


@dataclass(frozen=True)
class Validity:
    """What a record must reach to be valid.

    `min_coverage` is the least share (0 to 1) of the foreground's time during which a background
    was running, `min_sampling_coverage` that during which each GPU was sampled without a gap,
    `min_background_sm_percent` the least mean utilisation (0 to 100) by the background; 0 asks for
    none. The others are the most that any one process of neither may use: utilisation in percent,
    GPU memory in MiB; 0 allows none.
    """

    min_coverage: float = 0.95
    min_sampling_coverage: float = 0.5
    min_background_sm_percent: float = 0.0
    max_strangers_sm_percent: float = 0.0
    max_strangers_memory_mib: float = 0.0


def dose_settings(dose: Dose) -> dict[str, Any]:
    """A dose by the names of the settings; null where nothing holds the background back."""
    return {
        "restart_delay_seconds": dose.restart_delay_s,
        "max_rounds": dose.max_rounds,
        "intensity": dose.intensity,
        "target_gpu_utilization": dose.target_sm_percent,
        "gpu_memory_mib": dose.gpu_memory_mib,
        "gpu_memory_fraction": dose.gpu_memory_fraction,
    }
