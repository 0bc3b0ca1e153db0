"""Whether an experiment's trainings fit beside each other on a GPU, by what was measured before."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from tandem.background.memory import MemoryUse, key_of, seen_by
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError
from tandem.plan.model import BATCH_SIZE, Background, Experiment, Training


class Footprint(Protocol):
    """The most GPU memory that a training was measured to hold, and in which record."""

    @property
    def mib(self) -> float: ...

    @property
    def where(self) -> str: ...


Held = Callable[[Training], Footprint | None]
"""What a training held; None: it was not measured."""


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


def room_beside(foreground: Training, held: Held) -> Room | None:
    """Return what a foreground leaves; None: it was not measured before, or is on no GPU."""
    footprint = held(foreground)
    try:
        devices = seen_by(foreground) if footprint else []
        total_mib = nvml.memory_total_mib(devices[0]) if devices else 0.0
    except NvmlError:
        return None
    return Room(devices[0], total_mib, footprint) if footprint and devices else None


def misfits(experiment: Experiment, held: Held) -> list[str]:
    """Return a line for each GPU on which the trainings together held more than it has.

    Each counts where it sees its first GPU. NVML is open, where there is one.
    """
    try:
        places = [(training, seen_by(training)) for training in _trainings(experiment)]
        first = [(training, devices[0]) for training, devices in places if devices]
        gpus = {key_of(device): device for _, device in first}
        totals_mib = {key: nvml.memory_total_mib(device) for key, device in gpus.items()}
    except NvmlError:
        return []
    lines = []
    for key, device in gpus.items():
        there = [training for training, place in first if key_of(place) == key]
        known = [(training, it) for training in there if (it := held(training))]
        sum_mib = sum(footprint.mib for _, footprint in known)
        if len(known) > 1 and sum_mib > totals_mib[key]:
            each = ", ".join(f"{_name(of)} {it.mib:.0f} MiB ({it.where})" for of, it in known)
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
