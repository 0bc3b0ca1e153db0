"""The options of an experiment that settings give, each with its settings key and its default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from tandem.base.variables import MPS_MEMORY, MPS_PERCENTAGE

Options = TypeVar("Options", "Limits", "Dose", "Controls", "Validity", "Course", "GpuSetup")

_TYPES: dict[str, Callable[[Any], Any]] = {"int": int, "float": float, "bool": bool, "str": str}


def option(key: str, default: Any) -> Any:
    """Return a field that settings give under `key`.

    Where the key may stand, and what values it takes, schemas/settings.schema.json says.
    """
    return field(default=default, metadata={"key": key})


def read_options(kind: type[Options], *given: Mapping[str, Any]) -> Options:
    """Return the options, each from the first of the JSON objects that has its key.

    The default counts where none has it, and where null stands for it.
    """
    values = {}
    for name, key, as_type in _KEYS[kind]:
        for settings in given:
            if key in settings:
                if (value := settings[key]) is not None:
                    # JSON has one kind of number: 10 for a float, and 10.0 for an int, are allowed.
                    values[name] = as_type(value)
                break
    return kind(**values)


def as_settings(options: Limits | Dose | Controls | Validity | Course | GpuSetup) -> dict[str, Any]:
    """Return every option under its settings key, as `read_options` reads it."""
    return {key: getattr(options, name) for name, key, _ in _KEYS[type(options)]}


def _keys(kind: Any) -> list[tuple[str, str, Callable[[Any], Any]]]:
    """Return of each field its name, its settings key, and what makes its type of a JSON value."""
    return [
        (each.name, each.metadata["key"], _TYPES[str(each.type).partition(" ")[0]])
        for each in fields(kind)
    ]


@dataclass(frozen=True)
class Limits:
    """How long an experiment waits for what, in seconds, and how often it tries.

    `max_retries` says how often a failed foreground is tried again. `timeout_s` is None when the
    foreground may take as long as it likes. A background must have been alive for `warmup_s`, and
    gets `ready_timeout_s` more to show that it trains; `max_failed_rounds` is how many of its
    rounds may fail quickly, one after the other, before the foreground is ended. `grace_s` lies
    between TERM and KILL. `cooldown_s` is the longest that the GPUs get to cool down after the
    experiment, None where the settings do not say.
    """

    max_retries: int = option("max_retries", 2)
    timeout_s: float | None = option("timeout_seconds", None)
    warmup_s: float = option("warmup_seconds", 5.0)
    ready_timeout_s: float = option("ready_timeout_seconds", 60.0)
    max_failed_rounds: int = option("max_failed_rounds", 5)
    grace_s: float = option("grace_seconds", 10.0)
    cooldown_s: float | None = option("cooldown_seconds", None)


@dataclass(frozen=True)
class Dose:
    """How much of a load a background is.

    `restart_delay_s` is the pause between two rounds, `max_rounds` how many there are at most.
    `intensity` is the share (0 to 1) of the time that it may run, `target_sm_percent` the use of
    the GPU that it is to have, 0 to 100. Its GPU memory is not to exceed `gpu_memory_mib`, or a
    share `gpu_memory_fraction` of the GPU's. None: no limit.
    """

    restart_delay_s: float = option("restart_delay_seconds", 0.1)
    max_rounds: int | None = option("max_rounds", None)
    intensity: float | None = option("intensity", None)
    target_sm_percent: float | None = option("target_gpu_utilization", None)
    gpu_memory_mib: float | None = option("gpu_memory_mib", None)
    gpu_memory_fraction: float | None = option("gpu_memory_fraction", None)


@dataclass(frozen=True)
class Controls:
    """What is measured beside the experiment itself, to compare it with.

    `idle_s` is the length of the idle window before everything and of that after everything,
    `idle_context_s` that of the window in which a process holds a bare CUDA context, `background_s`
    that of the window with the background alone, all in seconds, 0 for none; a foreground without a
    background has only the idle ones. `solo` runs the same foreground without
    its background too, and `order` says which of the two comes first: "solo_first",
    "parallel_first", or "alternate" from pair to pair of the plan.
    """

    idle_s: float = option("idle_seconds", 0.0)
    idle_context_s: float = option("idle_context_seconds", 0.0)
    background_s: float = option("background_seconds", 0.0)
    solo: bool = option("solo", False)
    order: str = option("order", "alternate")


@dataclass(frozen=True)
class Validity:
    """What a record must reach to be valid.

    `min_coverage` is the least share (0 to 1) of the foreground's time during which a background
    was running, `min_sampling_coverage` that during which each GPU was sampled without a gap,
    `min_background_sm_percent` the least mean utilisation (0 to 100) by the background; 0 asks for
    none. `max_strangers_...` are the most that any one process of neither may use: utilisation in
    percent, GPU memory in MiB; 0 allows none. `max_others_cpu_percent` is the most of all CPUs that
    others may use, `max_throttled_percent` the most time that a GPU's clocks may be held down by
    one reason; None: any, as these are only warned of.
    """

    min_coverage: float = option("min_coverage", 0.95)
    min_sampling_coverage: float = option("min_sampling_coverage", 0.5)
    min_background_sm_percent: float = option("min_background_sm_percent", 0.0)
    max_strangers_sm_percent: float = option("max_strangers_sm_percent", 0.0)
    max_strangers_memory_mib: float = option("max_strangers_memory_mib", 0.0)
    max_others_cpu_percent: float | None = option("max_others_cpu_percent", None)
    max_throttled_percent: float | None = option("max_throttled_percent", None)


@dataclass(frozen=True)
class Course:
    """What is run beside the planned experiments.

    `warmup_runs` is how many first runs of each foreground by a process and on a board are thrown
    away, `rerun_invalid` how often a group in which something is not valid runs again, whole.
    """

    warmup_runs: int = option("warmup_runs", 0)
    rerun_invalid: int = option("rerun_invalid", 0)


TIME_SLICING, MPS, MIG = "time_slicing", "mps", "mig"  # ways of sharing
SHARING_NAMES = {TIME_SLICING: "time slicing", MPS: "MPS", MIG: "MIG"}  # for people


@dataclass(frozen=True)
class GpuSetup:
    """How the GPUs are shared, set and read; None: as the machine is, and nothing is set or read.

    `sharing` is "time_slicing", "mps" or "mig". `power_limit_w` is the most power of each board in
    watts; `sm_clock_mhz` and `memory_clock_mhz` are clocks to hold, in MHz. `counters` is "gpm" for
    NVML's counters of what the SMs and the memory do.
    """

    sharing: str | None = option("sharing", None)
    power_limit_w: float | None = option("power_limit_watts", None)
    sm_clock_mhz: int | None = option("sm_clock_mhz", None)
    memory_clock_mhz: int | None = option("memory_clock_mhz", None)
    counters: str | None = option("counters", None)


CONDITIONS = ("sharing", "power_limit_watts", "sm_clock_mhz", "memory_clock_mhz")
"""Keys of a GpuSetup that a design may vary."""

MPS_VARIABLES = {
    "active_thread_percentage": MPS_PERCENTAGE,
    "pinned_device_mem_limit": MPS_MEMORY,
}
"""What a training may use under MPS, by its key in settings: the variable that says it to CUDA."""

OPTIONS = (Limits, Dose, Controls, Validity, Course, GpuSetup)
# Looked up once: a plan may have a hundred thousand of each.
_KEYS = {kind: _keys(kind) for kind in OPTIONS}
