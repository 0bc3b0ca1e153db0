"""One run at a time on a GPU.

Without CUDA_VISIBLE_DEVICES a run uses, and locks, the whole machine; with it, the GPUs that it
names, so that runs on different GPUs go side by side. Runs without any GPU (empty, or -1) share the
CPUs, and so a lock.

Runs on different MIG slices share a board, and its clocks: a run that sets them has the board to
itself.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass

from tandem.base.errors import NotReadyError, TandemError
from tandem.base.variables import VISIBLE
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.presence import words_of
from tandem.processes.cookie import lock_folder, older_lock_folders
from tandem.processes.locks import Lock, flocks_on, lock

CPUS = "cpus"
_MACHINE = "this machine"


def gpus_in_use() -> set[str] | None:
    """Return the names of the GPUs in use, None without CUDA_VISIBLE_DEVICES.

    There is none where CUDA shows none, as far as that can be known. A GPU has the name that stands
    there, and by NVML, where it answers, that of its UUID: whoever says 0 and whoever says
    GPU-5a... mean the same one.
    """
    devices = os.environ.get(VISIBLE)
    if devices is None:
        return None
    named = set(words_of(devices))
    with suppress(NvmlError), opened():
        uuids = {device.uuid for device in nvml.visible(devices)}
        return named | uuids if uuids else set()
    return named


def boards_in_use() -> set[str]:
    """Return the UUIDs of the boards of the GPUs in use; none where NVML does not answer."""
    with suppress(NvmlError), opened():
        ours = {device.index for device in nvml.visible(os.environ.get(VISIBLE))}
        return {board.uuid for board in nvml.boards() if board.index in ours}
    return set()


@dataclass(frozen=True)
class GpuLocks:
    """The locks that a run holds."""

    locks: Sequence[Lock]

    def removed(self) -> list[str]:
        """Return what has befallen locks since they were taken; take them again where that is free.

        Somebody who cleans a folder by age may have removed one. Nothing bars others then.
        """
        flaws = []
        for each in self.locks:
            if each.is_removed():
                flaw = f"lock {each.path} was removed while this run held it"
                try:
                    each.take_again()
                except TandemError as error:
                    flaw += f"; {error}"
                flaws.append(flaw)
        return flaws

    def ensure(self) -> None:
        """See that nobody else can have a lock of ours; LockedError, NotReadyError: they can."""
        for each in self.locks:
            if each.is_removed():
                each.take_again()

    def has_others(self) -> bool | None:
        """Whether another run has a part of this machine now; None where that cannot be seen."""
        machines = [each for each in self.locks if each.what == _MACHINE]
        if any(each.kind == fcntl.LOCK_EX for each in machines):
            return False
        pids = [{flock.pid for flock in flocks_on(each.file)} for each in machines]
        if any(each - {os.getpid()} for each in pids):
            return True
        return False if all(pids) else None


@contextmanager
def gpu_locks(
    gpus: Collection[str] | None, cpus: str = CPUS, *, sets_boards: bool = False
) -> Iterator[GpuLocks]:
    """Hold the locks of these GPUs, of the CPUs where there is none, or of the machine.

    `cpus` is the name of the CPUs' lock. `sets_boards` is True for a run that sets the power limit
    or the clocks of their boards, which nobody else may use meanwhile. LockedError names who has
    one of them.
    """
    with ExitStack() as stack:
        boards = fcntl.LOCK_EX if sets_boards else fcntl.LOCK_SH
        yield GpuLocks(_taken(stack, lock_folder(), gpus, cpus, boards))


def _taken(
    stack: ExitStack, folder: str, gpus: Collection[str] | None, cpus: str, boards: int
) -> list[Lock]:
    kind = fcntl.LOCK_EX if gpus is None else fcntl.LOCK_SH
    wanted = [("machine", kind, _MACHINE)]
    wanted += [(f"gpu-{gpu}", fcntl.LOCK_EX, _name_of(gpu)) for gpu in sorted(gpus or ())]
    if gpus:
        wanted += [(f"board-{uuid}", boards, _board_name(uuid)) for uuid in sorted(boards_in_use())]
    if gpus is not None and not gpus:
        wanted.append((cpus, fcntl.LOCK_EX, "the CPUs without any GPU"))
    locks = [stack.enter_context(lock(folder, *each)) for each in wanted]
    for older in older_lock_folders():
        for each in wanted:
            with suppress(NotReadyError):  # what bars a file there is no affair of this version
                stack.enter_context(lock(older, *each))
    return locks


def _board_name(uuid: str) -> str:
    return f"another part of the board {uuid}, whose power limit or clocks one of the two sets"


def _name_of(gpu: str) -> str:
    return gpu if gpu.startswith(("GPU-", "MIG-")) else f"GPU {gpu}"
