"""Old logs and samples: what --keep lets go of. Records, tables, plans and journals always stay.

Which runs and experiments may lose them is decided here; find(1) removes the files.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tandem.base.errors import LockedError, NotReadyError, UsageError
from tandem.plan import file as planfile
from tandem.plan.tries import newest_of
from tandem.results.cut_off import CUT_OFF
from tandem.results.journal import Journal, added_in, ended_in, events_in, is_active
from tandem.results.record_file import NAME as RECORD
from tandem.results.shared.commit import committed
from tandem.results.shared.workers import WORKERS, is_shared, journal_of, workers_of

DAY_S = 86400

# What goes, as find(1) sees it from the run's folder.
_FILES = {
    "logs": r"(attempts/[^/]+|background_logs(_[0-9]+)?(/tried_[^/]+)?)/[^/]+\.log",
    "samples": r"(energy/(gp[um]_[^/]*|cpu|machine|strangers|on_gpus)|dose(_[0-9]+)?/dose)\.csv",
}
_FOLDERS_AT_ONCE = 500
_RULE = re.compile(r"(logs|samples)=([0-9]{1,6})(d?)")
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
    """Remove what no rule keeps from the runs in `results`; say a line for each run that has any.

    A run that is active or unfinished keeps everything. With `dry_run` nothing changes.
    UsageError: no such folder, or two rules for one thing. NotReadyError, after everything else
    is done: something could not be removed.
    """
    check_rules(rules)
    problems = []
    now_s = time.time()
    for folder in _foreign(results):
        say(f"{folder}: skipped: no run: it holds no {planfile.NAME}")
    for newer, (ended_s, folder) in enumerate(_runs(results)):
        due = [rule.what for rule in rules if rule.lets_go(now_s - ended_s, newer)]
        try:
            if due:
                _prune_run(folder, due, dry_run, say)
        except OSError as error:
            problems.append(f"{folder}: {error.filename or 'its journal'}: {error.strerror}")
    if problems:
        problems.append("everything else was pruned (this needs the owner of the files, or root)")
        raise NotReadyError("\n".join(problems))


def _folders(results: Path) -> list[Path]:
    """Return the folders in `results` that have a run's name; UsageError: no such folder."""
    try:
        folders = [Path(each) for each in os.scandir(results) if each.is_dir(follow_symlinks=False)]
    except OSError as error:
        raise UsageError(f"{results}: {error.strerror} (name the folder of the runs)") from None
    return sorted(folder for folder in folders if folder.name.startswith("run_"))


def _is_run(folder: Path) -> bool:
    return os.path.lexists(folder / planfile.NAME)


def _foreign(results: Path) -> list[Path]:
    """Return the folders that are called as a run is, and are none."""
    return [folder for folder in _folders(results) if not _is_run(folder)]


def _runs(results: Path) -> list[tuple[float, Path]]:
    """Return the runs, newest first, by when they ended (seconds since 1970)."""
    runs = [(_ended_s(folder), folder) for folder in _folders(results) if _is_run(folder)]
    return sorted(runs, reverse=True)


def _ended_s(folder: Path) -> float:
    """Return when something was last run in a run."""
    for event in reversed(list(events_in(_journal(folder)))):
        with contextlib.suppress(KeyError, TypeError, ValueError):
            if event["event"] != "pruned":
                return datetime.fromisoformat(event["utc"]).timestamp()
    return os.lstat(folder / planfile.NAME).st_mtime


def _journal(folder: Path) -> bytes:
    """Return the text of its journals as it is, unlocked; nothing without one."""
    try:
        return journal_of(folder)
    except OSError:
        return b""


def _read(path: Path) -> bytes:
    """Return what is in a file, which is no link; OSError."""
    with open(os.open(path, _TO_READ), "rb") as stream:
        return stream.read()


def _why_skipped(folder: Path) -> str | None:
    """Return why a run must keep everything, None if it need not."""
    try:
        planned = {each["id"] for each in json.loads(_read(folder / planfile.NAME))["experiments"]}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return f"{planfile.NAME} cannot be read"
    journal_text = _journal(folder)
    due = newest_of(planned, added_in(journal_text))
    missing = len(due - _ended(folder, journal_text))
    return f"unfinished run ({missing} of {len(due)} still to do)" if missing else None


def _ended(folder: Path, journal_text: bytes) -> set[str]:
    """Return what has ended: where workers drain a run, whatever stands with a record."""
    if is_shared(folder):
        return {name for name in committed(folder) if (folder / name / RECORD).is_file()}
    return set(ended_in(journal_text))


def _prune_run(folder: Path, due: Sequence[str], dry_run: bool, say: Callable[[str], None]) -> None:
    """Remove what is due from one run, unless it must keep it; OSError: something stays."""
    if why := _why_skipped(folder):
        say(f"{folder}: skipped: {why}")
        return
    if dry_run:
        for what in due:
            _remove(folder, what, None, say)
        return
    log = _locked(folder)
    if log is None:
        say(f"{folder}: skipped: a process works on it")
        return
    try:
        for what in due:
            _remove(folder, what, log, say)
    finally:
        log.close()


def _locked(folder: Path) -> Journal | None:
    """Return the journal of a run, locked; None: a process works there, as far as can be seen."""
    try:
        log = Journal(folder)
    except LockedError:
        return None
    if any(map(is_active, workers_of(folder))):
        log.close()
        return None
    return log


def _remove(folder: Path, what: str, log: Journal | None, say: Callable[[str], None]) -> None:
    """Remove logs or samples, say so, and note it in the run's journal; without one, only say."""
    dry_run = log is None
    words = ["-mindepth", "2", "-maxdepth", "3", "-regextype", "posix-extended", "-type", "f"]
    words += ["-regex", rf"\./(workers/[^/]+/)?(cut_off/)?[^/]+/{_FILES[what]}"]
    words += ["-links", "+0"]  # true of all: it has find(1) see the size before the file is gone
    sizes, problems = _find(folder, [*words, "-printf", r"%s\n"])
    if sizes and not dry_run:
        if log:  # first: what a kill leaves half done has been pruned
            log.add("pruned", what=what, files=len(sizes), bytes=sum(map(int, sizes)))
        sizes, problems = _find(folder, [*words, "-delete", "-printf", r"%s\n"])
    if sizes:
        verb, size_bytes = "would be" if dry_run else "were", sum(map(int, sizes))
        say(f"{folder}: {len(sizes)} files of {what}, {size_bytes / 2**20:.1f} MiB, {verb} removed")
    if what == "logs" and not dry_run:  # the link to a log that is gone
        words = ["-maxdepth", "1", "-name", "training.log", "-type", "l", "-xtype", "l"]
        problems += _find(folder, [*words, *_delete(dry_run)])[1]
    if problems:
        raise OSError(None, problems[0].removeprefix("find: "), "find")


def _delete(dry_run: bool) -> list[str]:
    return [] if dry_run else ["-delete"]


def _find(run: Path, expression: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the lines that find(1) prints of the experiments of a run, and its complaints.

    It follows no link. A folder that is no experiment's belongs to the user, and is left alone.
    """
    said, problems = [], []
    places = [".", *_folders_in(run, f"./{WORKERS}")]
    folders = [each for place in places for each in _experiments(run, place)]
    folders += [each for place in places for each in _experiments(run, f"{place}/{CUT_OFF}")]
    for begin in range(0, len(folders), _FOLDERS_AT_ONCE):
        some = folders[begin : begin + _FOLDERS_AT_ONCE]
        done = subprocess.run(
            ["find", "-P", *some, "-ignore_readdir_race", *expression],
            cwd=run,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
        said += done.stdout.decode(errors="replace").splitlines()
        problems += done.stderr.decode(errors="replace").splitlines()
    return said, problems


def _experiments(run: Path, below: str) -> list[str]:
    """Return the folders of experiments, each as a path that begins with "./"."""
    return [each for each in _folders_in(run, below) if _mode(run / each / "fg_run.sh")]


def _folders_in(run: Path, below: str) -> list[str]:
    """Return the folders in one that is no link, each as a path that begins with "./"."""
    if not stat.S_ISDIR(_mode(run / below)):
        return []
    found = (each.name for each in os.scandir(run / below) if each.is_dir(follow_symlinks=False))
    return [f"{below}/{name}" for name in sorted(found)]


def _mode(path: Path) -> int:
    """Return what kind of file a path is, not following a link; 0: there is none."""
    try:
        return os.lstat(path).st_mode
    except OSError:
        return 0
