"""Whether the backgrounds of a window were a load, so that anything can be said of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tandem.results.record import Record
from tandem.results.record_background import BackgroundPart, Round
from tandem.results.record_window import DoseInWindow, LoadPart, Window, used_by

LEAST_CORES = 0.01  # who uses less of a core, and no GPU, did next to nothing
SHORT_S = 1.0  # CPU time comes in steps of 0.01 s


def no_load(record: Record, window: Window | None, where: str = "") -> Iterator[str]:
    """Yield why backgrounds did no work in a window; `where` stands behind what is said of it."""
    background, load = record["background"], window and window["load"]
    if not background or not window or not load:
        return
    for part, loaded in zip(background["parts"], load["parts"], strict=True):
        if bad := counted(part) if not part["rounds_completed"] else "":
            yield f"no {part['name']} round succeeded ({bad})"
        elif bad := without_success(window, loaded, part["rounds"]):
            yield f"no {part['name']} round succeeded{where} ({bad})"
        if idle := idleness(part, loaded, window):
            yield f"the {part['name']} did next to nothing{where}: {idle}"


def without_success(window: Window, loaded: LoadPart, rounds: Sequence[Round]) -> str:
    """Return how many rounds failed or were hollow in a window; "" if one ended well in it.

    That one may have begun before it, so that it is no whole round of the window.
    """
    succeeded_s = (each["end_boottime_s"] for each in rounds if each["completed"])
    if any(ended_s and ended_s >= window["start_boottime_s"] for ended_s in succeeded_s):
        return ""
    return counted(loaded)


def counted(counts_of: LoadPart | BackgroundPart) -> str:
    """Return how many rounds did not do their work: "2 failed, 1 hollow"; "" for none."""
    counts = {"failed": counts_of["rounds_failed"], "hollow": counts_of["rounds_hollow"]}
    return ", ".join(f"{count} {how}" for how, count in counts.items() if count)


def idleness(part: BackgroundPart, loaded: LoadPart, window: Window) -> str:
    """Say how little a background did in a window; "" if it worked, or nobody can tell.

    What all backgrounds with their keepers used, and what its own rounds used outside the window
    too, are both at least what it used itself.
    """
    most_s = [window["cpu"]["background_cpu_seconds"], loaded["cpu_seconds"]]
    cpu_s = min((each for each in most_s if each is not None), default=None)
    duration_s, coverage = window["duration_seconds"], loaded["coverage"]
    if cpu_s is None or coverage is None or duration_s < SHORT_S:
        return ""
    if cpu_s >= LEAST_CORES * duration_s * coverage * share_of(loaded["dose"]):
        return ""
    if uses_gpu(part, window) is not False:
        return ""
    no_gpu = " and no use of a GPU" if window["has_gpu"] else ""
    return f"at most {100 * cpu_s / duration_s:.2f} % of a core{no_gpu}"


def share_of(dose: DoseInWindow | None) -> float:
    """Return the share of its work, 0 to 1, that a dose leaves to a background."""
    if dose is None:
        return 1.0
    asked = dose["target"] / 100 if dose["mode"] == "target" else dose["target"]
    return asked if dose["duty_mean"] is None else min(asked, dose["duty_mean"])


def uses_gpu(part: BackgroundPart, window: Window) -> bool | None:
    """Whether a background used a GPU in a window; None: that cannot be seen."""
    if used_by(window, "background") == []:
        return False
    if not window["gpus"]:
        return False if window["has_gpu"] is False else None
    uses = [gpu["background"] and gpu["background"]["sm_avg_percent"] for gpu in window["gpus"]]
    if None not in uses and not any(uses):
        return False
    if not window["load"] or len(window["load"]["parts"]) == 1:
        return True if any(uses) else None
    seen, begin_s = part["gpu_memory"], window["start_boottime_s"]
    if seen["sm_max_percent"] is None:
        return None
    return seen["sm_max_percent"] > 0 and (seen["used_boottime_s"] or 0.0) >= begin_s
