"""What the sensors say of an experiment's windows, for its record."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

from tandem.background.account import Account, figures_of
from tandem.experiment.attempt import Tried
from tandem.experiment.bare_context import NAME as IDLE_CONTEXT
from tandem.experiment.outcome import Outcome
from tandem.measure.windows.window import energy_metrics, window_facts
from tandem.results.record_window import Load, Window, WindowGpu

Energy = dict[str, Any] | None


class Edges(NamedTuple):
    """A stretch of time that is measured as a whole, in seconds on CLOCK_BOOTTIME.

    `name` is idle, idle_context, background, foreground or solo; the latter two are those of an
    attempt.
    """

    name: str
    attempt: int | None
    from_s: float
    to_s: float


def edges_of(outcome: Outcome, tries: Sequence[Tried], foreground: str) -> list[Edges]:
    """Return every window of an experiment, oldest first.

    Those of attempts are there whose start and end are known, also of one that was cut off;
    `foreground` is their name.
    """
    windows = [Edges(each["name"], None, each["from_s"], each["to_s"]) for each in outcome.windows]
    windows += [
        Edges(foreground, tried.number, *tried.window_s) for tried in tries if tried.window_s
    ]
    return sorted(windows, key=lambda window: window.from_s)


def measured_window(
    folder: Path,
    edges: Edges,
    accounts: Sequence[Account],
    problem: str | None,
    rapl_reason: str | None = None,
) -> Window:
    """Return a window with its figures.

    `folder` is the one that the monitor wrote to, `problem` what went wrong with the monitor,
    `rapl_reason` why RAPL's joules are not this run's.
    """
    facts = window_facts(folder, edges.from_s, edges.to_s, rapl_reason)
    if problem:
        facts["warnings"] = [problem, *facts["warnings"]]
    load = None
    if accounts and edges.name not in ("idle", IDLE_CONTEXT):
        figures = figures_of(accounts, edges.from_s, edges.to_s)
        load = cast(Load, figures | gpu_load(facts["gpus"]))
    window = {"name": edges.name, "attempt": edges.attempt, **facts, "load": load}
    return cast(Window, window)


def gpu_load(gpus: Sequence[WindowGpu]) -> dict[str, float | None]:
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


def energy_of(window: Window | None, *, is_beside: bool) -> tuple[Energy, str | None]:
    """Return a foreground window's totals under the old keys, and why what is null is null.

    `attribution` is "combined" beside a background: no sensor tells the two trainings apart.
    """
    if window is None:
        return None, "no foreground was measured"
    values, reason = energy_metrics(window)
    if values is None:
        return None, reason
    return {**values, "attribution": "combined" if is_beside else "foreground"}, reason
