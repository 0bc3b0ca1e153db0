"""What the sensors say of an experiment, for its record: windows, load, strangers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tandem.experiment.experiment import Outcome
from tandem.machine.gpus import Gpu
from tandem.measure.powermon import Window
from tandem.measure.windows.window import energy_metrics, window_facts

Energy = dict[str, Any] | None


def measured_windows(folder: Path, outcome: Outcome) -> list[dict[str, Any]]:
    """Return every window with its figures; `folder` is the one that the monitor wrote to."""
    return [measured_window(folder, window, outcome) for window in outcome.windows]


def measured_window(folder: Path, window: Window, outcome: Outcome) -> dict[str, Any]:
    facts = window_facts(folder, window.from_s, window.to_s)
    if outcome.monitor_problem:
        facts["warnings"] = [outcome.monitor_problem, *facts["warnings"]]
    load = None
    if outcome.loads and window.name != "idle":
        load = outcome.loads.figures(window.from_s, window.to_s) | gpu_load(facts["gpus"])
    return {"name": window.name, "attempt": window.attempt, **facts, "load": load}


def gpu_load(gpus: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the background's use of the GPUs it was seen on; None where nobody could tell.

    `sm_avg_percent` is that of the GPU which it used most, `memory_max_mib` the sum.
    """
    uses = [gpu["background"] for gpu in gpus if gpu["background"]]
    percents = [use["sm_avg_percent"] for use in uses if use["sm_avg_percent"] is not None]
    held_mib = [use["memory_max_mib"] for use in uses if use["memory_max_mib"] is not None]
    return {
        "sm_avg_percent": max(percents, default=None),
        "memory_max_mib": sum(held_mib) if held_mib else None,
    }


def energy_of(window: Mapping[str, Any] | None, outcome: Outcome) -> tuple[Energy, str | None]:
    """Return a foreground window's totals under the old keys, and why what is null is null.

    `attribution` is "combined" beside a background: no sensor tells the two trainings apart.
    """
    if window is None:
        return None, "no foreground was measured"
    values, reason = energy_metrics(window)
    if values is None:
        return None, reason
    return {**values, "attribution": "combined" if outcome.loads else "foreground"}, reason


def gpu_facts(gpus: Sequence[Gpu] | None) -> list[dict[str, Any]] | None:
    return None if gpus is None else [asdict(gpu) for gpu in gpus]
