"""Whether the background really worked, and as it was meant to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tandem.base.text import as_set, share
from tandem.experiment.validity.reason import Reason, lasting, passing
from tandem.interference.load import no_load
from tandem.measure.windows.places import SEEN_S
from tandem.results.record import Record, foreground_window
from tandem.results.record_background import Background, BackgroundPart, GpuMemory
from tandem.results.record_window import DoseInWindow, LoadPart, Window

DOSE_POINTS = 5.0  # how far a background may be from its dose, in percent of the GPU or the time
EDGE_S = 0.3  # half a period of the controller: so far off may each stretch of running be as well


def reasons(record: Record) -> Iterator[Reason]:
    background, limits = record["background"], record["validity"]
    if not background:
        return
    window = foreground_window(record)
    yield from passing("loop", background["problems"])  # what ended a loop, its keeper or its dose
    yield from passing("coverage", _coverage_reasons(record, background))
    yield from lasting("idle", _idle_parts(background, window))
    yield from lasting("rounds", no_load(record, window, " beside the foreground"))
    yield from _idle_background_reasons(window, limits)
    yield from _dose_reasons(window, background)


def _coverage_reasons(record: Record, background: Background) -> Iterator[str]:
    coverage, least = background["coverage"], record["validity"]["min_coverage"]
    if record["attempts"] and coverage is None:
        yield "coverage unknown"
    elif record["attempts"] and coverage is not None and coverage < least:
        yield f"coverage {share(coverage)} is below {as_set(least)}"


def _idle_parts(background: Background, window: Window | None) -> Iterator[str]:
    for part in background["parts"]:
        if part["gpu_memory"]["max_mib"] and part["gpu_memory"]["sm_max_percent"] == 0:
            yield f"the {part['name']} held GPU memory and was never seen to use the GPU"
        elif len(background["parts"]) > 1 and _rested(part["gpu_memory"], window):
            yield f"the {part['name']} was not seen to use the GPU beside the foreground"


def warnings(record: Record) -> Iterator[str]:
    for part in (record["background"] or {"parts": []})["parts"]:
        yield from _round_warnings(part)
        if part["ready_by"] == "work":
            yield (
                f"the {part['name']} was ready by its work alone: it had shown no epoch, no metric"
                " and no completed round"
            )


def _round_warnings(part: BackgroundPart) -> Iterator[str]:
    """Say which rounds that ended with exit code 0 may have been no whole trainings."""
    ended = part["rounds_completed"] + part["rounds_hollow"]
    why = next((each["why"] for each in reversed(part["rounds"]) if each["why"]), None)
    last = f"; the last one: {why}" if why else ""
    counts = {
        f"were hollow{last}": part["rounds_hollow"],
        "printed no metric": part["rounds_without_metric"],
        "could not be judged: nobody has read their logs": part["rounds_unjudged"],
    }
    for what, count in counts.items():
        if count:
            yield f"{part['name']}: {count} of {ended} rounds with exit code 0 {what}"


def _rested(memory: GpuMemory, window: Window | None) -> bool:
    """Whether one of several backgrounds used a GPU last before a window began.

    A short window may have passed between two looks.
    """
    used_s = memory["used_boottime_s"]
    if not window or used_s is None or window["duration_seconds"] < SEEN_S:
        return False
    return used_s < window["start_boottime_s"]


def _idle_background_reasons(
    window: Window | None, limits: Mapping[str, float]
) -> Iterator[Reason]:
    load, least = window and window["load"], limits["min_background_sm_percent"]
    if not load:
        return
    used = load["sm_avg_percent"]
    if used is None and least:
        yield Reason("the background's use of the GPU is unknown", "unknown load", may_pass=False)
    elif used == 0 and load["memory_max_mib"]:
        idle = "the background held GPU memory and did not use the GPU"
        yield Reason(idle, "idle", may_pass=False)
    elif used is not None and used < least:
        weak = f"the background used {used:.1f} % of the GPU, less than {least:g} %"
        yield Reason(weak, "weak", may_pass=True)


def _dose_reasons(window: Window | None, background: Background) -> Iterator[Reason]:
    """Why a load was not dosed as it was meant to be."""
    if not window or not window["load"]:
        return
    names = (part["name"] for part in background["parts"])
    for part, name in zip(window["load"]["parts"], names, strict=True):
        if part["dose"] and part["dose"]["mode"] == "target":
            yield from _target_reasons(part["dose"], name)
        elif part["dose"]:
            yield from _intensity_reasons(part, part["dose"], name, window["duration_seconds"])


def _target_reasons(dose: DoseInWindow, name: str) -> Iterator[Reason]:
    used, target = dose["sm_avg_percent"], dose["target"]
    if used is None:
        unknown = f"whether the {name} was held at {target:g} % is not known: {dose['reason']}"
        yield Reason(unknown, "unknown load", may_pass=False)
    elif abs(used - target) > DOSE_POINTS:
        other = f"the {name} used {used:.1f} % of the GPU instead of {target:g} %"
        yield Reason(other, "dose", may_pass=True)


def _intensity_reasons(
    part: LoadPart, dose: DoseInWindow, name: str, duration_s: float
) -> Iterator[Reason]:
    """A window or a round of a few periods cannot be near its duty."""
    duty, target = dose["duty_mean"], dose["target"]
    if duty is None:
        wanted = f"{100 * target:g} %"
        unknown = f"whether the {name} ran for {wanted} of the time is not known: {dose['reason']}"
        yield Reason(unknown, "unknown load", may_pass=True)  # its controller was not there
        return
    stretches = 1 + part["rounds_completed"] + part["rounds_failed"]
    if abs(duty - target) * duration_s > DOSE_POINTS / 100 * duration_s + EDGE_S * stretches:
        other = f"the {name} ran for {100 * duty:.1f} % of the time instead of {100 * target:g} %"
        yield Reason(other, "dose", may_pass=True)
