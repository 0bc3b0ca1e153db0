"""Old logs and samples: what --keep lets go of. Records, tables, plans and journals always stay."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from tandem.base.errors import LockedError, NotReadyError, UsageError
from tandem.plan import file as planfile
from tandem.results import journal
from tandem.results.journal import Journal

DAY_S = 86400

_EXPERIMENTS = (("*",), ("cut_off", "*"))
_WHERE = {  # below an experiment's folder
    "logs": (
        *(("attempts", "*", "*.log"), ("background_logs", "*.log")),
        *(("background_logs_[0-9]*", "*.log"), ("background_logs*", "tried_*", "*.log")),
    ),
    "samples": (
        *(("energy", name) for name in ("gpu_*.csv", "cpu.csv", "strangers.csv")),
        *((folder, "dose.csv") for folder in ("dose", "dose_[0-9]*")),
    ),
}
_TABLE = b"experiment_id,"
_RULE = re.compile(r"(logs|samples)=([0-9]{1,6})(d?)")
_TO_LOOK = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_TO_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True)
class Rule:
    """Who keeps its logs, or its samples: the runs that ended in the last `days`, or the `newest`.

    `what` is "logs" or "samples"; the one of the other two that does not count is None.
    """

    what: str
    days: int | None
    newest: int | None

    def lets_go(self, age_s: float, newer: int) -> bool:
        """Whether a run that ended `age_s` ago, before `newer` others, need not keep them."""
        if self.days is not None:
            return age_s > self.days * DAY_S
        return self.newest is not None and newer >= self.newest


@dataclass
class Tally:
    """What went from a run."""

    files: int = 0
    size_bytes: int = 0


def rule_of(text: str) -> Rule:
    """Return the rule that a person wrote; UsageError: it is none."""
    match = _RULE.fullmatch(text)
    if match is None:
        raise UsageError(
            f'--keep "{text}": not a rule (write logs=30d for the logs of runs that ended in the'
            " last 30 days, samples=10 for the samples of the newest 10 runs)"
        )
    what, number = match[1], int(match[2])
    return Rule(what, number, None) if match[3] else Rule(what, None, number)


def check_rules(rules: Sequence[Rule]) -> None:
    """Raise UsageError if there are two rules for one thing."""
    for rule in rules:
        if [each.what for each in rules].count(rule.what) > 1:
            raise UsageError(f"--keep: two rules for {rule.what} (give one)")


def prune(results: Path, rules: Sequence[Rule], dry_run: bool, say: Callable[[str], None]) -> None:
    """Remove what no rule keeps from the runs in `results`; a line for each run that has any.

    A run that is at work, or that can still be gone on with, keeps everything. With `dry_run`
    nothing changes. UsageError: no such folder, or two rules for one thing. NotReadyError, after
    all that could be done: something could not be removed.
    """
    check_rules(rules)
    problems = []
    now_s = time.time()
    for newer, (ended_s, folder) in enumerate(_runs(results)):
        due = [rule.what for rule in rules if rule.lets_go(now_s - ended_s, newer)]
        try:
            if due:
                _prune_run(folder, due, dry_run, say)
        except OSError as error:
            problems.append(f"{folder}: {error.filename or 'its journal'}: {error.strerror}")
    if problems:
        problems.append("the rest was pruned (that needs whoever the files belong to, or root)")
        raise NotReadyError("\n".join(problems))


def _runs(results: Path) -> list[tuple[float, Path]]:
    """The runs, newest first, by when they ended (seconds since 1970)."""
    try:
        folders = [Path(each) for each in os.scandir(results) if each.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise UsageError(f"{results}: {error.strerror} (name the folder of the runs)") from None
    runs = [
        (_ended_s(folder), folder)
        for folder in folders
        if folder.name.startswith("run_") and (_has_plan(folder) or _has_table(folder))
    ]
    return sorted(runs, reverse=True)


def _has_plan(folder: Path) -> bool:
    return os.path.lexists(folder / planfile.NAME)


def _has_table(folder: Path) -> bool:
    try:
        with open(os.open(folder / "summary.csv", _TO_READ), "rb") as stream:
            return stream.read(len(_TABLE)) == _TABLE
    except OSError:
        return False


def _ended_s(folder: Path) -> float:
    """When something was last run in a run."""
    for event in reversed(_events(folder)):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            if event["event"] != "pruned":
                return datetime.fromisoformat(event["utc"]).timestamp()
    return max(
        os.lstat(folder / name).st_mtime
        for name in ("summary.csv", planfile.NAME)
        if os.path.lexists(folder / name)
    )


def _events(folder: Path) -> list[dict[str, Any]]:
    """The journal as it is, unlocked; [] without one."""
    try:
        with open(os.open(folder / journal.NAME, _TO_READ), "rb") as stream:
            return list(journal.events_in(stream.read()))
    except OSError:
        return []


def _why_whole(folder: Path) -> str | None:
    """Why a run must keep everything, None if it need not."""
    if not _has_plan(folder):  # an earlier version's run is complete if it has no journal
        has_journal = os.path.lexists(folder / journal.NAME)
        return f"its {planfile.NAME} is gone" if has_journal else None
    try:
        with open(os.open(folder / planfile.NAME, _TO_READ), "rb") as stream:
            planned = {each["id"] for each in json.load(stream)["experiments"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return f"its {planfile.NAME} cannot be read"
    events = _events(folder)
    ended = {str(event.get("experiment")) for event in events if event.get("event") == "ended"}
    missing = len(planned - ended)
    return f"{missing} of {len(planned)} experiments have not ended" if missing else None


def _prune_run(folder: Path, due: Sequence[str], dry_run: bool, say: Callable[[str], None]) -> None:
    """Remove what is due from one run, unless it must keep it; OSError: something stays."""
    if why := _why_whole(folder):
        say(f"{folder}: kept whole: {why}")
        return
    if dry_run or not _has_plan(folder):
        for what in due:
            _remove(folder, what, dry_run, None, say)
        return
    try:
        log = Journal(folder)
    except LockedError:
        say(f"{folder}: kept whole: it is at work")
        return
    try:
        for what in due:
            _remove(folder, what, dry_run, log, say)
    finally:
        log.close()


def _remove(
    folder: Path, what: str, dry_run: bool, log: Journal | None, say: Callable[[str], None]
) -> None:
    """Remove logs or samples, say so, and note it in the run's journal."""
    tally = Tally()
    try:
        _remove_files(folder, what, dry_run, tally)
    finally:  # what went is told also if something stays
        if tally.files:
            verb = "would be" if dry_run else "were"
            size = f"{tally.size_bytes / 2**20:.1f} MiB"
            say(f"{folder}: {tally.files} files of {what}, {size}, {verb} removed")
            if log:
                log.add("pruned", what=what, files=tally.files, bytes=tally.size_bytes)


def _remove_files(folder: Path, what: str, dry_run: bool, tally: Tally) -> None:
    top = os.open(folder, _TO_LOOK)
    try:
        for experiments in _EXPERIMENTS:
            # What lies in a folder that somebody else has made is not ours.
            for experiment, _ in _found(top, [*experiments, "fg_run.sh"]):
                for below in _WHERE[what]:
                    for place, name in _found(experiment, below):
                        _remove_file(place, name, dry_run, tally)
                if what == "logs" and not dry_run:
                    for place, name in _found(experiment, ["training.log"]):
                        _remove_dangling(place, name)
    finally:
        os.close(top)


def _found(folder: int, pattern: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yield the open folder and the name of what matches below an open folder; follow no link."""
    first, *rest = pattern
    for name in sorted(os.listdir(folder)):
        if not fnmatchcase(name, first):
            continue
        if not rest:
            yield folder, name
            continue
        if not stat.S_ISDIR(os.lstat(name, dir_fd=folder).st_mode):
            continue
        below = os.open(name, _TO_LOOK, dir_fd=folder)
        try:
            yield from _found(below, rest)
        finally:
            os.close(below)


def _remove_file(place: int, name: str, dry_run: bool, tally: Tally) -> None:
    facts = os.lstat(name, dir_fd=place)
    if not stat.S_ISREG(facts.st_mode):
        return
    if not dry_run:
        os.unlink(name, dir_fd=place)
    tally.files += 1
    tally.size_bytes += facts.st_size


def _remove_dangling(place: int, name: str) -> None:
    """Remove a link to a log that is gone."""
    try:
        os.stat(name, dir_fd=place)
    except FileNotFoundError:
        os.unlink(name, dir_fd=place)
    except OSError:  # it leads somewhere else
        pass
