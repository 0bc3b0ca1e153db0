"""A run at a glance, from its files alone: what it does, what has ended, what is left.

Where there is no state.json (an earlier version, or it is damaged), journal and records tell it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from tandem.base.moments import moment_of
from tandem.plan.tries import still_to_run
from tandem.results.journal import is_active
from tandem.results.reading import RunReading
from tandem.results.record_file import NAME as RECORD
from tandem.results.state import Counts, State, counts_of, liveness, read_state

Standing = Literal["running", "ended", "stopped", "failed", "not running", "not known"]
NEXT = 3  # so many of those to come are named


@dataclass(frozen=True)
class Ended:
    """An experiment that has ended: when (UTC), how long it took, and why it is not valid.

    `why_not_counted` is "warm-up", or says that its group has run again.
    """

    id: str
    valid: bool
    ended: str | None
    duration_s: float | None
    why: str | None
    why_not_counted: str | None = None


@dataclass(frozen=True)
class Glance:
    """A run; None for what is not known.

    `why` says why it was stopped or has failed, `host` where it runs or ran, `age_s` how old its
    state is. `ended` are the newest of those that have ended, newest first, `next` the first of
    those to come. `plan_problem` says why there is no plan, without which nothing can go on.
    """

    run: Path
    standing: Standing
    why: str | None
    host: str | None
    age_s: float | None
    state: State | None
    counts: Counts | None
    ended: tuple[Ended, ...]
    ended_count: int
    next: tuple[str, ...]
    plan_problem: str | None = None


class Watched:
    """A run that is looked at again and again: what has not changed is not read again."""

    def __init__(self, run: Path, most: int) -> None:
        """Take its folder, and how many that have ended are told of."""
        self.run, self.most = run, most
        self.known: tuple[Any, _Past] | None = None

    def look(self) -> Glance:
        stamps = tuple(map(_stamp, (self.run / "plan.json", self.run / "journal.jsonl")))
        if self.known is None or self.known[0] != stamps:
            self.known = stamps, _past(self.run, self.most)
        past, state = self.known[1], read_state(self.run)
        age_s = _age_s(state)
        counts = past.counts or (state.counts if state else None)
        standing, why = _standing(past, state, age_s, counts)
        host = state.owner.host if state else past.host
        of_past = past.ended, past.ended_count, past.next, past.plan_problem
        return Glance(self.run, standing, why, host, age_s, state, counts, *of_past)


@dataclass(frozen=True)
class _Past:
    """What plan, journal and records tell."""

    run: Path
    host: str | None
    counts: Counts | None
    ended: tuple[Ended, ...]
    ended_count: int
    next: tuple[str, ...]
    plan_problem: str | None


def _past(run: Path, most: int) -> _Past:
    reading = RunReading(run)
    events = {str(each["experiment"]): each for each in _ended_events(reading)}
    for name in reading.ids:
        if name not in events and (run / name / RECORD).exists():
            standing = reading.experiment(name).standing
            if standing in {"valid", "not valid"}:
                events[name] = {"experiment": name, "valid": standing == "valid"}
    valid = {
        name: event["valid"] is True
        for name, event in events.items()
        if (run / name / RECORD).is_file()  # else it will run again
    }
    counts, to_come = None, tuple[str, ...]()
    if plan := reading.plan:
        counts = counts_of(plan, valid)
        to_come = tuple(each.id for each in islice(still_to_run(plan, valid), NEXT))
    newest = tuple(_ended(reading, events[name]) for name in islice(reversed(events), most))
    hosts = [each["host"] for each in reading.events if isinstance(each.get("host"), str)]
    host = hosts[-1] if hosts else None
    return _Past(run, host, counts, newest, len(events), to_come, reading.plan_problem)


def _ended_events(reading: RunReading) -> Iterator[dict[str, Any]]:
    """Yield the newest event of each experiment that has ended, oldest first."""
    found: dict[str, dict[str, Any]] = {}
    for event in reading.events:
        name = event.get("experiment")
        if event["event"] in {"started", "ended"} and isinstance(name, str):
            found.pop(name, None)
            if event["event"] == "ended":
                found[name] = event
    for name, event in found.items():
        if not isinstance(event.get("valid"), bool):  # by an earlier version
            event["valid"] = reading.experiment(name).standing == "valid"
        yield event


def _ended(reading: RunReading, event: dict[str, Any]) -> Ended:
    each = reading.experiment(str(event["experiment"]))
    why = None
    if each.record is None:
        why = "its record is missing or damaged"
    elif not event["valid"]:
        why = next(iter(each.why_not), None)
    utc = event["utc"] if isinstance(event.get("utc"), str) else None
    seconds = event.get("duration_s")
    duration_s = seconds if isinstance(seconds, (int, float)) else None
    is_valid = event["valid"] and not why
    return Ended(each.id, is_valid, utc, duration_s, why, each.why_not_counted)


def _standing(
    past: _Past, state: State | None, age_s: float | None, counts: Counts | None
) -> tuple[Standing, str | None]:
    is_whole = counts is not None and counts.missing == 0
    if state and state.status != "running":
        return state.status, state.why
    if state:
        alive = liveness(state, age_s or 0.0)
        if alive == "running":
            return "running", None
    elif past.host not in {None, os.uname().nodename}:
        alive = "unknown"
    else:
        alive = "running" if is_active(past.run) else "not running"
    if is_whole and alive != "running":
        return "ended", None
    named: dict[str, Standing] = {"running": "running", "unknown": "not known"}
    return named.get(alive, "not running"), None


def _age_s(state: State | None) -> float | None:
    written = moment_of(state.written) if state else None
    now = datetime.now(timezone.utc)
    return None if written is None else max(0.0, (now - written).total_seconds())


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
