"""journal.jsonl: what a run has begun and ended, a line an event, each on the disk at once.

Whoever has it open holds its lock, which the kernel releases whatever is killed: one at a time
works in the folder of a run.
"""

from __future__ import annotations

import errno
import fcntl
import json
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from tandem.base.errors import LockedError
from tandem.base.files import read_regular
from tandem.processes.locks import holder
from tandem.results.shared.disk import Disk

NAME = "journal.jsonl"
_FLAGS = os.O_RDWR | os.O_APPEND | os.O_CLOEXEC
ADDED = "added"
LEFT_TO_OTHERS = "left_to_others"  # of a group that failed twice on the host that it names
REPLACED = "stood"  # beside what was set aside, if it stood for its experiment


class Journal:
    """The journal of a run, open and locked.

    `ended` has the experiments that have ended, by id, and how many seconds each took; None for
    those whose time says nothing of others (they failed). `added` are the events that added
    experiments to the plan. `starts` is how often one was started.
    """

    def __init__(self, folder: Path, worker: str | None = None, disk: Disk | None = None) -> None:
        """Open the journal in a run's folder, and make it if there is none.

        That of a `worker` names it in each line. It is on a `disk` that may be waited for.

        LockedError: another process has it. OSError: it cannot be opened.
        """
        self.path, self.disk = folder / NAME, disk or Disk()
        self.always = {} if worker is None else {"worker": worker}
        self.file = os.open(self.path, _FLAGS | os.O_CREAT, 0o666)
        try:
            self._lock(self.file)
        except BlockingIOError:
            who = holder(self.file)
            os.close(self.file)
            hint = "wait for it with --wait-lock SECONDS"
            raise LockedError(f"another process works on {folder}: {who}", hint) from None
        with open(self.file, "rb", closefd=False) as stream:
            text = stream.read()
        end = text.rfind(b"\n") + 1
        if end != len(text):  # a power cut tore it off
            os.ftruncate(self.file, end)
        self.end, self.is_sure = end, True
        self.ended, self.added = ended_in(text[:end]), added_in(text[:end])
        self.starts = text.count(b'{"event": "started", ', 0, end)

    def _lock(self, file: int) -> None:
        """Take the lock; BlockingIOError: another process has it.

        Some shared file systems have no locks. A worker needs none: its folder is its own.
        """
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if isinstance(error, BlockingIOError) or not self.always:
                raise

    def add(self, event: str, **facts: Any) -> None:
        """Add a line and have it on the disk; OSError: it could not be written whole."""
        utc = datetime.now(timezone.utc).isoformat(timespec="milliseconds")
        text = json.dumps({"event": event, "utc": utc, **facts, **self.always}, ensure_ascii=False)
        line = f"{text}\n".encode(errors="backslashreplace")
        self.disk.patient(lambda: self._append(line))
        self.starts += event == "started"

    def _append(self, line: bytes) -> None:
        """Append a line; OSError: it may be there, in part or whole, until the next one is added.

        That cuts it off first: it may have been the disk that failed, and cutting with it.
        """
        if not self.is_sure:
            self._open_again()
        self.is_sure = False
        if os.write(self.file, line) != len(line):
            with suppress(OSError):
                os.ftruncate(self.file, self.end)
            raise OSError(errno.ENOSPC, "no space left for a whole line", str(self.path))
        os.fsync(self.file)
        self.end, self.is_sure = self.end + len(line), True

    def _open_again(self) -> None:
        """Open it anew, and cut it back to what is sure.

        A file server that was away may no longer know the open file.
        """
        self.close()
        file = os.open(self.path, _FLAGS)
        try:
            self._lock(file)
            if os.fstat(file).st_size < self.end:
                raise OSError(errno.EIO, "lines are missing that were there", str(self.path))
            os.ftruncate(file, self.end)
        except BaseException:
            os.close(file)
            raise
        self.file = file

    def add_experiments(self, kind: str, names: Mapping[str, str]) -> None:
        """Add the line of experiments that are added to the plan: see plan/tries."""
        facts = {"as": kind, "experiments": dict(names)}
        self.add(ADDED, **facts)
        self.added.append(facts)

    def add_ended(self, name: str, status: str, duration_s: float | None, **facts: Any) -> None:
        rounded_s = None if duration_s is None else round(duration_s, 3)
        self.add("ended", experiment=name, status=status, duration_s=rounded_s, **facts)
        self.ended[name] = duration_s

    def close(self) -> None:
        file, self.file = self.file, -1
        if file >= 0:
            with suppress(OSError):  # of a file server: each line is on its disk, or is not sure
                os.close(file)


def is_active(folder: Path) -> bool:
    """Whether a process works in a run's folder, as far as that can be seen."""
    with suppress(OSError):
        file = os.open(folder / NAME, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        finally:
            os.close(file)
    return False


def events_in(text: bytes) -> Iterator[dict[str, Any]]:
    """Yield the events of a journal's text, oldest first; a line that is none says nothing."""
    for line in text.splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and "event" in event:
            yield event


def pruned_in(folder: Path) -> frozenset[str]:
    """Return what has been pruned of a run, as its journal says: "logs", "samples"."""
    try:
        events = events_in(read_regular(folder / NAME))
    except OSError:
        return frozenset()
    return frozenset(str(event.get("what")) for event in events if event["event"] == "pruned")


def added_in(text: bytes) -> list[dict[str, Any]]:
    """Return the events of a journal's text that added experiments to the plan, oldest first."""
    return [event for event in _few_in(text, ADDED) if event["event"] == ADDED]


def replaced_in(text: bytes) -> set[str]:
    """Return the experiments of which a try stood that stands no longer: it was damaged."""
    return {str(event.get("experiment")) for event in _few_in(text, REPLACED) if REPLACED in event}


def _few_in(text: bytes, word: str) -> Iterator[dict[str, Any]]:
    """Yield the events in whose lines a word stands, few of many."""
    quoted = f'"{word}"'.encode()
    return events_in(b"\n".join(line for line in text.splitlines() if quoted in line))


def ended_in(text: bytes) -> dict[str, float | None]:
    """Return which experiments have ended by a journal's text, and how many seconds each took."""
    return ended_by(events_in(text))


def ended_by(events: Iterable[Mapping[str, Any]]) -> dict[str, float | None]:
    """Return which experiments have ended by a journal's events, and how many seconds each took.

    One that was started again has not, until it has again; but what has ended by one worker's
    journal has, if another starts it too. A line with a time that is none (negative, NaN) says
    nothing.
    """
    ended: dict[str, float | None] = {}
    for event in events:
        name = str(event.get("experiment"))
        if event["event"] == "started" and "worker" not in event:
            ended.pop(name, None)
        elif event["event"] == "ended" and "experiment" in event:
            with suppress(ValueError, KeyError, TypeError, OverflowError):
                ended[name] = _seconds(event["duration_s"])
    return ended


def _seconds(value: Any) -> float | None:
    """Return what a line says of a time; ValueError and the like: it says none."""
    seconds = None if value is None else float(value)
    if seconds is not None and not 0 <= seconds < math.inf:
        raise ValueError(f"{value} is no time")
    return seconds
