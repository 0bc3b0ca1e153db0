"""Who was on a GPU in a window and no part of the experiment, from the monitor's strangers.csv."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.measure.windows.tallies import Tally, iso_utc

Facts = dict[str, Any]


def strangers(path: Path, gpu: str, tally: Tally) -> list[Facts]:
    """Return the processes that were no part of the experiment and used a GPU in the window.

    Processes are listed at rows: who is seen by the last row inside came within the window, who is
    gone by the first row inside left within it. Memory and use are the most of the whole visit.
    """
    from_s = tally.from_s if tally.first_inside_s is None else tally.first_inside_s
    to_s = tally.to_s if tally.last_inside_s is None else max(tally.to_s, tally.last_inside_s)
    return [
        visit.facts()
        for visit in visits(path, gpu)
        if visit.seen_s <= to_s and (visit.gone_s is None or visit.gone_s >= from_s)
    ]


def visits(path: Path, gpu: str) -> list[Visit]:
    """Return every stay of a stranger on a GPU; a line that a kill left torn is none."""
    found: list[Visit] = []
    present: dict[tuple[str, str], Visit] = {}
    for event in stranger_events(path):
        if event["gpu"] != gpu:
            continue
        who = (event["pid"], event["kind"])
        visit = present.get(who)
        if visit is None:
            visit = present[who] = Visit(event, float(event["boottime_s"]))
            found.append(visit)
        visit.last = event
        if event["event"] == "gone":
            visit.gone_s = float(event["boottime_s"])
            del present[who]
    return found


@dataclass
class Visit:
    """One stay of a stranger; both events hold the most of memory and use so far."""

    first: Mapping[str, str]
    seen_s: float
    gone_s: float | None = None
    last: Mapping[str, str] = field(default_factory=dict)

    def facts(self) -> Facts:
        last = self.last
        return {
            "pid": int(last["pid"]),
            "kind": last["kind"],
            "user": last["user"],
            "name": last["name"],
            "memory_mib": float(last["memory_mib"]) if last["memory_mib"] else None,
            "sm_percent": float(last["sm_percent"]) if last["sm_percent"] else None,
            "identified": last["name"] != "?",
            "seen": iso_utc(float(self.first["utc_s"])),
            "gone": None if self.gone_s is None else iso_utc(float(last["utc_s"])),
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
