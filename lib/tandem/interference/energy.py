"""The joules of one experiment's foreground window, and what its boards and CPUs would use idle.

The energy of a window is that of all that ran: no sensor divides it. Idle energy is the mean power
of an idle window for as long as the foreground ran; of several idle windows (before and after) the
lowest and the highest. It is part of the window's energy, and nobody's share of it in particular.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite

from tandem.interference.figures import facts
from tandem.interference.quantity import Quantity, Reading
from tandem.interference.readings import FOREGROUND, IDLE, energy_j, other_sensor, power_w
from tandem.interference.usable import disturbance
from tandem.measure.windows.places import absence
from tandem.results.record import UNLIKE_A_RECORD, Record, foreground_window
from tandem.results.record_pair import Figure
from tandem.results.record_window import Window

MEASURED = ("gpu_joules", "package_joules", "cpu_joules")
DERIVED = (
    *("gpu_idle_low_joules", "gpu_idle_high_joules"),
    *("cpu_idle_low_joules", "cpu_idle_high_joules"),
)
NAMES = (*MEASURED, *DERIVED)
NO_IDLE = "no idle window (set controls.idle_seconds)"
NOT_WHOLE = "the record does not say it (an earlier version, or damaged)"


def energy_of(record: Record) -> Mapping[str, Figure]:
    """Return joules by name, as figures: `cpu_joules` are those of packages and DRAM together."""
    try:
        window = foreground_window(record)
        gpu = absence(window, "foreground") or energy_j(window, FOREGROUND)
        seconds = window["duration_seconds"] if window else 0.0
        gpu_idle = [_gpu_idle_w(record, idle, window) for idle in _idle_windows(record)]
        cpu_idle = [_cpu_w(idle) for idle in _idle_windows(record)]
        made = {
            "gpu_joules": _measured(gpu),
            "package_joules": _measured(_cpu_j(window, "package_joules", FOREGROUND)),
            "cpu_joules": _measured(_cpu_j(window, "total_joules", FOREGROUND)),
            **_idle("gpu", [gpu] if isinstance(gpu, str) else gpu_idle, seconds),
            **_idle("cpu", cpu_idle, seconds),
        }
        if not all(isfinite(each["value"] or 0.0) for each in made.values()):
            raise ValueError("a value is not finite")
        return made
    except UNLIKE_A_RECORD:
        return {name: facts(None, None, _label(name), [NOT_WHOLE]) for name in NAMES}


def _idle_windows(record: Record) -> Iterator[Window]:
    return (window for window in record["windows"] if window["name"] == "idle")


def _gpu_idle_w(record: Record, idle: Window, beside: Window | None) -> Reading:
    problem = disturbance(record, idle)
    if problem:
        return f"{IDLE}: {problem}"
    return other_sensor(idle, beside, IDLE) or power_w(idle, IDLE)


def _cpu_w(idle: Window) -> Reading:
    energy = _cpu_j(idle, "total_joules", IDLE)
    if isinstance(energy, str):
        return energy
    return Quantity(energy.value / idle["duration_seconds"], None)


def _cpu_j(window: Window | None, name: str, place: str) -> Reading:
    """Return the joules of the CPU's packages, or with DRAM; they have no stated uncertainty."""
    cpu: Mapping[str, object] = window["cpu"] if window else {}
    joules = cpu.get(name)
    if isinstance(joules, (int, float)):
        return Quantity(float(joules), None)
    return f"{place}: CPU: {cpu.get('reason') or 'not measured'}"


def _measured(reading: Reading) -> Figure:
    if isinstance(reading, str):
        return facts(None, None, "measured", [reading])
    return facts(reading.value, reading.uncertainty, "measured", [])


def _idle(board: str, powers: list[Reading], seconds: float) -> dict[str, Figure]:
    """Return the lowest and the highest energy that idle boards would have used meanwhile."""
    known_w = [power.value for power in powers if isinstance(power, Quantity)]
    reasons = [power for power in powers if isinstance(power, str)]
    names = f"{board}_idle_low_joules", f"{board}_idle_high_joules"
    if not known_w:
        return {name: facts(None, None, "derived", reasons or [NO_IDLE]) for name in names}
    ends = min(known_w) * seconds, max(known_w) * seconds
    return {name: facts(j, None, "derived", []) for name, j in zip(names, ends, strict=True)}


def _label(name: str) -> str:
    return "measured" if name in MEASURED else "derived"
