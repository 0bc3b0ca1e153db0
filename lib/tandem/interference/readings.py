"""What a parallel record and its solo control give to reckon with, or why they do not.

A control counts only where it is valid and did the same work. Each reading has one standard
deviation that covers:

- energies: edges of the windows and gaps between samples, as each window says;
- times: how long the start took, from fork to exec (some milliseconds on a busy machine), and at
  least one, for when start and end were noticed;
- times of epochs: how seldom the log is looked at, at both ends (LOOK_S);
- round rates: the resolution of the stamps, and how much the rounds seen in that window differed
  in length, taken as random (fewer than four of them: those of both windows; widened for few by
  Student's t, so that one deviation still holds 68 %, though two then hold less than 95 %). Where
  only one round is seen in each, the uncertainty is not known;
- cut rounds, of the background's power alone: what power ranged over in its window, times the mean
  length of a round over that of the window, over sqrt(12): a fraction of a round, each as likely.
  Where no round was whole, or power was not sampled, the uncertainty is not known;
- drift, of the background's power alone and the control's energy: `idle_drift_w`, the span of the
  mean powers of all idle windows of both records. A window may be off by up to that, either way.
  With fewer than two idle windows it is not covered, and a warning names the figures concerned.

Not covered: how a training differs from run to run (only repeats show that), and the gain of the
board.
"""

from __future__ import annotations

import math
from dataclasses import replace

from tandem.interference.epochs import epochs_s
from tandem.interference.quantity import Quantity, Reading
from tandem.interference.rounds import rounds_per_s
from tandem.interference.usable import (
    disturbance,
    failure,
    invalidity,
    other_device,
    other_work,
    weak_load,
)
from tandem.measure.windows.places import absence
from tandem.measure.windows.slices import each_board
from tandem.results.record import Record, foreground_window
from tandem.results.record_window import Window, WindowGpu, last_window
from tandem.results.uncertainty import of_duration_s, of_gpu_energy_j

FOREGROUND, BACKGROUND, SOLO = "foreground window", "background window", "solo control"
IDLE = "idle window"
DRIFTING = {"background_w", "solo_j"}  # readings that drift makes unsure


def read(parallel: Record, solo: Record | None) -> dict[str, Reading]:
    """Return all readings by name: seconds, rounds a second, joules and watts of all GPUs."""
    drift = idle_drift_w(parallel, solo)
    drift_w = None if isinstance(drift, str) else drift
    return {
        **foreground_beside(parallel, solo),
        **background_alone(parallel, drift_w),
        **solo_control(parallel, solo, drift_w),
        "idle_w": idle_w("idle", "idle_seconds", drift_w, parallel, solo),
        "idle_context_w": idle_w("idle_context", "idle_context_seconds", drift_w, parallel, solo),
    }


def foreground_beside(parallel: Record, solo: Record | None) -> dict[str, Reading]:
    """Return the readings of the foreground's last attempt beside the background.

    There is none where only one of the two twins used a GPU: it was no experiment about sharing it.
    """
    window = foreground_window(parallel)
    names = ("parallel_s", "parallel_epochs_s", "rounds_per_s", "parallel_j")
    problem = failure(parallel) or disturbance(parallel, window) or weak_load(parallel, window)
    problem = problem or (solo and other_device(parallel, solo))
    if problem:
        return dict.fromkeys(names, f"{FOREGROUND}: {problem}")
    alone = last_window(parallel["windows"], "background")
    rounds = rounds_per_s(parallel, window, alone, FOREGROUND)
    energy = absence(window, "foreground") or energy_j(window, FOREGROUND)
    times = duration_s(parallel, window, FOREGROUND), epochs_s(parallel, FOREGROUND)
    return dict(zip(names, (*times, rounds, energy), strict=True))


def background_alone(parallel: Record, drift_w: float | None) -> dict[str, Reading]:
    """Return the readings of the background before the foreground had started."""
    window = last_window(parallel["windows"], "background")
    beside = foreground_window(parallel)
    names = ("alone_rounds_per_s", "background_w")
    if window is None:
        return dict.fromkeys(names, "no background window (set controls.background_seconds)")
    if problem := disturbance(parallel, window) or weak_load(parallel, window):
        return dict.fromkeys(names, f"{BACKGROUND}: {problem}")
    rounds = rounds_per_s(parallel, window, beside, BACKGROUND)
    power = other_sensor(window, beside, BACKGROUND) or power_w(window, BACKGROUND)
    power = with_drift(with_cut_rounds(power, window), drift_w, 1.0)
    return dict(zip(names, (rounds, power), strict=True))


def solo_control(
    parallel: Record, solo: Record | None, drift_w: float | None
) -> dict[str, Reading]:
    """Return the readings of the same foreground alone."""
    names = ("solo_s", "solo_epochs_s", "solo_j")
    if solo is None and parallel["twin"] is None:
        return dict.fromkeys(names, "no solo control (set controls.solo)")
    if solo is None:
        missing = f"its solo control {parallel['twin']} has no record (let the run reach its end)"
        return dict.fromkeys(names, missing)
    window = foreground_window(solo)
    if problem := invalidity(solo) or other_work(parallel, solo):
        return dict.fromkeys(names, f"{SOLO}: {problem}")
    beside = foreground_window(parallel)
    unfit = absence(window, "foreground") or other_sensor(window, beside, SOLO)
    energy = unfit or energy_j(window, SOLO)
    energy = with_drift(energy, drift_w, solo["duration_seconds"] or 0.0)
    times = duration_s(solo, window, SOLO), epochs_s(solo, SOLO, parallel)
    return dict(zip(names, (*times, energy), strict=True))


# -- one reading -----------------------------------------------------------------------


def duration_s(record: Record, window: Window | None, place: str) -> Reading:
    seconds = record["duration_seconds"]
    if not seconds:
        return f"{place}: duration not known"
    return Quantity(seconds, of_duration_s(record))


def energy_j(window: Window | None, place: str) -> Reading:
    """Return the energy of all GPUs together, or why that of one of them is not known."""
    gpus = each_board(window["gpus"]) if window else []
    if not gpus:
        return f"{place}: {(window and window['gpus_reason']) or 'no GPU was measured'}"
    for gpu in gpus:
        if gpu["energy_joules"] is None:
            return f"{place}: GPU {gpu['index']}: {gpu['energy_reason']}"
    joules = sum(gpu["energy_joules"] or 0.0 for gpu in gpus)
    if joules <= 0:
        return f"{place}: the sensors gave {joules:g} J (see their files)"
    uncertainty_j = of_gpu_energy_j(window)
    if uncertainty_j is None:
        return Quantity(joules, None, f"{place}: uncertainty of the energy not known")
    return Quantity(joules, uncertainty_j)


def other_sensor(window: Window | None, beside: Window | None, place: str) -> str | None:
    """Return why two energies cannot be compared: counter and trapezoid may differ by much."""
    theirs, ours = methods(window), methods(beside)
    if not theirs or not ours or theirs == ours:
        return None
    return f"{place}: energy by {', '.join(theirs)}, beside the background by {', '.join(ours)}"


def methods(window: Window | None) -> list[str]:
    """Return how the energy of each GPU was measured; [] where that of one of them was not."""
    found = [gpu["energy_method"] for gpu in window["gpus"]] if window else []
    known = [method for method in found if method]
    return known if len(known) == len(found) else []


def power_w(window: Window, place: str) -> Reading:
    """Return the mean power of all GPUs: their energy by the duration."""
    energy, seconds = energy_j(window, place), window["duration_seconds"]
    if isinstance(energy, str):
        return energy
    uncertainty_w = None if energy.uncertainty is None else energy.uncertainty / seconds
    return replace(energy, value=energy.value / seconds, uncertainty=uncertainty_w)


def with_cut_rounds(power: Reading, window: Window) -> Reading:
    """Return the background's power, as unsure as its window cuts rounds.

    The edges leave a fraction of a round, each as likely, by whose power the mean is off: by up to
    what power ranged over times the length of a round, over that of the window.
    """
    if isinstance(power, str) or power.uncertainty is None:
        return power
    assert window["load"]  # or the background would be no load, and its power none
    parts = window["load"]["parts"]
    ranges_w = [power_range_w(gpu) for gpu in each_board(window["gpus"])]
    known_w = [each for each in ranges_w if each is not None]
    unknown = [part["rate_reason"] for part in parts if not part["rounds_per_second"]]
    if len(known_w) < len(ranges_w):
        unknown.append("power was sampled for too little of it")
    if unknown:
        reason = f"{BACKGROUND}: what cut rounds are worth is not known: {unknown[0]}"
        return replace(power, uncertainty=None, reason=reason)
    lengths_s = [1 / per_s for part in parts if (per_s := part["rounds_per_second"])]
    cut_j = sum(known_w) * math.hypot(*lengths_s) / math.sqrt(12)
    cut_w = cut_j / window["duration_seconds"]
    return replace(power, uncertainty=math.hypot(power.uncertainty, cut_w))


def power_range_w(gpu: WindowGpu) -> float | None:
    """Return how far a GPU's power ranged in a window; None where its samples do not tell."""
    highest_w, lowest_w = gpu["power_max_watts"], gpu["power_min_watts"]
    return None if highest_w is None or lowest_w is None else float(highest_w - lowest_w)


def idle_drift_w(*records: Record | None) -> float | str:
    """Return by how much the mean powers of the idle windows differ; of fewer than two, why."""
    powers = [
        f"{IDLE}: {problem}" if problem else power_w(window, IDLE)
        for record in records
        for window in (record["windows"] if record else ())
        if window["name"] == "idle" and record
        for problem in [disturbance(record, window)]
    ]
    known_w = [power.value for power in powers if isinstance(power, Quantity)]
    if len(known_w) > 1:
        return max(known_w) - min(known_w)
    problems = dict.fromkeys(power for power in powers if isinstance(power, str))
    return "; ".join(problems) or "fewer than two idle windows (set controls.idle_seconds)"


def idle_w(name: str, setting: str, drift_w: float | None, *records: Record | None) -> Reading:
    """Return the mean power of the windows of a name of both records, as unsure as they drift."""
    powers = [
        f"{name} window: {problem}" if problem else power_w(window, f"{name} window")
        for record in records
        for window in (record["windows"] if record else ())
        if window["name"] == name and record
        for problem in [
            disturbance(record, window)
            or other_sensor(window, foreground_window(record), f"{name} window")
        ]
    ]
    known = [power for power in powers if isinstance(power, Quantity)]
    if not known:
        problems = [power for power in powers if isinstance(power, str)]
        return problems[0] if problems else no_idle(name, setting, *records)
    mean = Quantity(
        math.fsum(power.value for power in known) / len(known),
        None
        if any(power.uncertainty is None for power in known)
        else max(power.uncertainty or 0.0 for power in known),
        next((power.reason for power in known if power.reason), None),
    )
    return with_drift(mean, drift_w, 1.0)


def no_idle(name: str, setting: str, *records: Record | None) -> str:
    for record in records if name == "idle_context" else ():
        if record and (why := record.get("idle_context_reason")):  # earlier records lack it
            return f"no {name} window: {why}"
    return f"no {name} window (set controls.{setting})"


def with_drift(reading: Reading, drift_w: float | None, factor: float) -> Reading:
    """Return a reading that may be off by up to `factor` times the drift, either way."""
    if isinstance(reading, str) or reading.uncertainty is None or drift_w is None:
        return reading
    rectangular = drift_w * factor / math.sqrt(3)
    return replace(reading, uncertainty=math.hypot(reading.uncertainty, rectangular))
