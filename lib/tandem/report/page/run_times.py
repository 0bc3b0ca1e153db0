"""When a run was at work, by its journal, and how it ended."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tandem.base.moments import moment_of
from tandem.base.text import counted

_BEGINS = ("run_started", "resumed")
_LATER = "pruned"  # is written by no run
_SILENT = "still at work when this was made, or killed"
_KINDS: Mapping[str, str | None] = {
    **{"run_ended": None, "left_to_others": None, "stopped": "stopped before an experiment"},
    **dict.fromkeys(("interrupted", "GPU busy"), "stopped in the middle of an experiment"),
}


Part = list[datetime]  # when it began, and when the last that is told of it was


@dataclass
class RunTimes:
    """`parts` are when the run began or was resumed, and the last that its journal tells then.

    Where several workers drain it, parts in which some of them were at work; `of_workers` are then
    the parts of each. `end` says how it ended in words that follow its name; None: it ended by
    itself, all done.
    """

    parts: list[Part] = field(default_factory=list)
    hosts: dict[str, None] = field(default_factory=dict)
    end: str | None = "has no journal: when it ran, and whether to its end, is not known"
    of_workers: dict[str, list[Part]] = field(default_factory=dict)

    @property
    def seconds(self) -> float | None:
        """How long it was at work, without the time between its parts; None: not known."""
        return _seconds(self.parts)

    @property
    def worker_seconds(self) -> float | None:
        """How long all workers together were at work; None: not known, or there are none."""
        return _seconds([part for parts in self.of_workers.values() for part in parts])


def _seconds(parts: Sequence[Part]) -> float | None:
    spans = [(last - first).total_seconds() for first, last in parts]
    return sum(spans) if spans and min(spans) >= 0 else None


def times_of(events: Iterable[Mapping[str, Any]]) -> RunTimes:
    """Return it from the events of a run's journals, oldest first."""
    times = RunTimes()
    parts: dict[str | None, list[Part]] = {}
    last: dict[str | None, Mapping[str, Any]] = {}
    for event in events:
        moment = moment_of(event.get("utc"))
        if event["event"] == _LATER or moment is None:
            continue
        worker = str(event["worker"]) if event.get("worker") else None
        own = parts.setdefault(worker, [])
        if event["event"] in _BEGINS or not own:
            own.append([moment, moment])
            if host := event.get("host"):
                times.hosts[str(host)] = None
        own[-1][1] = moment
        last[worker] = event
    times.of_workers = {name: them for name, them in parts.items() if name}
    times.parts = _together(parts) if times.of_workers else parts.get(None, [])
    if last:
        times.end = _end_of_all(last) if times.of_workers else _end_of(last[None])
    return times


def _together(parts: Mapping[str | None, Sequence[Part]]) -> list[Part]:
    """Return the times in which somebody was at work."""
    found: list[Part] = []
    for first, last in sorted(part for own in parts.values() for part in own):
        if found and first <= found[-1][1]:
            found[-1][1] = max(found[-1][1], last)
        else:
            found.append([first, last])
    return found


def _end_of_all(last: Mapping[str | None, Mapping[str, Any]]) -> str | None:
    """Return how several workers ended, those that did not end by themselves."""
    ends = Counter(_KINDS.get(event["event"], _SILENT) for event in last.values())
    ends.pop(None, None)
    if not ends:
        return None
    said = ", ".join(f"{count} {what}" for what, count in ends.items())
    return f"had {counted(len(last), 'worker')}, of which not all ended by themselves: {said}"


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
