"""NVML, NVIDIA's management library: which GPUs there are, what is used of each, and by whom.

All of it is called while NVML is open (binding.opened). Whatever cannot be read raises NvmlError,
whose text says why and whose hint says what would help.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.nvml.binding import (
    FUNCTION_NOT_FOUND,
    NOT_SUPPORTED,
    VERSION_MISMATCH,
    NvmlError,
    call,
    call_growing,
)

_MEMORY_V2 = 0x02000028  # nvmlMemory_v2, which gives what is reserved apart
_TEMPERATURE_GPU = 0  # NVML's number of that sensor
_MIB = 1024 * 1024
_PROFILE = re.compile(r"\bMIG (\S+)$")  # "NVIDIA H100 80GB HBM3 MIG 3g.40gb"
_LISTS = (
    ("nvmlDeviceGetComputeRunningProcesses_v3", "compute"),
    ("nvmlDeviceGetMPSComputeRunningProcesses_v3", "compute"),
    ("nvmlDeviceGetGraphicsRunningProcesses_v3", "graphics"),
)

HIDDEN_MIB = 1024.0  # more than a driver without any process keeps for itself


class UnknownGpuError(Exception):
    """A GPU was asked for by name that this machine has not; the text lists what it has."""


@dataclass(frozen=True)
class Device:
    """What CUDA takes as one GPU: a board, or one MIG device of a board in MIG mode.

    `index` is the board's, as nvidia-smi shows it; `mig` numbers the MIG devices of the board.
    """

    index: int
    uuid: str
    name: str
    mig: int | None
    handle: Any = field(repr=False, compare=False)
    board: Any = field(repr=False, compare=False)

    @property
    def profile(self) -> str | None:
        """The profile of a MIG slice, with which NVML ends its name; None where it does not."""
        found = None if self.mig is None else _PROFILE.search(self.name)
        return found[1] if found else None

    @property
    def stem(self) -> str:
        return f"gpu_{self.index}" + ("" if self.mig is None else f"_mig_{self.mig}")


@dataclass(frozen=True)
class Board:
    """One board, and what CUDA sees of it: itself, or in MIG mode its MIG devices."""

    index: int
    uuid: str
    name: str
    devices: tuple[Device, ...]
    handle: Any = field(repr=False, compare=False)


@dataclass(frozen=True)
class Process:
    """A process that a GPU knows, by NVML's process id; memory None: not reported."""

    pid: int
    kind: str  # "compute" or "graphics"
    memory_mib: float | None
    mps: bool = False  # it uses the GPU through the server of MPS


# -- which GPUs ------------------------------------------------------------------------------


def boards(problems: list[NvmlError] | None = None) -> list[Board]:
    """Return the boards; one that cannot be used (lost, not this user's) is one of `problems`."""
    found = []
    for index in range(call("nvmlDeviceGetCount")):
        try:
            found.append(_board(index, call("nvmlDeviceGetHandleByIndex", index)))
        except NvmlError as error:
            if problems is not None:
                problems.append(NvmlError(f"GPU {index}: {error}", error.hint, error.code))
    return found


def _board(index: int, handle: Any) -> Board:
    uuid, name = _identity(handle)
    devices = [Device(index, uuid, name, None, handle, handle)]
    if _is_mig(handle):
        devices = [
            Device(index, *_identity(device), mig, device, handle)
            for mig, device in _mig_handles(handle)
        ]
    return Board(index, uuid, name, tuple(devices), handle)


def _identity(handle: Any) -> tuple[str, str]:
    return str(call("nvmlDeviceGetUUID", handle)), str(call("nvmlDeviceGetName", handle))


def _is_mig(handle: Any) -> bool:
    try:
        return bool(call("nvmlDeviceGetMigMode", handle)[0])
    except NvmlError:
        return False


def _mig_handles(handle: Any) -> Iterator[tuple[int, Any]]:
    for mig in range(call("nvmlDeviceGetMaxMigDeviceCount", handle)):
        try:
            yield mig, call("nvmlDeviceGetMigDeviceHandleByIndex", handle, mig)
        except NvmlError:
            continue  # that many there could be


def visible(
    selection: str | None, strict: bool = False, problems: list[NvmlError] | None = None
) -> list[Device]:
    """Return the GPUs that CUDA shows under this value of CUDA_VISIBLE_DEVICES.

    None: all of them. Else indices, UUIDs and beginnings of UUIDs that fit one GPU only. A board
    in MIG mode stands for its MIG devices. An entry that fits none hides itself and all after it;
    with `strict` it raises UnknownGpuError.
    """
    have = boards(problems)
    if selection is None:
        return [device for board in have for device in board.devices]
    found: list[Device] = []
    for word in selection.split(","):
        devices = _matching(have, word.strip())
        if not devices and strict:
            there = ", ".join(map(_shown, have))
            raise UnknownGpuError(f'no GPU "{word.strip()}"; there is {there or "none"}')
        if not devices:
            break
        found += [device for device in devices if device not in found]
    return found


def _shown(board: Board) -> str:
    slices = [f"{each.uuid} ({each.profile})" for each in board.devices if each.mig is not None]
    divided = f", divided into {', '.join(slices)}" if slices else ""
    return f"{board.index} ({board.name}, {board.uuid}{divided})"


def others(known: Sequence[Device]) -> list[Device]:
    """Return all other GPUs of this machine: boards, or the MIG devices of those in MIG mode."""
    return [device for board in boards() for device in board.devices if device not in known]


def _matching(have: Sequence[Board], word: str) -> tuple[Device, ...]:
    if word.isdecimal():
        return next((board.devices for board in have if board.index == int(word)), ())
    if word.startswith("GPU-"):
        of_boards = [board.devices for board in have if board.uuid.startswith(word)]
        return of_boards[0] if len(of_boards) == 1 else ()
    of_mig = [
        device
        for board in have
        for device in board.devices
        if word.startswith("MIG-") and device.uuid.startswith(word)
    ]
    return tuple(of_mig) if len(of_mig) == 1 else ()


# -- what they say ---------------------------------------------------------------------------


def utilisation(device: Device) -> tuple[float, float]:
    """Return for what share of the last moment, in percent, kernels ran and memory was busy."""
    rates = call("nvmlDeviceGetUtilizationRates", device.handle)
    return float(rates.gpu), float(rates.memory)


def memory_used_mib(device: Device) -> float:
    """Return what is allocated; drivers before 510 also count what they keep for themselves."""
    return float(_memory(device).used) / _MIB


def memory_total_mib(device: Device) -> float:
    """Return the size of its memory, some of which the driver keeps for itself."""
    return float(_memory(device).total) / _MIB


def _memory(device: Device) -> Any:
    try:
        return call("nvmlDeviceGetMemoryInfo", device.handle, _MEMORY_V2)
    except NvmlError as error:
        if error.code not in (FUNCTION_NOT_FOUND, NOT_SUPPORTED, VERSION_MISMATCH):
            raise
        return call("nvmlDeviceGetMemoryInfo", device.handle)


def temperature_c(device: Device) -> float:
    """Return how warm the GPU is; a MIG device has the temperature of its board."""
    return float(call("nvmlDeviceGetTemperature", device.board, _TEMPERATURE_GPU))


def processes(device: Device) -> list[Process]:
    """Return who is on a GPU, in the order of process ids, clients of MPS included."""
    found: dict[int, Process] = {}
    for function, kind in _LISTS:
        for entry in _listed(function, device):
            known = found.get(entry.pid, Process(entry.pid, kind, None))
            used = entry.usedGpuMemory
            # Who is on two lists has the same memory on both.
            memory_mib = known.memory_mib if used is None else used / _MIB
            mps = known.mps or "MPS" in function
            found[entry.pid] = Process(entry.pid, known.kind, memory_mib, mps)
    return [found[pid] for pid in sorted(found)]


def _listed(function: str, device: Device) -> list[Any]:
    try:
        return list(call_growing(function, device.handle))
    except NvmlError as error:
        # Where there is no MPS, or no graphics, there is no list of them either.
        if function != _LISTS[0][0] and error.code in (NOT_SUPPORTED, FUNCTION_NOT_FOUND):
            return []
        raise
