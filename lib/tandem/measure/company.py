"""Who else was on the GPUs of a window, and whether that disturbs what was measured."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

HIDDEN_MIB = 1024.0  # more than a driver without any process keeps for itself
GRAPHICS_SM_PERCENT = 10.0  # a desktop's windows use less, now and then

Facts = Mapping[str, Any]


def last_window(windows: Sequence[Facts], name: str, attempt: int | None = None) -> Facts | None:
    """Return the newest window of a name, or the one of an attempt; None if there is none."""
    found = (each for each in reversed(windows) if each["name"] == name)
    return next((each for each in found if attempt in (None, each["attempt"])), None)


def foreground_window(record: Facts) -> Facts | None:
    """Return the window of the last attempt at a record's foreground, None if it has none."""
    name = record["control"] or "foreground"
    return last_window(record["windows"], name, len(record["attempts"]))


def disturbances(window: Facts | None, limits: Facts) -> Iterator[str]:
    """Yield who used a GPU beyond the limits (a record's `validity`), and where nobody can say."""
    for gpu in window["gpus"] if window else ():
        for stranger in gpu["strangers"]:
            if disturbs(stranger, gpu, limits):
                yield f"GPU {gpu['index']} was used by {text(stranger)}"
        hidden_mib = gpu.get("hidden_memory_mib") or 0.0  # records of before do not have it
        if hidden_mib > max(HIDDEN_MIB, limits["max_strangers_memory_mib"]):
            yield f"GPU {gpu['index']}: {hidden_mib:.0f} MiB were held by nobody to be seen"
        if gpu["strangers_reason"]:
            yield f"who used GPU {gpu['index']} is not known: {gpu['strangers_reason']}"


def disturbs(stranger: Facts, gpu: Facts, limits: Facts) -> bool:
    """Tell whether a process that is not ours used a GPU beyond the limits.

    Who cannot be named may be ours where our own process ids do not map, and where it had ended
    before anybody could look (then its memory is not known). A desktop draws on every workstation:
    windows count by what they use, not by what they hold.
    """
    memory_mib, sm_percent = stranger["memory_mib"], stranger["sm_percent"]
    if not stranger["identified"] and (memory_mib is None or not gpu["processes_mapped"]):
        return False
    most_percent = limits["max_strangers_sm_percent"]
    if stranger["kind"] == "graphics":
        return bool((sm_percent or 0.0) > max(most_percent, GRAPHICS_SM_PERCENT))
    if memory_mib is None and sm_percent is None:
        return True
    is_large = (memory_mib or 0.0) > limits["max_strangers_memory_mib"]
    return bool(is_large or (sm_percent or 0.0) > most_percent)


def text(stranger: Facts) -> str:
    memory = "" if stranger["memory_mib"] is None else f", {stranger['memory_mib']:.0f} MiB"
    return f"process {stranger['pid']} ({stranger['name']}, user {stranger['user']}{memory})"
