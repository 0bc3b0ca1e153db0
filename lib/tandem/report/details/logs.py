"""Which ends of logs tell what happened: the foreground's, and those of rounds that failed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tandem.background.rounds import ROUNDS, read_rounds
from tandem.log.tail import Tail, read_tail
from tandem.results.reading import ExperimentReading

_ATTEMPT = re.compile(r"[0-9]{1,6}")
_NEWEST_LOG = "training.log"
_BACKGROUNDS = "background_logs*"


def tails_of(reading: ExperimentReading, most_lines: int = 20) -> list[tuple[str, Tail]]:
    """Return the ends of logs, each with its path below the experiment's folder."""
    folder = reading.folder
    names = [_foreground_log(folder)]
    if reading.standing != "valid":
        names += _failed_rounds(folder)
    found = ((name, folder / name) for name in names if name)
    tails = [(name, read_tail(path, most_lines)) for name, path in found]
    return [(name, tail) for name, tail in tails if tail.lines or tail.problem]


def _foreground_log(folder: Path) -> str | None:
    """Return the log of the newest attempt; None: there is no attempt."""
    numbers = [
        int(path.name) for path in folder.glob("attempts/*") if _ATTEMPT.fullmatch(path.name)
    ]
    if numbers:
        return f"attempts/{max(numbers)}/{_NEWEST_LOG}"
    return _NEWEST_LOG if (folder / _NEWEST_LOG).exists() else None


def _failed_rounds(folder: Path) -> Iterator[str]:
    """Yield the log of each background's newest round that failed or was hollow."""
    for logs in sorted(folder.glob(_BACKGROUNDS)):
        try:
            rounds = read_rounds(logs / ROUNDS)
        except OSError:
            continue
        bad = [each.last for each in rounds if each.failed or each.hollow]
        if bad:
            yield f"{logs.name}/run_{bad[-1]}.log"
