"""Whether the trainings ran on the boards that were measured."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.base.variables import VISIBLE
from tandem.experiment.validity.reason import Reason, lasting
from tandem.measure.windows.places import SEEN_S, absence, elsewhere, numbered
from tandem.nvml.presence import words_of
from tandem.results.record import Record, foreground_window
from tandem.results.record_process import Command
from tandem.results.record_window import Window, WindowGpu, used_by

GPU, CPU, AUTO = "gpu", "cpu", "auto"


def reasons(record: Record) -> Iterator[Reason]:
    """Where a training runs, its settings say, and the machine: that comes again."""
    if window := foreground_window(record):
        yield from lasting("place", _place_reasons(record, window))


def _place_reasons(record: Record, window: Window) -> Iterator[str]:
    for role, device in devices(record).items():
        others = elsewhere(window, role)
        if others:
            yield f"the {role} was on {numbered(others)}, which was neither measured nor locked"
        elif device != CPU and nobody_looked(window):
            yield f"nobody could look who was on the GPU: {window['gpus_reason']}"
            return
        elif device == GPU and (absent := nowhere(window, role)):
            yield f'{absent}, and its device is "{GPU}" in the registry'
    yield from apart(record, window)


def warnings(record: Record) -> Iterator[str]:
    window = foreground_window(record)
    if not window:
        return
    if nobody_looked(window):
        yield f"this machine has a GPU that was not measured: {window['gpus_reason']}"
    for role, device in devices(record).items():
        used, absent = used_by(window, role), absence(window, role)
        if absent and device == AUTO and not elsewhere(window, role):
            yield absent
        elif used and device == CPU:
            yield f'the {role} was on {numbered(used)}, and its device is "{CPU}" in the registry'
        elif device == GPU and window["has_gpu"] is False:
            yield f'no GPU is here, and the device of the {role} is "{GPU}" in the registry'
    if idle := unused(window):
        yield f"no process of the foreground was on {numbered(idle)}, whose energy counts as well"
    yield from given_in_vain(record, window)


def devices(record: Record) -> dict[str, str]:
    """Return what each role is meant to run on; several backgrounds count together."""
    found = {"foreground": record["environment"]["declared_device"]}
    if record["background"]:
        parts = {part["declared_device"] for part in record["background"]["parts"]}
        found["background"] = GPU if GPU in parts else AUTO if AUTO in parts else CPU
    return found


def nobody_looked(window: Window) -> bool:
    """Whether the machine has a GPU, and NVML could not start to look at it."""
    reason = window["gpus_used"]["foreground"]["reason"]
    return bool(window["has_gpu"]) and not window["gpus"] and reason == window["gpus_reason"]


def nowhere(window: Window, role: str) -> str | None:
    """Say that a role was on no GPU of a machine that has one; None: it was, or may have been."""
    if window["gpus"]:
        return absence(window, role) if window["duration_seconds"] >= SEEN_S else None
    if window["has_gpu"] and used_by(window, role) == []:
        return f"no process of the {role} was on a GPU"
    return None


def unused(window: Window) -> list[WindowGpu]:
    """Return the measured GPUs that no training was on, where the foreground was on others."""
    if absence(window, "foreground"):
        return []
    return [
        gpu
        for gpu in window["gpus"]
        if gpu["foreground_seen"] is False and gpu["background_seen"] is False
    ]


def apart(record: Record, window: Window) -> Iterator[str]:
    """Yield that the trainings shared no GPU, unless they were given different ones."""
    ours, theirs = used_by(window, "foreground"), used_by(window, "background")
    parts = record["background"]["parts"] if record["background"] else ()
    given = {gpus_given(each) for each in (record["environment"], *parts)}
    if not ours or not theirs or len(given) > 1:
        return
    if {gpu["uuid"] for gpu in ours}.isdisjoint(gpu["uuid"] for gpu in theirs):
        both = f"the background was on {numbered(theirs)}, the foreground on {numbered(ours)}"
        yield f'{both}, and no "gpus" in the settings says so'


def given_in_vain(record: Record, window: Window) -> Iterator[str]:
    """Yield which GPUs a training was given where nobody can see any."""
    if window["gpus"] or (window["has_gpu"] and not nobody_looked(window)):
        return
    parts = record["background"]["parts"] if record["background"] else ()
    given = {"foreground": gpus_given(record["environment"])}
    given |= {part["name"]: gpus_given(part) for part in parts}
    for name, gpus in given.items():
        if gpus:
            why = window["gpus_reason"]
            yield f"the {name} was given GPU {', '.join(gpus)}, and no GPU can be seen: {why}"


def gpus_given(facts: Command) -> tuple[str, ...]:
    return tuple(words_of(facts["env"].get(VISIBLE, "")))
