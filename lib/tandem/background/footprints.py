"""Whether an experiment's trainings fit beside each other on a GPU, by what was measured before."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Any

from tandem.background.memory import MemoryUse, key_of, seen_by
from tandem.nvml import devices as nvml
from tandem.plan.model import Background, Experiment, Training

MOST_RECORDS = 200
BATCH_SIZE = "batch_size"

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
            for path in islice(self._records(), MOST_RECORDS):
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

    def _records(self) -> Iterator[Path]:
        others = sorted(self.run_folder.parent.glob("run_*"), reverse=True)
        runs = chain([self.run_folder], (run for run in others if run != self.run_folder))
        for run in runs:
            yield from sorted(run.glob("*/experiment.json"), reverse=True)


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


@dataclass(frozen=True)
class Room:
    """What the foreground leaves of its GPU's memory, by what it was measured to hold before."""

    gpu: nvml.Device
    total_mib: float
    foreground: Footprint

    def lacking(self, uses: Iterable[MemoryUse]) -> str:
        """Say by what the backgrounds there hold more than that; "" if they do not."""
        key = key_of(self.gpu)
        there = [use for use in uses if use.limit.devices and key_of(use.limit.devices[0]) == key]
        held_mib = sum(use.max_mib or 0.0 for use in there)
        if held_mib + self.foreground.mib <= self.total_mib:
            return ""
        return (
            f"the foreground held {self.foreground.mib:.0f} MiB before ({self.foreground.where}),"
            f" which leaves no {held_mib:.0f} MiB of the {self.total_mib:.0f} MiB"
            f" of GPU {self.gpu.index}"
        )


def room_beside(foreground: Training, footprints: Footprints) -> Room | None:
    """Return what a foreground leaves; None: it was not measured before, or is on no GPU."""
    footprint = footprints.of(foreground)
    try:
        devices = seen_by(foreground) if footprint else []
        total_mib = nvml.memory_total_mib(devices[0]) if devices else 0.0
    except nvml.NvmlError:
        return None
    return Room(devices[0], total_mib, footprint) if footprint and devices else None


def misfits(experiment: Experiment, footprints: Footprints) -> list[str]:
    """Return a line for each GPU on which the trainings together held more than it has.

    Each counts where it sees its first GPU. NVML is open, where there is one.
    """
    try:
        places = [(training, seen_by(training)) for training in _trainings(experiment)]
        first = [(training, devices[0]) for training, devices in places if devices]
        gpus = {key_of(device): device for _, device in first}
        totals_mib = {key: nvml.memory_total_mib(device) for key, device in gpus.items()}
    except nvml.NvmlError:
        return []
    lines = []
    for key, device in gpus.items():
        there = [training for training, place in first if key_of(place) == key]
        held = [(training, it) for training in there if (it := footprints.of(training))]
        sum_mib = sum(footprint.mib for _, footprint in held)
        if len(held) > 1 and sum_mib > totals_mib[key]:
            each = ", ".join(f"{_name(of)} {it.mib:.0f} MiB ({it.where})" for of, it in held)
            lines.append(
                f"cannot fit together on GPU {device.index}, which has"
                f" {totals_mib[key]:.0f} MiB, as measured before: {each}, in all {sum_mib:.0f} MiB"
            )
    return lines


def _trainings(experiment: Experiment) -> Iterable[Training]:
    return experiment.foreground, *map(_smallest, experiment.backgrounds)


def _smallest(background: Background) -> Training:
    return background.at(background.auto[-1]) if background.auto else background.training


def _name(training: Training) -> str:
    size = training.hyperparameters.get(BATCH_SIZE)
    with_size = f" at {BATCH_SIZE} {size}" if size else ""
    return f"{training.repo} {training.model}{with_size}"
