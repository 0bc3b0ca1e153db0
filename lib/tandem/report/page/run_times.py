"""When a run was at work, by its journal, and how it ended."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tandem.base.moments import moment_of

_BEGINS = ("run_started", "resumed")
_LATER = "pruned"  # is written by no run


@dataclass
class RunTimes:
    """`parts` are when the run began or was resumed, and the last that its journal tells then.

    `end` says how it ended in words that follow its name; None: it ended by itself, all done.
    """

    parts: list[list[datetime]] = field(default_factory=list)
    hosts: dict[str, None] = field(default_factory=dict)
    end: str | None = "has no journal: when it ran, and whether to its end, is not known"

    @property
    def seconds(self) -> float | None:
        """How long it was at work, without the time between its parts; None: not known."""
        spans = [(last - first).total_seconds() for first, last in self.parts]
        return sum(spans) if spans and min(spans) >= 0 else None


def times_of(events: Iterable[Mapping[str, Any]]) -> RunTimes:
    """Return it from the events of a journal, oldest first."""
    times, last = RunTimes(), None
    for event in events:
        moment = moment_of(event.get("utc"))
        if event["event"] == _LATER or moment is None:
            continue
        if event["event"] in _BEGINS or not times.parts:
            times.parts.append([moment, moment])
            if host := event.get("host"):
                times.hosts[str(host)] = None
        times.parts[-1][1] = moment
        last = event
    if last:
        times.end = _end_of(last)
    return times


def _end_of(last: Mapping[str, Any]) -> str | None:
    kind, name = last["event"], last.get("experiment")
    if kind == "run_ended":
        return None
    if kind == "stopped":
        why = last.get("why") or "its time was over (--until)"
        return f"stopped before {name}: {why}"
    if kind in ("interrupted", "GPU busy"):
        return f"was stopped in the middle of {name}: {last.get('reason') or kind}"
    what = f" after {name}" if kind == "ended" else f" at {name}" if name else ""
    return f"did not end by itself{what}: it was still at work when this was made, or was killed"


def utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def span_text(first: datetime, last: datetime) -> str:
    """Return from when to when; the date once where it is the same."""
    end = f"{last:%H:%M} UTC" if first.date() == last.date() else utc(last)
    return f"{first:%Y-%m-%d %H:%M} to {end}"


def duration(seconds: float) -> str:
    """Return a length of time with its largest two units: `3 min 29 s`, `2 d 4 h`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    days, hours = divmod(whole // 3600, 24)
    minutes, rest = whole % 3600 // 60, whole % 60
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    first = next(at for at, (count, _) in enumerate(parts) if count)
    return " ".join(f"{count} {unit}" for count, unit in parts[first : first + 2] if count)
