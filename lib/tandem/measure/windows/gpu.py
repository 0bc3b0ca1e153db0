"""What one GPU did and used between two moments, for a window's facts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.base.clock import Moment
from tandem.measure.rows import THROTTLED
from tandem.measure.windows.aliasing import SEES_PART, SEES_SELDOM, alias_sigma_j, is_gapped
from tandem.measure.windows.counters import counter_facts
from tandem.measure.windows.edges import Reading, late_sigma_j, late_trapezoid_at, time_of
from tandem.measure.windows.gaps import absence, gap_warnings, too_blind
from tandem.measure.windows.habits import habits_of
from tandem.measure.windows.steps import counter_at
from tandem.measure.windows.strangers import strangers
from tandem.measure.windows.tallies import SLACK_S, GpuTally, Tally, tallied
from tandem.measure.windows.throttle import CLOCKS, throttled

BOARD_GAIN_PERCENT = 5  # boards differ by so much, proportionally (Yang, Adamek, Armour, SC'24)
MIN_COVERAGE = 0.95  # so much of a window must be sampled for a trapezoid to be its energy
MAX_DISAGREEMENT_PERCENT = 5.0
STALE_S = 1.0  # a counter that stands still for longer has a fault
SHORT_S = 5.0  # what gapped sensors do not see averages out over this (the same source)
ALIAS_PERCENT = 1.0  # of the energy: an uncertainty by aliasing that is worth a warning
SHORT_PERIODS, SLOW_POWER_S = 2.0, 0.25  # of so few updates of a slow sensor nothing follows
MIN_AVERAGED_S = 10.0  # what lags behind by that says nothing of a shorter window

DISAGREES = "the sampled power gives"

EVENT_REASONS = (  # NVML's nvmlClocksEventReasons, from the lowest bit on
    "gpu_idle",
    "applications_clocks_setting",
    "sw_power_cap",
    "hw_slowdown",
    "sync_boost",
    "sw_thermal_slowdown",
    "hw_thermal_slowdown",
    "hw_power_brake_slowdown",
    "display_clock_setting",
)

Facts = dict[str, Any]


@dataclass(frozen=True)
class Span:
    """A window between two moments on CLOCK_BOOTTIME; `duration_s` is without a suspension."""

    from_s: float
    to_s: float
    duration_s: float


def gpu_facts(folder: Path, gpu: Mapping[str, Any], span: Span, clock: Moment) -> Facts:
    """Return the figures of one GPU; a mean is None where less than half of the window is known.

    What power was highest and lowest is None where less of it was sampled than a trapezoid needs.
    `clock` turns stamps into UTC.
    """
    tally = tallied(GpuTally(span.from_s, span.to_s, habits_of(gpu)), folder / gpu["file"])
    warnings: list[str] = []
    energy = energy_facts(gpu, tally, warnings)
    counted_s = {reason: tally.growth(f"throttled_{reason}_s") for reason in THROTTLED}
    peaks, is_sampled = tally.peaks, (coverage(tally) or 0.0) >= MIN_COVERAGE
    return {
        "index": gpu["index"],
        "uuid": gpu["uuid"],
        "name": gpu["name"],
        "mig": gpu["mig"],
        **energy,
        "power_avg_watts": mean_power_w(energy["energy_joules"], span.duration_s),
        "power_max_watts": peaks.get("power_max_w") if is_sampled else None,
        "power_min_watts": tally.power_min_w if is_sampled else None,
        "counter_period_seconds": gpu.get("counter_period_s"),
        "power_period_seconds": gpu.get("power_period_s"),
        "temperature_start_celsius": tally.temperature_start_c,
        "temperature_avg_celsius": tally.mean("temperature_c"),
        "temperature_max_celsius": peaks.get("temperature_c"),
        "sm_avg_percent": tally.mean("sm_percent"),
        "sm_max_percent": peaks.get("sm_percent"),
        "memory_max_mib": peaks.get("memory_used_mib"),
        "event_reasons": event_names(tally.event_bits),
        **clock_facts(tally),
        "clocks_at_work": tally.at_work.facts(),
        **counter_facts(folder, gpu, span.from_s, span.to_s),
        **throttled(tally.held, counted_s, span.duration_s),
        "samples": round(tally.samples),
        "largest_gap_seconds": None if tally.sampled_s is None else tally.largest_gap_s,
        "sampling_coverage": coverage(tally),
        "processes_mapped": gpu["processes_mapped"],
        "mps": gpu["mps"],
        "foreground": role_facts(tally, "foreground"),
        "background": role_facts(tally, "background"),
        "strangers": strangers(folder / "strangers.csv", Path(gpu["file"]).stem, tally, clock),
        "hidden_memory_mib": hidden_memory_mib(gpu, tally),
        "strangers_reason": too_blind(gpu, span.from_s, span.to_s + SLACK_S),
        "warnings": warnings + gpu_warnings(gpu, energy, tally),
    }


def energy_facts(gpu: Mapping[str, Any], tally: GpuTally, warnings: list[str]) -> Facts:
    """Return the energy: by the board's counter where it can be, else by the trapezoid.

    `warnings` takes that the two disagree by more than both are unsure of.
    """
    counter, counter_reason = by_counter(gpu, tally)
    trapezoid, trapezoid_reason = by_trapezoid(gpu, tally)
    chosen, method, reason = counter, "counter", None
    if trapezoid:
        trapezoid_reason = unfit(gpu, tally)
    if chosen is None and not trapezoid_reason:
        chosen, method = trapezoid, "trapezoid"
    if chosen is None:
        reason = "; ".join(dict.fromkeys([counter_reason, trapezoid_reason]))
    disagreement = None
    if counter and trapezoid and counter.energy_j > 0.0:
        more_j = trapezoid.energy_j - counter.energy_j
        disagreement = 100.0 * more_j / counter.energy_j
        sure_j = 3.0 * math.hypot(counter.sigma_j, trapezoid.sigma_j)
        if abs(disagreement) > MAX_DISAGREEMENT_PERCENT and abs(more_j) > sure_j:
            warnings.append(f"{DISAGREES} {disagreement:+.1f} % against the energy counter")
    return {
        "energy_counter_joules": counter.energy_j if counter else None,
        "energy_trapezoid_joules": trapezoid.energy_j if trapezoid else None,
        "energy_joules": chosen.energy_j if chosen else None,
        "energy_method": method if chosen else None,
        "energy_reason": reason,
        "energy_uncertainty_joules": chosen.sigma_j if chosen else None,
        "board_gain_percent": BOARD_GAIN_PERCENT,
        "disagreement_percent": disagreement,
    }


def mean_power_w(energy_j: float | None, duration_s: float) -> float | None:
    return energy_j / duration_s if energy_j is not None and duration_s else None


def unfit(gpu: Mapping[str, Any], tally: GpuTally) -> str:
    """Say why a trapezoid is not the energy of its window; "" if it is."""
    duration_s, share = tally.to_s - tally.from_s, coverage(tally) or 0.0
    if share < MIN_COVERAGE:
        return f"power was sampled for {share:.1%} of the window only"
    if gpu["power_source"] == "usage" and duration_s < MIN_AVERAGED_S:
        return f"power may be averaged over a second here, and {duration_s:.1f} s are short for it"
    period_s = tally.habits.power_s
    if period_s > SLOW_POWER_S and duration_s < SHORT_PERIODS * period_s:
        is_learnt = tally.habits.shift_s > 0.0
        how_often = "is updated" if is_learnt else "changed too seldom to tell: it may be updated"
        return f"power {how_often} every {period_s:.1f} s, and {duration_s:.1f} s are short for it"
    return ""


def by_counter(gpu: Mapping[str, Any], tally: GpuTally) -> tuple[Reading | None, str]:
    """Return the window's energy by the board's counter, or why it is not known."""
    if tally.ran_backwards:
        return None, "the energy counter ran backwards: its driver was loaded anew"
    if tally.unseen_s:
        return None, f"the monitor was held up for {tally.unseen_s:.1f} s, the whole window long"
    start = counter_at(tally.start.rows, tally.from_s, tally.habits)
    end = counter_at(tally.end.rows, tally.to_s, tally.habits)
    if start is None or end is None:
        reason = missing(gpu, "energy_counter", tally)
        return None, reason or edge_reason(tally, "the energy counter")
    energy_j = end.energy_j - start.energy_j
    stale_j = 0.0
    if tally.stale_s > longest_still_s(tally):
        if tally.stale_s > (tally.to_s - tally.from_s) / 2.0:
            return None, f"the energy counter stood still for {tally.stale_s:.1f} s"
        stale_j = tally.stale_s * energy_j / (tally.to_s - tally.from_s) / math.sqrt(3.0)
    alias_j = alias_sigma_j(gpu, tally, by_counter=True)
    return Reading(energy_j, math.hypot(start.sigma_j, end.sigma_j, stale_j, alias_j)), ""


def longest_still_s(tally: GpuTally) -> float:
    """Return for how long a counter may stand still in a second's rows without a fault."""
    return max(STALE_S, 3.0 * tally.habits.counter_s)


def by_trapezoid(gpu: Mapping[str, Any], tally: GpuTally) -> tuple[Reading | None, str]:
    """Return the window's energy by the samples of power, or why it is not known."""
    habits = tally.habits
    start = late_trapezoid_at(tally.start.rows, tally.from_s, habits)
    end = late_trapezoid_at(tally.end.rows, tally.to_s, habits)
    if start is None or end is None:
        reason = missing(gpu, "power", tally)
        return None, reason or edge_reason(tally, "the power")
    range_w = tally.peaks.get("power_max_w", 0.0) - (tally.power_min_w or 0.0)
    between_j = math.sqrt(tally.spread.variance(range_w))
    late_start_j, late_end_j = (
        late_sigma_j(nearby.rows, when_s, when_s + habits.power_s, habits)
        for nearby, when_s in ((tally.start, tally.from_s), (tally.end, tally.to_s))
    )
    alias_j = alias_sigma_j(gpu, tally, by_counter=False)
    sigma_j = math.hypot(start.sigma_j, end.sigma_j, between_j, late_start_j, late_end_j, alias_j)
    return Reading(end.energy_j - start.energy_j, sigma_j), ""


def missing(gpu: Mapping[str, Any], sensor: str, tally: Tally) -> str:
    """Return why a sensor was not there about a window; "" if it was."""
    return absence(gpu, sensor, tally.start.first_s, tally.end.last_s)[1]


def edge_reason(tally: Tally, what: str) -> str:
    """Say why something is not known at an edge of a window."""
    first, last = tally.start.rows, tally.end.rows
    if not first:
        return "the monitor left no row"
    early_s, late_s = time_of(first[0]) - tally.from_s, tally.to_s - time_of(last[-1])
    if early_s > 0.0:
        return f"the monitor's rows begin {early_s:.1f} s after the window does"
    if late_s > 0.0:
        return f"the monitor's rows end {late_s:.1f} s before the window does"
    return f"{what} is not known at an edge of the window"


def coverage(tally: GpuTally) -> float | None:
    """Return the share of the window in which power was sampled; None where it never was."""
    duration_s = tally.to_s - tally.from_s
    if tally.sampled_s is None or not duration_s:
        return None
    return min(max(tally.sampled_s / duration_s, 0.0), 1.0)


def hidden_memory_mib(gpu: Mapping[str, Any], tally: GpuTally) -> float | None:
    """Return the most memory held by no visible process; None with a MIG device or MPS."""
    is_known = gpu["processes_mapped"] and not gpu["mig"] and not gpu["mps"]
    return tally.hidden_mib if is_known else None


def role_facts(tally: GpuTally, role: str) -> Facts | None:
    """Return how much of a GPU a role's processes used; None where that is not known."""
    facts = {
        "sm_avg_percent": tally.mean(f"{role}_sm_percent"),
        "memory_max_mib": tally.peaks.get(f"{role}_memory_mib"),
    }
    return None if set(facts.values()) == {None} else facts


def clock_facts(tally: GpuTally) -> Facts:
    """Return mean and lowest clocks, in MHz."""
    facts: Facts = {}
    for clock in CLOCKS:
        facts[f"{clock}_avg_mhz"] = tally.mean(f"{clock}_mhz")
        facts[f"{clock}_min_mhz"] = tally.held.lows.get(clock)
    return facts


def event_names(bits: int) -> list[str]:
    """Return why clocks were lower than they could be; an idle GPU's lowest clock says nothing."""
    names = dict(enumerate(EVENT_REASONS))
    found = [n for n in range(bits.bit_length()) if bits >> n & 1]
    return [names.get(n, f"bit_{n}") for n in found if names.get(n) != "gpu_idle"]


def gpu_warnings(gpu: Mapping[str, Any], energy: Mapping[str, Any], tally: GpuTally) -> list[str]:
    """Return what makes this GPU's figures less sure than they look."""
    warnings = []
    duration_s, share = tally.to_s - tally.from_s, coverage(tally)
    if tally.ran_backwards:
        warnings.append("the energy counter ran backwards: its driver was loaded anew")
    if tally.stale_s > longest_still_s(tally):
        warnings.append(f"the energy counter stood still for {tally.stale_s:.1f} s")
    if share is not None and share < MIN_COVERAGE:
        warnings.append(f"power was sampled for {share:.1%} of the window only")
    warnings += gap_warnings(gpu, tally.from_s, tally.to_s)
    if gpu["power_source"] == "usage":
        warnings.append(
            "this driver may average power over a second: its extremes are smoothed, and energy"
            " by the trapezoid lags behind"
        )
    alias_j = alias_sigma_j(gpu, tally, energy["energy_method"] == "counter")
    if energy["energy_joules"] and alias_j > ALIAS_PERCENT / 100.0 * energy["energy_joules"]:
        looks = SEES_PART if is_gapped(gpu) else SEES_SELDOM
        warnings.append(
            f"{looks}: a load in step with that may be {alias_j:.0f} J off, one"
            " standard deviation, which is in the uncertainty"
        )
    if duration_s < SHORT_S and is_gapped(gpu):
        warnings.append(
            f"{duration_s:.1f} s are short for this board, which sees power for a quarter of the"
            f" time: its energy is not reliable below {SHORT_S:g} s"
        )
    return warnings
