"""What the sensors say of an experiment, for its record: windows, load, strangers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tandem.experiment import Outcome
from tandem.measure.busy import Gpu
from tandem.measure.windows import energy_metrics, window_facts
from tandem.monitoring import Window
from tandem.validity import last_window


def measured_windows(folder: Path, outcome: Outcome) -> list[dict[str, Any]]:
    """Return every window with its figures; `folder` is the one that the monitor wrote to."""
    return [measured_window(folder, window, outcome) for window in outcome.windows]


def measured_window(folder: Path, window: Window, outcome: Outcome) -> dict[str, Any]:
    facts = window_facts(folder, window.from_s, window.to_s)
    if outcome.monitor_problem:
        facts["warnings"] = [outcome.monitor_problem, *facts["warnings"]]
    load = None
    if outcome.load and window.name != "idle":
        load = outcome.load.figures(window.from_s, window.to_s) | gpu_load(facts["gpus"])
    return {"name": window.name, "attempt": window.attempt, **facts, "load": load}


def gpu_load(gpus: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return the background's use of the GPUs together; None where nobody could tell."""
    shares = [gpu["background"] for gpu in gpus if gpu["background"]]
    return {
        "sm_avg_percent": total(share["sm_avg_percent"] for share in shares),
        "memory_max_mib": total(share["memory_max_mib"] for share in shares),
    }


def total(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def energy_of(
    windows: Sequence[Mapping[str, Any]], outcome: Outcome
) -> tuple[dict[str, Any] | None, str | None]:
    """Return the foreground window's totals under the old keys, and why what is null is null.

    `attribution` is "combined" beside a background: no sensor tells the two trainings apart.
    """
    window = last_window(windows)
    if window is None:
        return None, "no foreground was measured"
    values, reason = energy_metrics(dict(window))
    if values is None:
        return None, reason
    return {**values, "attribution": "combined" if outcome.load else "foreground"}, reason


def gpu_facts(gpus: Sequence[Gpu] | None) -> list[dict[str, Any]] | None:
    return None if gpus is None else [asdict(gpu) for gpu in gpus]
