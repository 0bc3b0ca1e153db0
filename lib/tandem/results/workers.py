"""A run that several workers drain: where each of them keeps its files, and what all of them say.

    RUN/workers/WORKER/           one process: its journal, its state, and its tries
    RUN/EXPERIMENT -> workers/WORKER/EXPERIMENT
                                  the try that stands: see results/commit

A run that one process works on alone has none of this.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tandem.base.files import read_regular
from tandem.results.journal import NAME as JOURNAL

WORKERS = "workers"


def workers_of(run: Path) -> list[Path]:
    """Return the folders of a run's workers, by name; [] where it has none."""
    return sorted((run / WORKERS).glob("*/"))


def is_shared(run: Path) -> bool:
    """Whether workers drain a run."""
    return (run / WORKERS).is_dir()


def journal_of(run: Path) -> bytes:
    """Return the lines of all journals of a run, in the order of their times; b"" without any.

    OSError: one cannot be read.
    """
    texts = list(_journals(run))
    if len(texts) < 2:
        return b"".join(texts)
    lines = [line + b"\n" for text in texts for line in text.split(b"\n")[:-1]]
    lines.sort(key=_time_of)
    return b"".join(lines)


def _journals(run: Path) -> Iterator[bytes]:
    for folder in (run, *workers_of(run)):
        try:
            yield read_regular(folder / JOURNAL)
        except FileNotFoundError:
            continue


def _time_of(line: bytes) -> bytes:
    """Return when a line of a journal was written; b"" where it does not say so."""
    return line.partition(b'"utc": "')[2].partition(b'"')[0]
