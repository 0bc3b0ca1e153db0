"""What earlier records measured, for what is to come: durations, power, the GPU memory held."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from tandem.base.errors import UsageError
from tandem.measure.windows.slices import each_board
from tandem.plan.model import BATCH_SIZE, Training
from tandem.results.pace import Kind, Pace, epochs_of, kind_of_record
from tandem.results.record import Record, foreground_window, is_warm_up
from tandem.results.record_file import NAME as RECORD
from tandem.results.record_file import read_record
from tandem.results.record_window import Window
from tandem.results.shared.workers import at_once

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
        own = _of_runs([self.run_folder])
        others = (run for run in self.run_folder.parent.glob("run_*") if run != self.run_folder)
        return [*own, *_of_runs(others)][:MOST_RECORDS]


@dataclass
class Power:
    """Mean watts of each kind of experiment, as they were seen; or why there are none."""

    watts: dict[Kind, list[float]] = field(default_factory=dict)
    reasons: dict[Kind, str] = field(default_factory=dict)

    def note(self, kind: Kind, joules: float | None, seconds: float, reason: str | None) -> None:
        if joules is None or not seconds:
            self.reasons[kind] = reason or "not measured"
        else:
            self.watts.setdefault(kind, []).append(joules / seconds)

    def mean_w(self, kind: Kind) -> float | None:
        seen = self.watts.get(kind)
        return fmean(seen) if seen else None


@dataclass
class Earlier:
    """What the newest records of a folder of runs tell: how long, how much power, and in whom.

    `records` are all that could be read, newest first, with their folders. Only those whose
    foreground succeeded count for the pace, the power and the cool-downs, and no warm-ups.
    """

    records: list[tuple[Path, Record]] = field(default_factory=list)
    pace: Pace = field(default_factory=Pace)
    gpu: Power = field(default_factory=Power)
    cpu: Power = field(default_factory=Power)
    cooldowns_s: list[float] = field(default_factory=list)

    def note(self, record: Record) -> None:
        window = foreground_window(record)
        duration_s = record["duration_seconds"]
        if not record["training_success"] or is_warm_up(record):
            return
        if window is None or not duration_s:
            return
        kind, seconds = kind_of_record(record), window["duration_seconds"]
        self.pace.note(kind, epochs_of(record["hyperparameters"]), duration_s)
        self.gpu.note(kind, *_gpu_energy(window))
        cpu = window["cpu"]
        self.cpu.note(kind, cpu["total_joules"], seconds, cpu["reason"])
        if record["cooldown"]:
            self.cooldowns_s.append(record["cooldown"]["duration_seconds"])


def earlier_in(results: Path) -> Earlier:
    """Return what the newest records of the runs in a folder tell.

    One that is damaged tells nothing, nor does a folder that cannot be read.
    """
    earlier, paths = Earlier(), list[Path]()
    with suppress(OSError):
        paths = _of_runs(results.glob("run_*"))[:MOST_RECORDS]
    for path in paths:
        with suppress(UsageError, KeyError, TypeError, AttributeError, IndexError, ValueError):
            record = read_record(path.parent)
            earlier.note(record)
            earlier.records.append((path.parent, record))
    return earlier


def _gpu_energy(window: Window) -> tuple[float | None, float, str | None]:
    """Return the joules of all GPUs, in which seconds, and why they are not known."""
    seconds, gpus = window["duration_seconds"], each_board(window["gpus"])
    reasons = [gpu["energy_reason"] for gpu in gpus if gpu["energy_joules"] is None]
    if not gpus or reasons:
        return None, seconds, window["gpus_reason"] if not gpus else reasons[0]
    return sum(gpu["energy_joules"] or 0.0 for gpu in gpus), seconds, None


def _of_runs(runs: Iterable[Path]) -> list[Path]:
    """Return the records of some runs, newest first; one that is gone meanwhile is left out."""
    written_ns = at_once(_written_ns, [path for run in runs for path in _records_in(run)])
    found = [(when_ns, path) for path, when_ns in written_ns.items() if when_ns is not None]
    return [path for _, path in sorted(found, reverse=True)]


def _records_in(run: Path) -> Iterator[Path]:
    """Yield where records may be: also behind links, where workers drain a run."""
    with suppress(OSError), os.scandir(run) as entries:
        yield from (
            Path(it.path, RECORD) for it in entries if not it.is_file(follow_symlinks=False)
        )


def _written_ns(record: Path) -> int | None:
    try:
        return record.stat().st_mtime_ns
    except OSError:
        return None


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
