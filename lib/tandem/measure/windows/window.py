"""What a stretch of time cost, from the monitor's files alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.base.clock import Moment
from tandem.measure.rows import SUSPENDED, Row
from tandem.measure.windows.edges import around, linear, number_in, time_of
from tandem.measure.windows.execution_idle import execution_idle
from tandem.measure.windows.gpu import Facts, Span, edge_reason, gpu_facts
from tandem.measure.windows.machine import machine_facts
from tandem.measure.windows.places import absence, add_places
from tandem.measure.windows.slices import each_board
from tandem.measure.windows.tallies import SLACK_S, RoleTally, tallied

# Rows are a second apart at most, and nobody knows how RAPL went between two of them. Edges that
# are farther from the next row cost the energy, but for so small a share of the window.
BLUR_S, BLUR_SHARE = 0.6, 0.01

OF_ENERGY = ("gpu_energy_total_joules", "gpu_power_avg_watts")  # null where the energy is


def window_facts(folder: Path, from_s: float, to_s: float, rapl_reason: str | None = None) -> Facts:
    """Return what the monitor's files in a folder say of the time between two moments.

    Moments are seconds on CLOCK_BOOTTIME; a cumulative reading between two rows is interpolated.
    What is not known is None, and a reason stands beside it: `gpus_reason` says why there is no
    GPU; `started` and `ended` are None where there was no monitor.
    `suspended_seconds` is for how long the machine was suspended meanwhile, and None where no row
    shows that; it is no part of `duration_seconds`. With a `rapl_reason` RAPL's joules are None.
    """
    monitor = read_monitor(folder)
    clock = Moment(**monitor["clock"]) if monitor["clock"] else None
    roles = tallied(RoleTally(from_s, to_s), folder / "cpu.csv")
    suspended_s = suspension(roles)
    span = Span(from_s, to_s, to_s - from_s - (suspended_s or 0.0))
    facts = {
        "started": clock and clock.iso_at(from_s),
        "ended": clock and clock.iso_at(to_s),
        "start_boottime_s": from_s,
        "end_boottime_s": to_s,
        "duration_seconds": span.duration_s,
        "suspended_seconds": suspended_s,
        "gpus": [gpu_facts(folder, gpu, span, clock) for gpu in monitor["gpus"] if clock],
        "gpus_reason": monitor["gpus_reason"],
        "cpu": cpu_facts(monitor, roles, rapl_reason),
        "machine": machine_facts(folder, monitor["machine_reason"], span),
        "warnings": [
            f"{each['sensor']}: {each['message']}" + (f" ({each['hint']})" if each["hint"] else "")
            for each in monitor["warnings"]
            if each["boottime_s"] <= to_s
        ],
    }
    add_places(facts, folder, monitor)
    sees_all = bool(monitor.get("sees_all_processes"))
    for of_gpu, gpu in zip(facts["gpus"], monitor["gpus"], strict=False):
        of_gpu.update(execution_idle(folder, gpu, of_gpu, from_s, to_s, sees_all=sees_all))
    return facts


def read_monitor(folder: Path) -> Facts:
    """Return monitor.json; without one, the same saying that nothing was measured."""
    try:
        text = (folder / "monitor.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        reason = "there was no monitor"
        return {
            "clock": None,
            "gpus": [],
            "gpus_reason": reason,
            "rapl": {"zones": [], "reason": reason},
            "machine_reason": reason,
            "memory_reasons": {},
            "warnings": [],
        }
    monitor: Facts = {"machine_reason": None, "memory_reasons": {}}  # of earlier versions
    monitor |= json.loads(text)
    return monitor


def suspension(roles: RoleTally) -> float | None:
    """Return for how long the machine was suspended in a window; None where an edge is unknown."""
    before_s = suspended_at(roles.start.rows, roles.from_s)
    after_s = suspended_at(roles.end.rows, roles.to_s)
    return None if before_s is None or after_s is None else round(after_s - before_s, 4)


def suspended_at(rows: Sequence[Row], when_s: float) -> float | None:
    """Return for how long the machine had been suspended by a moment; None where no row shows that.

    Nothing happens while it is suspended, so a suspension between two rows lies before the moment
    or behind it. It lies behind if there is room: a row that a moment has asked for comes at once.
    """
    pair = around(rows, SUSPENDED, when_s)
    if pair is None:
        return None
    before_s, after_s = (number_in(row, SUSPENDED) or 0.0 for row in pair)
    has_room = time_of(pair[1]) - when_s >= after_s - before_s
    return before_s if has_room else after_s


def cpu_facts(monitor: Mapping[str, Any], roles: RoleTally, rapl_reason: str | None) -> Facts:
    """Return energy over all sockets, by RAPL, and what the two process trees used.

    `total_joules` is package + DRAM; `reason` says why any of the three is None.
    """
    rapl = {"zones": [], "reason": rapl_reason} if rapl_reason else monitor["rapl"]
    package_j, package_reason = rapl_joules(rapl, roles, "package_", "packages")
    dram_j, dram_reason = rapl_joules(rapl, roles, "dram_", "DRAM")
    total_j = None if package_j is None or dram_j is None else package_j + dram_j
    reasons = dict.fromkeys(filter(None, [package_reason, dram_reason]))
    return {
        "package_joules": package_j,
        "dram_joules": dram_j,
        "total_joules": total_j,
        "reason": "; ".join(reasons) or None,
        "foreground_cpu_seconds": cpu_seconds(roles, "foreground"),
        "background_cpu_seconds": cpu_seconds(roles, "background"),
        **memory_facts(monitor["memory_reasons"], roles, "foreground"),
        **memory_facts(monitor["memory_reasons"], roles, "background"),
    }


def memory_facts(reasons: Mapping[str, str], roles: RoleTally, role: str) -> Facts:
    """Return the most memory of a role's processes, together and any one, as far as was seen.

    Together, pages that they share count once; `ROLE_pss_reason` says why that is not known: the
    most of what could be read until one process could not be is not the most of all.
    """
    reason = reasons.get(role)
    pss_mib = None if reason else roles.peaks.get(f"{role}_pss_mib")
    largest_mib = roles.peaks.get(f"{role}_largest_rss_mib")
    if pss_mib is None and largest_mib:
        reason = reason or "not looked at in this window: with much memory that takes long"
    return {
        f"{role}_pss_max_mib": pss_mib,
        f"{role}_pss_reason": reason,
        f"{role}_largest_rss_max_mib": largest_mib,
    }


def rapl_joules(
    rapl: Mapping[str, Any], roles: RoleTally, prefix: str, what: str
) -> tuple[float | None, str | None]:
    """Return the joules of all zones of a kind together, or why they are not known."""
    zones = {zone["column"]: zone.get("reason") for zone in rapl["zones"]}
    columns = [column for column in zones if column.startswith(prefix)]
    if not columns:
        return None, rapl["reason"] or f"this machine has no RAPL zone for {what}"
    unread = [f"{column}: {zones[column]}" for column in columns if zones[column]]
    if prefix == "dram_":
        have = {column.partition("_")[2] for column in columns}
        packages = (column for column in zones if column.startswith("package_"))
        unread += [f"{each} has no DRAM" for each in packages if each.partition("_")[2] not in have]
    if unread:
        return None, "; ".join(unread)
    length_s = roles.to_s - roles.from_s
    for column in columns:
        if (blurred_s := blur_s(roles, column)) > max(BLUR_S, BLUR_SHARE * length_s):
            return None, f"{column} is not known within {blurred_s:.1f} s of an edge of the window"
    values_uj = {column: roles.growth(column) or None for column in columns}  # none uses nothing
    total_uj = total(values_uj.values())
    if total_uj is None:
        lost = ", ".join(column for column, value in values_uj.items() if value is None)
        return None, rapl["reason"] or edge_reason(roles, lost)
    return total_uj / 1e6, None


def blur_s(roles: RoleTally, column: str) -> float:
    """Return how far the edges of a window are from the next rows that know a column, at most."""
    farthest_s = 0.0
    for rows, when_s in ((roles.start.rows, roles.from_s), (roles.end.rows, roles.to_s)):
        if pair := around(rows, column, when_s):
            next_s = min(abs(time_of(row) - when_s) for row in pair)
            farthest_s = max(farthest_s, next_s)
    return farthest_s


def cpu_seconds(roles: RoleTally, role: str) -> float | None:
    """Return what a role's trees used; None where an edge is unknown.

    The first row that knows a tree may be the one at the start of its window, just behind it.
    """
    column = f"{role}_cpu_s"
    first = next((row for row in roles.start.rows if number_in(row, column) is not None), None)
    behind_s = time_of(first) - roles.from_s if first else 0.0
    if first is None or not 0.0 < behind_s < SLACK_S:
        return roles.growth(column)
    end = linear(roles.end.rows, column, roles.to_s)
    return None if end is None else end - (number_in(first, column) or 0.0)


def total(values: Iterable[float | None]) -> float | None:
    """Return a sum; None, never a part of it, where there is nothing or anything is missing."""
    known = all_known(values)
    return sum(known) if known else None


def all_known(values: Iterable[float | None]) -> list[float]:
    """Return the values; [] where any is missing."""
    every = list(values)
    known = [value for value in every if value is not None]
    return known if len(known) == len(every) else []


# -- the old names -------------------------------------------------------------------------


def energy_metrics(facts: Mapping[str, Any]) -> tuple[dict[str, float | None] | None, str | None]:
    """Return a window's totals under the old names, and why any of them is None.

    Over several GPUs: energies and mean powers are sums. Highest and lowest power are sums too, of
    moments that need not be the same: no less and no more than those of all GPUs together were.
    Mean temperature and utilisation are means; the highest are those of any one GPU. One GPU's
    missing part makes the whole None, never a partial sum. (None, reason): nothing is known.
    GPUs that the foreground was not on say nothing of it.
    """
    absent, cpu = absence(facts, "foreground"), facts["cpu"]
    gpus = [] if absent else facts["gpus"]
    boards = each_board(gpus)
    values: dict[str, float | None] = {
        "cpu_energy_pkg_joules": cpu["package_joules"],
        "cpu_energy_ram_joules": cpu["dram_joules"],
        "cpu_energy_total_joules": cpu["total_joules"],
        "gpu_power_avg_watts": total(gpu["power_avg_watts"] for gpu in boards),
        "gpu_power_max_watts": total(gpu["power_max_watts"] for gpu in boards),
        "gpu_power_min_watts": total(gpu["power_min_watts"] for gpu in boards),
        "gpu_energy_total_joules": total(gpu["energy_joules"] for gpu in boards),
        "gpu_temp_avg_celsius": mean(gpu["temperature_avg_celsius"] for gpu in gpus),
        "gpu_temp_max_celsius": highest(gpu["temperature_max_celsius"] for gpu in gpus),
        "gpu_util_avg_percent": mean(gpu["sm_avg_percent"] for gpu in gpus),
        "gpu_util_max_percent": highest(gpu["sm_max_percent"] for gpu in gpus),
    }
    unknown = [name for name, value in values.items() if value is None]
    reason = "; ".join(missing_reasons(facts, unknown)) or None
    return (None if len(unknown) == len(values) else values), reason


def missing_reasons(facts: Mapping[str, Any], unknown: Sequence[str]) -> list[str]:
    """Say why totals are None: the CPU's, the energy of each GPU, and whatever else is missing."""
    gpus, cpu = facts["gpus"], facts["cpu"]
    reasons = [f"CPU: {cpu['reason']}"] if cpu["reason"] else []
    absent = absence(facts, "foreground")
    if absent or not gpus:
        return [*reasons, f"GPU: {absent or facts['gpus_reason'] or 'none is measured'}"]
    reasons += [
        f"GPU {gpu['index']}: {gpu['energy_reason']}"
        for gpu in each_board(gpus)
        if gpu["energy_reason"]
    ]
    others = [name for name in unknown if name[:3] == "gpu" and name not in OF_ENERGY]
    if others:
        reasons.append(f"not known of every GPU (see the warnings): {', '.join(others)}")
    return reasons


def mean(values: Iterable[float | None]) -> float | None:
    known = all_known(values)
    return sum(known) / len(known) if known else None


def highest(values: Iterable[float | None]) -> float | None:
    return max(all_known(values), default=None)
