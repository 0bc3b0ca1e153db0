"""A run at a glance, from its files alone: what it does, what has ended, what is left.

Where there is no state.json (an earlier version, or it is damaged), journal and records tell it.
Where several workers drain a run, each has a state of its own.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from tandem.plan.model import Experiment
from tandem.plan.tries import copied_by, still_to_run
from tandem.results.alive import Standing, age_s_of, standing_of
from tandem.results.forecast import Forecast
from tandem.results.journal import NAME as JOURNAL
from tandem.results.journal import ended_by
from tandem.results.reading import RunReading
from tandem.results.shared.jobs import Queue
from tandem.results.shared.left_to_others import left_to_others
from tandem.results.shared.workers import is_shared, workers_of
from tandem.results.shared.workers_at_work import Worker, workers_in
from tandem.results.state import Counts, State, counts_of, read_state

NEXT = 3  # so many of those to come are named
_SHARE = 0.1  # of the time, at most, in which a large run is read again


@dataclass(frozen=True)
class Ended:
    """An experiment that has ended: when (UTC), how long it took, and why it is not valid.

    `why_not_counted` is "warm-up", or says that its group has run again. `worker` ran it, where
    several drain the run.
    """

    id: str
    valid: bool
    ended: str | None
    duration_s: float | None
    why: str | None
    why_not_counted: str | None = None
    worker: str | None = None


@dataclass(frozen=True)
class Glance:
    """A run; None for what is not known.

    `why` says why it was stopped or has failed, `host` where it runs or ran, `age_s` how old its
    state is. `ended` are the newest of those that have ended, newest first, `next` the first of
    those to come. `plan_problem` says why there is no plan, without which nothing can go on.
    `workers` are those that drain the run; () where one process works on it alone. Then `state` has
    what that does; else `run_left_s` is how long all will take with the workers that are at work.
    `jobs` are those that were submitted, with what Slurm says of them. `left_to_others` has the
    groups, by host, that failed there twice and that no other host has begun since.
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
    workers: tuple[Worker, ...] = ()
    run_left_s: float | None = None
    jobs: Queue | None = None
    left_to_others: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def with_jobs(self, jobs: Queue | None) -> Glance:
        """Return the same with what Slurm says; a run waits while it has a worker for later."""
        is_idle = self.standing == "not running" and jobs and (jobs.pending or jobs.running)
        return replace(self, jobs=jobs, standing="waiting" if is_idle else self.standing)

    @property
    def is_on(self) -> bool:
        """Whether there may be something new to see."""
        if self.standing == "not known" and self.jobs and not self.jobs.reason:
            return bool(self.jobs.pending or self.jobs.running)
        return self.standing in {"running", "waiting", "not known"}


class Watched:
    """A run that is looked at again and again: what has not changed is not read again."""

    def __init__(self, run: Path, most: int) -> None:
        """Take its folder, and how many that have ended are told of."""
        self.run, self.most = run, most
        self.known: _Past | None = None
        self.stamps: list[Any] = []
        self.read_s, self.took_s = float("-inf"), 0.0

    def look(self) -> Glance:
        workers = tuple(workers_in(self.run))
        past = self.past(is_on=any(each.is_at_work for each in workers))
        if workers:
            return _of_workers(past, workers)
        state = read_state(self.run)
        age_s = age_s_of(state)
        host = state.owner.host if state else past.host
        standing, why = standing_of(self.run, state, age_s, host)
        counts = past.counts or (state.counts if state else None)
        if counts and counts.missing == 0 and standing in {"not running", "not known"}:
            standing = "ended"
        of_past = past.ended, past.ended_count, past.next_but(()), past.plan_problem
        return Glance(self.run, standing, why, host, age_s, state, counts, *of_past)

    def past(self, *, is_on: bool) -> _Past:
        """Return what plan, journals and records tell; they are read again if they have changed.

        Of a large run some journal always has while it `is_on`: then it is not read all the time.
        """
        is_soon = time.monotonic() - self.read_s < self.took_s * (1 / _SHARE - 1)
        if self.known and is_on and is_soon:
            return self.known
        stamps = _stamps(self.run)
        if self.known is None or self.stamps != stamps:
            begin_s = time.monotonic()
            self.stamps, self.known = stamps, _past(self.run, self.most)
            self.read_s = time.monotonic()
            self.took_s = self.read_s - begin_s
        return self.known


def _of_workers(past: _Past, workers: tuple[Worker, ...]) -> Glance:
    """Return a run that several workers drain."""
    standing: Standing = "not running"
    if any(each.is_at_work for each in workers):
        standing = "running"
    elif past.counts and not past.counts.missing:
        standing = "ended"
    elif any(each.is_stale for each in workers):
        standing = "not known"
    ages_s = [each.age_s for each in workers if each.age_s is not None]
    at_work = [each for each in workers if each.is_at_work]
    hosts = list(dict.fromkeys(str(each.host) for each in at_work))
    return Glance(
        past.run,
        standing,
        None,
        hosts[0] if len(hosts) == 1 else None,
        min(ages_s, default=None),
        None,
        past.counts,
        past.ended,
        past.ended_count,
        past.next_but([each.experiment for each in workers if each.experiment]),
        past.plan_problem,
        workers,
        past.left_s(at_work),
        left_to_others=past.left_to_others,
    )


@dataclass(frozen=True)
class _Past:
    """What plan, journal and records tell."""

    run: Path
    host: str | None
    counts: Counts | None
    ended: tuple[Ended, ...]
    ended_count: int
    by_id: Mapping[str, Experiment]
    missing: Sequence[Experiment]
    forecast: Forecast
    left_to_others: Mapping[str, tuple[str, ...]]
    plan_problem: str | None

    def next_but(self, running: Sequence[str]) -> tuple[str, ...]:
        """Return the first of those to come, but none of the groups that workers are at."""
        known = (copied_by(name) or name for name in running)
        taken = {self.by_id[name].group for name in known if name in self.by_id}
        free = (each.id for each in self.missing if each.group not in taken)
        return tuple(islice(free, NEXT))

    def left_s(self, at_work: Sequence[Worker]) -> float | None:
        """Return how long all will take with these workers; None: not known, or nobody is."""
        rest_s = self.forecast.rest_s()
        if not at_work or rest_s is None:
            return None
        lefts_s, missing = [0.0], {each.id: each for each in self.missing}
        for each in at_work:
            if (name := each.experiment) in missing:
                expected_s = self.forecast.of(missing[name]) or 0.0
                lefts_s.append(expected_s if each.training_left_s is None else each.training_left_s)
                rest_s += lefts_s[-1] - expected_s
        return max(rest_s / len(at_work), *lefts_s)


def _past(run: Path, most: int) -> _Past:
    reading = RunReading(run)
    events = {str(each["experiment"]): each for each in _ended_events(reading)}
    for name in reading.ids:
        if name not in events and name in reading.recorded:
            standing = reading.experiment(name).standing
            if standing in {"valid", "not valid"}:
                events[name] = {"experiment": name, "valid": standing == "valid"}
    valid = {
        name: event["valid"] is True
        for name, event in events.items()
        if name in reading.recorded  # else it will run again
    }
    counts, by_id, missing = None, dict[str, Experiment](), list[Experiment]()
    if plan := reading.plan:
        by_id = {**plan.by_id}
        counts, missing = counts_of(plan, valid), still_to_run(plan, valid)
    newest = tuple(_ended(reading, events[name]) for name in islice(reversed(events), most))
    hosts = [each["host"] for each in reading.events if isinstance(each.get("host"), str)]
    host = hosts[-1] if hosts else None
    forecast = _forecast(reading, missing) if is_shared(run) else Forecast(())
    left = left_to_others(reading.events, by_id)
    told = newest, len(events), by_id, missing, forecast, left, reading.plan_problem
    return _Past(run, host, counts, *told)


def _forecast(reading: RunReading, missing: Sequence[Experiment]) -> Forecast:
    forecast, by_id = Forecast(missing), reading.plan.by_id if reading.plan else {}
    for name, duration_s in ended_by(reading.events).items():
        if duration_s is not None and name in by_id and not by_id[name].is_warm_up:
            forecast.note(by_id[name], duration_s)
    return forecast


def _ended_events(reading: RunReading) -> Iterator[dict[str, Any]]:
    """Yield the newest event of each experiment that has ended, oldest first."""
    found: dict[str, dict[str, Any]] = {}
    for event in reading.events:
        name = event.get("experiment")
        if event["event"] in {"started", "ended"} and isinstance(name, str):
            if event["event"] == "ended" or "worker" not in event:  # see journal.ended_by
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
    worker = event["worker"] if isinstance(event.get("worker"), str) else None
    return Ended(each.id, is_valid, utc, duration_s, why, each.why_not_counted, worker)


def _stamps(run: Path) -> list[Any]:
    """Return what changes with the plan, a journal, or what stands in a run that workers drain."""
    files = [run / "plan.json", run / JOURNAL]
    files += [folder / JOURNAL for folder in workers_of(run)]
    return [*map(_stamp, files), _stamp(run) if is_shared(run) else None]


def _stamp(file: Path) -> tuple[int, int] | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size
