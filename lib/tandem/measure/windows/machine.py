"""What others took of the machine in a window: CPU time, swap, pressure; from machine.csv."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tandem.measure.windows.gpu import Span, edge_reason
from tandem.measure.windows.tallies import Tally, tallied
from tandem.measure.windows.throttle import percent

SHORTEST_S = 1.0  # CPU time is counted in ticks of 10 ms, by each CPU
PRESSURE = ("cpu_some", "memory_some", "memory_full", "io_some", "io_full")

Facts = dict[str, Any]


class MachineTally(Tally):
    """Rows of machine.csv; where processes are many, few rows know the CPU time of all of them."""

    reach_s = 60.0


def machine_facts(folder: Path, reason: str | None, span: Span) -> Facts:
    """Return what the whole machine did in a window; None: not known.

    CPU time is in percent of all CPUs together. `reason` is why the monitor does not know which
    of it is others'. Pressure is the share of the time, in percent, in which work had to wait.
    """
    tally = tallied(MachineTally(span.from_s, span.to_s), folder / "machine.csv")
    others_percent, others_reason = others_of(tally, reason, span.duration_s)
    total_s = tally.growth("total_cpu_s")
    steal_s = tally.growth("steal_cpu_s")
    swapped_mib = tally.growth("swapped_in_mib")
    return {
        "others_cpu_percent": others_percent,
        "others_cpu_reason": others_reason,
        "steal_percent": known_percent(steal_s, total_s),
        "swapped_in_mib": None if swapped_mib is None else round(swapped_mib, 3),
        "pressure_percent": {
            name: known_percent(tally.growth(f"{name}_s"), span.duration_s) for name in PRESSURE
        },
    }


def others_of(
    tally: MachineTally, reason: str | None, duration_s: float
) -> tuple[float | None, str | None]:
    """Return the CPU time that is neither idle nor the run's, in percent, or None and why."""
    if duration_s < SHORTEST_S:
        return None, f"{duration_s:.1f} s are too short to tell"
    total_s, busy_s, own_s = (
        tally.growth(column, beside="own_cpu_s")
        for column in ("total_cpu_s", "busy_cpu_s", "own_cpu_s")
    )
    if own_s is None:
        return None, reason or edge_reason(tally, "the CPU time of this run's processes")
    if total_s is None or busy_s is None:
        return None, reason or "the kernel's count of CPU time fell"
    others_percent = known_percent(max(busy_s - own_s, 0.0), total_s)
    return others_percent, None if others_percent is not None else "the kernel counts no CPU time"


def known_percent(part: float | None, whole: float | None) -> float | None:
    """Return a share in percent, 0 to 100; None: a part is not known, or there is no whole."""
    return None if part is None or not whole else percent(part, whole)
