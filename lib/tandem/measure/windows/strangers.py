"""Strangers: who was on a GPU in a window and no part of the experiment, and whom that disturbs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.base.clock import Moment
from tandem.measure.windows.tallies import Tally
from tandem.nvml.devices import HIDDEN_MIB

Facts = dict[str, Any]
View = Mapping[str, Any]


def strangers(path: Path, gpu: str, tally: Tally, clock: Moment) -> list[Facts]:
    """Return the processes that were no part of the experiment and used a GPU in the window.

    Processes are listed at rows: who is seen by the last row inside came within the window, who is
    gone by the first row inside left within it. Memory and use are the most of the whole stay.
    `clock` turns stamps into UTC.
    """
    from_s = tally.from_s if tally.first_inside_s is None else tally.first_inside_s
    to_s = tally.to_s if tally.last_inside_s is None else max(tally.to_s, tally.last_inside_s)
    return [
        stay.facts(clock)
        for stay in stays(path, gpu)
        if stay.seen_s <= to_s and (stay.gone_s is None or stay.gone_s >= from_s)
    ]


def stays(path: Path, gpu: str) -> list[Stay]:
    """Return every stay of a stranger on a GPU; a line that a kill left torn is none."""
    found: list[Stay] = []
    present: dict[tuple[str, str], Stay] = {}
    for event in stranger_events(path):
        if event["gpu"] != gpu:
            continue
        who = (event["pid"], event["kind"])
        stay = present.get(who)
        if stay is None:
            stay = present[who] = Stay(float(event["boottime_s"]))
            found.append(stay)
        stay.last = event
        if event["event"] == "gone":
            stay.gone_s = float(event["boottime_s"])
            del present[who]
    return found


@dataclass
class Stay:
    """One stay of a stranger; both events hold the most of memory and use so far."""

    seen_s: float
    gone_s: float | None = None
    last: Mapping[str, str] = field(default_factory=dict)

    def facts(self, clock: Moment) -> Facts:
        last = self.last
        return {
            "pid": int(last["pid"]),
            "kind": last["kind"],
            "user": last["user"],
            "name": last["name"],
            "memory_mib": float(last["memory_mib"]) if last["memory_mib"] else None,
            "sm_percent": float(last["sm_percent"]) if last["sm_percent"] else None,
            "identified": last["name"] != "?",
            "seen": clock.iso_at(self.seen_s),
            "gone": None if self.gone_s is None else clock.iso_at(self.gone_s),
        }


def stranger_events(path: Path) -> list[dict[str, str]]:
    """Return the lines of strangers.csv by column, in their order; [] without a file."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return []
    whole = text[: text.rfind("\n") + 1]
    reader = csv.DictReader(io.StringIO(whole, newline=""))
    return [event for event in reader if None not in event and None not in event.values()]


GRAPHICS_SM_PERCENT = 10.0  # a desktop's windows use less, now and then


def disturbances(window: View | None, limits: View) -> Iterator[str]:
    """Yield who used a GPU beyond the limits (a record's `validity`), and where it is unknown."""
    yield from strangers_there(window, limits)
    yield from nobody_knows(window)


def strangers_there(window: View | None, limits: View) -> Iterator[str]:
    """Yield who used a GPU beyond the limits."""
    for gpu in window["gpus"] if window else ():
        for stranger in gpu["strangers"]:
            if disturbs(stranger, gpu, limits):
                yield f"GPU {gpu['index']} was used by {text(stranger)}"
        hidden_mib = gpu["hidden_memory_mib"] or 0.0
        if hidden_mib > max(HIDDEN_MIB, limits["max_strangers_memory_mib"]):
            yield f"GPU {gpu['index']}: {hidden_mib:.0f} MiB were held by no visible process"


def nobody_knows(window: View | None) -> Iterator[str]:
    """Yield of which GPUs it is not known who used them."""
    for gpu in window["gpus"] if window else ():
        if gpu["strangers_reason"]:
            yield f"who used GPU {gpu['index']} is not known: {gpu['strangers_reason']}"


def disturbs(stranger: View, gpu: View, limits: View) -> bool:
    """Whether a process that is not ours used a GPU beyond the limits.

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


def text(stranger: View) -> str:
    memory = "" if stranger["memory_mib"] is None else f", {stranger['memory_mib']:.0f} MiB"
    return f"process {stranger['pid']} ({stranger['name']}, user {stranger['user']}{memory})"
