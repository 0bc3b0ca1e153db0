"""Whether a record can be reckoned with, and whether two are of the same work."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tandem.base.text import quote
from tandem.interference.load import no_load
from tandem.measure.windows.places import absence
from tandem.measure.windows.strangers import disturbances
from tandem.results.record import Record, foreground_window
from tandem.results.record_window import Window, used_by


def invalidity(record: Record) -> str | None:
    """Return why a record does not count, be it for its training or the measuring of it."""
    return None if record["valid"] else f"not valid: {record['invalid_reasons'][0]}"


def failure(record: Record) -> str | None:
    """Return why a foreground did not do its work (success is exit code 0); None if it did."""
    if record["training_success"]:
        return None
    return f"the training did not succeed: {record['error_message'] or record['status']}"


def disturbance(record: Record, window: Window | None) -> str | None:
    """Return who else computed on a GPU in a window, beyond what is allowed, or that it slept."""
    if window and window["suspended_seconds"]:
        return f"the machine was suspended for {window['suspended_seconds']:.3g} s"
    return next(disturbances(window, record["validity"]), None)


def weak_load(parallel: Record, window: Window | None) -> str | None:
    """Return why the background was not the load that it was meant to be; None if it was."""
    load, background = window and window["load"], parallel["background"]
    if background and background["problems"]:
        return str(background["problems"][0])
    if problem := next(no_load(parallel, window), None):
        return problem
    if not load or load["coverage"] is None:
        return "the background's coverage is not known"
    if load["coverage"] < parallel["validity"]["min_coverage"]:
        return f"the background was running for {load['coverage']:.1%} of it only"
    return None


def other_work(parallel: Record, solo: Record) -> str | None:
    """Return in what a control's work differs from its parallel twin's; None if in nothing.

    That both reached exit code 0 is the business of failure() and invalidity().
    """
    theirs, ours = work_of(solo), work_of(parallel)
    for what, value in ours.items():
        if theirs[what] != value:
            return f"different {what}: {shown(theirs[what])} instead of {shown(value)}"
    if problem := other_device(parallel, solo):
        return problem
    their_gpus, our_gpus = gpus_of(solo), gpus_of(parallel)
    if their_gpus and our_gpus:
        is_same = their_gpus == our_gpus
        words = f"different GPUs: {', '.join(their_gpus)} instead of {', '.join(our_gpus)}"
        return None if is_same else words
    their_host, our_host = (each["environment"]["hostname"] for each in (solo, parallel))
    return None if their_host == our_host else f"different host: {their_host} instead of {our_host}"


def other_device(parallel: Record, solo: Record) -> str | None:
    """Return that one of two twins used a GPU and the other did not; None if that is not known."""
    theirs, ours = used_gpu(foreground_window(solo)), used_gpu(foreground_window(parallel))
    if theirs is None or ours is None or theirs == ours:
        return None
    names = {True: "a GPU", False: "no GPU"}
    return f"different device: {names[theirs]} instead of {names[ours]}"


def used_gpu(window: Window | None) -> bool | None:
    """Whether the foreground of a window used a GPU; None: not known."""
    used = used_by(window, "foreground")
    if used is None:
        return False if absence(window, "foreground") else None
    return bool(used)


def unknown_work(parallel: Record, solo: Record | None) -> list[str]:
    """Return what of their work is not known of either, so that it cannot be compared."""
    if solo is None:
        return []
    theirs, ours = work_of(solo), work_of(parallel)
    unknown = [what for what in ours if ours[what] is None and theirs[what] is None]
    return [f"{what} not known of either: taken as the same" for what in unknown]


def parted(parallel: Record, solo: Record | None) -> list[str]:
    """Return that two processes ran a parallel record and its control, with time between them."""
    if solo is None:
        return []
    if parallel.get("worker") != solo.get("worker"):
        return ["two workers ran this experiment and its control, with time between them"]
    if starts_before(parallel) != starts_before(solo):
        return ["the run was stopped and resumed between this experiment and its control"]
    return []


def starts_before(record: Record) -> int:
    """Return how many experiments of its run, or worker, earlier processes had started."""
    return record["position"]["number"] - record["position"]["number_since_resume"]


def work_of(record: Record) -> dict[str, str | int | None]:
    environment = record["environment"]
    return {
        "training": f"{record['repository']}/{record['model']}",
        "hyperparameters": flags(record["hyperparameters"]),
        "command": " ".join(environment["command"]),
        "number of epochs": record["epochs_done"],
        "device": environment["device"],
    }


def gpus_of(record: Record) -> list[str]:
    window = foreground_window(record)
    return [gpu["uuid"] for gpu in window["gpus"]] if window else []


def flags(hyperparameters: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in sorted(hyperparameters.items()))


def shown(value: str | int | None) -> str:
    if value is None:
        return "unknown"
    return quote(value) if isinstance(value, str) else str(value)
