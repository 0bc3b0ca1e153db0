"""A run that several workers drain: where each of them keeps its files, and what all of them say.

    RUN/workers/WORKER/           one process: its journal, its state, and its tries
    RUN/EXPERIMENT -> workers/WORKER/EXPERIMENT
                                  the try that stands: see `commit`

A run that one process works on alone has none of this.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from operator import itemgetter
from pathlib import Path
from typing import TypeVar

from tandem.base.files import read_regular
from tandem.results.journal import NAME as JOURNAL

T = TypeVar("T")
R = TypeVar("R")

WORKERS = "workers"
_AT_ONCE = 16
_FEW = 100  # names: a look at each in turn takes no time to speak of


def workers_of(run: Path) -> list[Path]:
    """Return the folders of a run's workers, by name; [] where it has none."""
    return sorted((run / WORKERS).glob("*/"))


def is_shared(run: Path) -> bool:
    """Whether workers drain a run."""
    return (run / WORKERS).is_dir()


def at_once(look: Callable[[T], R], names: Iterable[T]) -> dict[T, R]:
    """Return what a look at each of these tells, in no order; a server answers several at once."""
    every = list(names)
    if len(every) <= _FEW:
        return {name: look(name) for name in every}
    from concurrent.futures import ThreadPoolExecutor  # its import takes longer than a few looks

    def look_at(some: Sequence[T]) -> list[tuple[T, R]]:
        return [(name, look(name)) for name in some]

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        parts = threads.map(look_at, (every[number::_AT_ONCE] for number in range(_AT_ONCE)))
        return {name: told for part in parts for name, told in part}


def folders_with(name: str, places: Sequence[str]) -> list[str]:
    """Return those of some folders that have a file of this name, in no order."""
    found = at_once(lambda place: os.path.exists(f"{place}/{name}"), places)
    return [place for place, is_there in found.items() if is_there]


def names_in(folder: Path) -> list[str]:
    """Return the names in a folder, in no order; [] where it cannot be read."""
    try:
        return os.listdir(folder)
    except OSError:
        return []


def tries_in(run: Path) -> dict[str, list[Path]]:
    """Return the folders in which workers have begun each experiment, by its id."""
    found: dict[str, list[Path]] = {}
    for worker in workers_of(run):
        with suppress(OSError), os.scandir(worker) as entries:
            for each in entries:
                if each.is_dir(follow_symlinks=False):
                    found.setdefault(each.name, []).append(Path(each.path))
    return found


def newest_of(folders: Sequence[Path]) -> Path:
    """Return which of some folders something was written in last."""

    def written_s(folder: Path) -> float:
        try:
            return folder.stat().st_mtime
        except OSError:
            return 0.0

    return max(folders, key=written_s)


def other_tries(run: Path, name: str) -> list[Path]:
    """Return the tries of an experiment that workers made and that do not stand, by their names."""
    standing = os.path.realpath(run / name)
    found = [each for each in tries_in(run).get(name, ()) if os.path.realpath(each) != standing]
    return sorted([*found, *(run / WORKERS).glob(f"*/cut_off/{glob.escape(name)}.*")])


def journal_of(run: Path) -> bytes:
    """Return the lines of all journals of a run, in the order of their times; b"" without any.

    The lines of one journal stay in their order, whatever its host's clock did meanwhile. Of a
    worker's journal that cannot be read nothing is told: what stands is known without it. OSError:
    the run's own cannot be read.
    """
    texts = list(_journals(run))
    if len(texts) < 2:
        return b"".join(texts)
    lines = [each for text in texts for each in _timed(text)]
    lines.sort(key=itemgetter(0))
    return b"".join(line for _, line in lines)


def _journals(run: Path) -> Iterator[bytes]:
    with suppress(FileNotFoundError):
        yield read_regular(run / JOURNAL)
    for folder in workers_of(run):
        with suppress(OSError):
            yield read_regular(folder / JOURNAL)


def _timed(text: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield each whole line of a journal, behind its time or a later one before it."""
    utc = b""
    for line in text.split(b"\n")[:-1]:
        utc = max(utc, line.partition(b'"utc": "')[2].partition(b'"')[0])
        yield utc, line + b"\n"
