"""What earlier records measured, for what is to come: the GPU memory that trainings held."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.plan.model import BATCH_SIZE, Training
from tandem.results.record_file import NAME as RECORD

MOST_RECORDS = 200

Key = tuple[str, str, str]  # repository, model, batch size as JSON; "null" where it is not passed


@dataclass(frozen=True)
class Footprint:
    """The most GPU memory that a training was measured to hold, and in which record."""

    mib: float
    where: str


@dataclass
class Footprints:
    """Those of the run's folder first, then of its neighbours; the newest records, read once."""

    run_folder: Path
    known: dict[Key, Footprint] | None = field(default=None, repr=False)

    def of(self, training: Training) -> Footprint | None:
        """Return the largest of the same model and batch size; None: none was measured."""
        if self.known is None:
            self.known = {}
            for path in self._records():
                with suppress(OSError, ValueError, RecursionError):
                    self.note(json.loads(path.read_bytes()), path.parent)
        return self.known.get(_key(training.repo, training.model, training.hyperparameters))

    def note(self, record: Any, folder: Path) -> None:
        """Take what a record measured; one that is of no use is passed over."""
        if self.known is None:
            return  # it will be read
        with suppress(KeyError, TypeError, AttributeError):
            for key, mib in _measured(record):
                if mib is not None and (key not in self.known or mib > self.known[key].mib):
                    self.known[key] = Footprint(mib, f"{folder.parent.name}/{folder.name}")

    def _records(self) -> list[Path]:
        """Return the newest records, newest first: the run's own before those of its neighbours."""
        others = (run for run in self.run_folder.parent.glob("run_*") if run != self.run_folder)
        neighbours = [path for run in others for path in run.glob(f"*/{RECORD}")]
        own = list(self.run_folder.glob(f"*/{RECORD}"))
        return [*_newest_first(own), *_newest_first(neighbours)][:MOST_RECORDS]


def _newest_first(records: Iterable[Path]) -> list[Path]:
    """Return records by when they were written; one that is gone meanwhile is left out."""
    found = []
    for path in records:
        with suppress(OSError):
            found.append((path.stat().st_mtime_ns, path))
    return [path for _, path in sorted(found, reverse=True)]


def _key(repo: str, model: str, hyperparameters: Mapping[str, Any]) -> Key:
    return repo, model, json.dumps(hyperparameters.get(BATCH_SIZE))


def _measured(record: Mapping[str, Any]) -> Iterator[tuple[Key, float | None]]:
    """What each training of a record held on one GPU, in MiB; None: not measured."""
    foreground = _key(record["repository"], record["model"], record["hyperparameters"])
    for window in record["windows"]:
        for gpu in window["gpus"]:
            yield foreground, (gpu["foreground"] or {}).get("memory_max_mib") or None
    for part in (record["background"] or {}).get("parts", ()):
        key = _key(part["repository"], part["model"], part["hyperparameters"])
        yield key, part["gpu_memory"]["max_mib"]
