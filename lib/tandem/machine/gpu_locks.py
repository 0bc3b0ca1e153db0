"""One run at a time on a GPU.

Without CUDA_VISIBLE_DEVICES a run uses, and locks, the whole machine; with it, the GPUs that it
names, so that runs on different GPUs go side by side.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tandem.base.variables import VISIBLE
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.processes.locks import lock


def gpus_in_use() -> set[str] | None:
    """Return the names of the GPUs in use, None without CUDA_VISIBLE_DEVICES.

    A GPU has the name that stands there, and by NVML, where it answers, that of its UUID: whoever
    says 0 and whoever says GPU-5a... mean the same one.
    """
    devices = os.environ.get(VISIBLE)
    if devices is None:
        return None
    named = {device.strip() for device in devices.split(",")} - {""}
    with suppress(NvmlError), opened():
        return named | {device.uuid for device in nvml.visible(devices)}
    return named


@contextmanager
def gpu_locks(gpus: Collection[str] | None) -> Iterator[None]:
    """Hold the locks of these GPUs, or of the machine; LockedError names who has one of them."""
    with ExitStack() as stack:
        stack.enter_context(lock("machine", fcntl.LOCK_EX if gpus is None else fcntl.LOCK_SH))
        for gpu in sorted(gpus or ()):
            stack.enter_context(lock(f"gpu-{gpu}", fcntl.LOCK_EX))
        yield
