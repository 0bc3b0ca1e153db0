"""Whether nobody else was there, before, beside and after, and the machine was awake."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.base.text import as_set, share
from tandem.experiment.validity.reason import Reason, lasting, passing
from tandem.measure.windows.strangers import nobody_knows, strangers_there
from tandem.results.record import Record, foreground_window

MEMORY_BACK_MIB = 100.0  # what a driver may hold more after a training than before it


def reasons(record: Record) -> Iterator[Reason]:
    window = foreground_window(record)
    yield from passing("strangers", strangers_there(window, record["validity"]))
    yield from lasting("unknown strangers", nobody_knows(window))
    yield from passing("sampling", _sampling_reasons(record))
    busy = record["census"]["before"]["busy"]
    yield from passing("busy", (f"busy at the start: {why}" for why in busy))
    yield from passing("memory", _memory_reasons(record))
    yield from passing("locks", record["locks_removed"])
    yield from passing("suspended", _sleep_reasons(record))


def warnings(record: Record) -> Iterator[str]:
    if record["idle_context_reason"]:
        yield f"no idle_context window: {record['idle_context_reason']}"
    for attempt in record["attempts"][:-1]:
        if suspended_s := attempt["suspended_seconds"]:
            yield f"{_suspended(suspended_s)} in attempt {attempt['number']}, which does not count"


def _sleep_reasons(record: Record) -> Iterator[str]:
    """Why the machine was not awake all the time that something was measured."""
    if record["attempts"] and (suspended_s := record["attempts"][-1]["suspended_seconds"]):
        yield f"{_suspended(suspended_s)} beside the foreground"
    for window in record["windows"]:
        if window["attempt"] is None and (suspended_s := window["suspended_seconds"]):
            yield f"{_suspended(suspended_s)} in the {window['name']} window"


def _suspended(seconds: float) -> str:
    return f"the machine was suspended for {seconds:.{0 if seconds >= 10 else 2}f} s"


def _sampling_reasons(record: Record) -> Iterator[str]:
    window, least = foreground_window(record), record["validity"]["min_sampling_coverage"]
    for gpu in window["gpus"] if window else []:
        coverage = gpu["sampling_coverage"]  # None: no power at all, which energy_reason explains
        if coverage is not None and coverage < least:
            below = f"{share(coverage)} is below {as_set(least)}"
            yield f"GPU {gpu['index']}: sampling coverage {below}"


def _memory_reasons(record: Record) -> Iterator[str]:
    before, after = record["census"]["before"], record["census"]["after"]
    used_mib = {gpu["uuid"]: gpu["memory_used_mib"] for gpu in before["gpus"] or []}
    for gpu in after["gpus"] or []:
        before_mib, after_mib = used_mib.get(gpu["uuid"]), gpu["memory_used_mib"]
        if before_mib is not None and after_mib is not None:
            more_mib = after_mib - before_mib
            if more_mib > MEMORY_BACK_MIB:
                yield f"GPU {gpu['index']} has {more_mib:.0f} MiB more in use than before"
