"""Who is on the GPUs while nothing of ours is: waited for, refused, or put up with and said."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tandem.base.errors import NotReadyError
from tandem.base.variables import VISIBLE
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.devices import HIDDEN_MIB
from tandem.processes import proc
from tandem.processes.scripts import HURRY
from tandem.processes.watch import Watch

BUSY_SM_PERCENT = 5.0
# Utilisation is a mean over up to a second, and a driver forgets an ended process some time later.
SETTLE_S = 3.0
MEMORY_BACK_S = 5.0
MEMORY_NOISE_MIB = 16.0
_PERIOD_S = 0.1

_T = TypeVar("_T")


class GpuBusyError(NotReadyError):
    """Somebody else uses a GPU; the message says who."""


@dataclass(frozen=True)
class GpuProcess:
    """A process on a GPU; `user` and `name` are "?" where /proc does not know it."""

    pid: int
    kind: str
    user: str
    name: str
    memory_mib: float | None

    def text(self) -> str:
        memory = "" if self.memory_mib is None else f" holds {self.memory_mib:.0f} MiB"
        return f"process {self.pid} ({self.name}, user {self.user}){memory}"


@dataclass(frozen=True)
class Gpu:
    """A GPU and who uses it, now; None: not reported."""

    index: int
    uuid: str
    name: str
    sm_percent: float | None
    memory_used_mib: float | None
    temperature_c: float | None
    processes: tuple[GpuProcess, ...] | None

    @property
    def hidden_mib(self) -> float:
        """Return the memory in use that no process in the list accounts for, as far as is known."""
        held_mib = [each.memory_mib for each in self.processes or ()]
        if self.memory_used_mib is None or None in held_mib:
            return 0.0
        return self.memory_used_mib - sum(filter(None, held_mib))

    def busy_reasons(self) -> list[str]:
        """Return what speaks against measuring on it; a desktop's windows do not."""
        on_it = [each for each in self.processes or () if each.kind == "compute"]
        reasons = [f"GPU {self.index}: {each.text()}" for each in on_it]
        if self.hidden_mib > HIDDEN_MIB:
            reasons.append(
                f"GPU {self.index}: {self.hidden_mib:.0f} MiB held by no visible process"
            )
        if (self.sm_percent or 0.0) >= BUSY_SM_PERCENT:
            reasons.append(f"GPU {self.index}: {self.sm_percent:.0f} % used")
        return reasons


def process_lines(gpus: Sequence[Gpu]) -> list[str]:
    """Return who is on the GPUs, a desktop's windows included, as lines."""
    return [f"GPU {gpu.index}: {each.text()}" for gpu in gpus for each in gpu.processes or ()]


@contextmanager
def nvml_held() -> Iterator[None]:
    """Keep NVML open, which may take seconds to open, where there is one."""
    with ExitStack() as stack:
        try:
            stack.enter_context(opened())
        except NvmlError:
            pass
        yield


def gpus_now() -> list[Gpu] | None:
    """Return the GPUs that CUDA shows, as they are now; None where NVML does not answer."""
    try:
        with opened():
            return [_gpu(device) for device in nvml.visible(os.environ.get(VISIBLE))]
    except NvmlError:
        return None


def devices_now() -> list[nvml.Device]:
    """Return the GPUs that CUDA shows; none where NVML does not answer."""
    try:
        with opened():
            return nvml.visible(os.environ.get(VISIBLE))
    except NvmlError:
        return []


def _gpu(device: nvml.Device) -> Gpu:
    return Gpu(
        device.index,
        device.uuid,
        device.name,
        _or_none(lambda: nvml.utilisation(device)[0]),
        _or_none(lambda: nvml.memory_used_mib(device)),
        _or_none(lambda: nvml.temperature_c(device)),
        _or_none(lambda: tuple(map(_process, nvml.processes(device)))),
    )


def _or_none(read: Callable[[], _T]) -> _T | None:
    try:
        return read()
    except NvmlError:
        return None


def _process(process: nvml.Process) -> GpuProcess:
    user, name = proc.user(process.pid), proc.name(process.pid)
    return GpuProcess(process.pid, process.kind, user, name, process.memory_mib)


@dataclass(frozen=True)
class Sensors:
    """What a run's options say about sensors, and what to do about busy GPUs.

    RAPL is in `powercap`, the machine's CPU time, swap and pressure in `proc`.
    """

    powercap: Path
    proc: Path
    wait_idle_s: float
    allow_busy: bool

    def wait_free(
        self, watch: Watch, say: Callable[[str], None]
    ) -> tuple[list[Gpu] | None, list[str]]:
        """Return the GPUs once they are free, or with why they are not where that is allowed.

        GpuBusyError: they were not free in time. Interrupted: a signal came.
        """
        deadline_s = time.monotonic() + max(SETTLE_S, self.wait_idle_s)
        tell_s = time.monotonic() + SETTLE_S
        while True:
            gpus = gpus_now()
            reasons = [reason for gpu in gpus or [] for reason in gpu.busy_reasons()]
            if not reasons:
                return gpus, []
            if time.monotonic() >= deadline_s:
                if not self.allow_busy:
                    raise GpuBusyError(f"not idle: {'; '.join(reasons)}")
                say(f"run all the same, and marked: {'; '.join(reasons)}")
                return gpus, reasons
            if time.monotonic() >= tell_s:
                say(f"waiting for {'; '.join(reasons)}")
                tell_s = deadline_s
            watch.wait([], time.monotonic() + _PERIOD_S)

    def wait_memory_back(self, before: Sequence[Gpu] | None) -> list[Gpu] | None:
        """Return the GPUs once they hold no more memory than before, or after some seconds."""
        used_mib = {gpu.uuid: gpu.memory_used_mib for gpu in before or []}
        deadline_s = time.monotonic() + MEMORY_BACK_S
        while True:
            gpus = gpus_now()
            more_mib = [
                _more_mib(used_mib.get(gpu.uuid), gpu.memory_used_mib) for gpu in gpus or []
            ]
            is_over = HURRY.is_on or time.monotonic() >= deadline_s
            if max(more_mib, default=0.0) <= MEMORY_NOISE_MIB or is_over:
                return gpus
            time.sleep(_PERIOD_S)


def _more_mib(before_mib: float | None, after_mib: float | None) -> float:
    return 0.0 if before_mib is None or after_mib is None else after_mib - before_mib
