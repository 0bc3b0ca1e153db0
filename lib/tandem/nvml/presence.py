"""Whether there is a GPU at all where NVML cannot be asked, and which GPUs a choice may mean."""

from __future__ import annotations

from glob import glob
from itertools import takewhile
from pathlib import Path

from tandem.base.paths import GPU_DRIVER
from tandem.nvml.binding import DRIVER_NOT_LOADED, LIBRARY_NOT_FOUND, NvmlError

DEVICES = "/dev/nvidia*"

_NO_BINDING = 0  # the code of an error that is not NVML's own


def has_gpu(error: NvmlError, devices: str = DEVICES, driver: Path = GPU_DRIVER) -> bool:
    """Whether this machine has a GPU, although NVML cannot start for this reason.

    A container sees its host's driver in /proc also where it was given no GPU: then it has neither
    NVML's library nor a device file.
    """
    if error.code not in (_NO_BINDING, LIBRARY_NOT_FOUND, DRIVER_NOT_LOADED):
        return True  # NVML spoke with a driver
    is_driver_here = error.code == _NO_BINDING and driver.exists()
    return is_driver_here or bool(glob(devices))


def words_of(selection: str) -> list[str]:
    """Return the words of a CUDA_VISIBLE_DEVICES that may name a GPU, as CUDA reads it.

    One that names none hides all behind it: "-1", "NoDevFiles" and "" mean no GPU at all.
    """
    words = (word.strip() for word in selection.split(","))
    return list(takewhile(_may_name_gpu, words))


def _may_name_gpu(word: str) -> bool:
    return word.isdecimal() or word.startswith(("GPU-", "MIG-"))
