"""The boards of a worker: which it is to use, and on which one an experiment was run."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tandem.base.errors import NotReadyError, UsageError
from tandem.base.variables import VISIBLE
from tandem.machine.gpus import gpus_now
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.devices import Device, UnknownGpuError
from tandem.results.record import Record

ALL = "all"


@dataclass(frozen=True)
class Site:
    """Where something runs: a host, and the UUIDs of the boards that it sees there; none: no GPU.

    All experiments of a group are run at one site: boards differ by some 5 %.
    """

    host: str
    boards: frozenset[str]

    def text(self) -> str:
        """`node7 (GPU-5a...)`."""
        return f"{self.host} ({', '.join(sorted(self.boards))})" if self.boards else self.host


def this_site() -> Site:
    return Site(os.uname().nodename, frozenset(gpu.uuid for gpu in gpus_now() or ()))


def site_of(record: Record) -> Site:
    """Return where an experiment was run."""
    gpus = record["census"]["before"]["gpus"] or ()
    return Site(record["environment"]["hostname"], frozenset(gpu["uuid"] for gpu in gpus))


def chosen_boards(words: str) -> list[Device]:
    """Return the GPUs that `--gpus` means: `all`, or numbers and UUIDs, of those that CUDA shows.

    UsageError: one is not there, or is named twice. NotReadyError: NVML does not answer.
    """
    shown = os.environ.get(VISIBLE)
    try:
        with opened():
            here = nvml.visible(shown)
            found = (
                here if words == ALL else [each for word in words.split(",") for each in _one(word)]
            )
    except UnknownGpuError as error:
        raise UsageError(f"--gpus: {error}") from None
    except NvmlError as error:
        why = f"no GPU can be seen: {error.with_hint()}"
        raise NotReadyError(f"--gpus: {why}; without --gpus a worker uses the CPUs") from None
    if not found:
        raise UsageError("--gpus: this machine has no GPU (leave --gpus out to use the CPUs)")
    if hidden := [each.uuid for each in found if each not in here]:
        raise UsageError(f'--gpus: {", ".join(hidden)} is hidden: {VISIBLE} is "{shown}"')
    if len(set(found)) < len(found):
        raise UsageError(f"--gpus: {words} names a GPU twice (remove one)")
    return found


def _one(word: str) -> list[Device]:
    return nvml.visible(word, strict=True)
