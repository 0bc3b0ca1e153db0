"""What describes a board and seldom changes: its limits, its modes, its link.

NVML must be open (binding.opened).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tandem.nvml.binding import NvmlError, call
from tandem.nvml.devices import Board

_GRAPHICS, _SM, _MEMORY = 0, 1, 2  # NVML's numbers of clocks
_NO_CALL = "NVML has no call for it; windows have the clocks that were"
_COMPUTE_MODES = ("default", "exclusive thread", "prohibited", "exclusive process")

DEFAULT, EXCLUSIVE_THREAD, PROHIBITED, EXCLUSIVE_PROCESS = _COMPUTE_MODES

_Reading = tuple[tuple[Any, ...], Callable[[Any], Any]]


def _watts(milliwatts: int) -> float:
    return milliwatts / 1000


def _mode(number: int) -> str:
    return _COMPUTE_MODES[number] if number < len(_COMPUTE_MODES) else f"mode {number}"


def _first(values: list[int]) -> int:
    return int(values[0])


# What is read: the function with its arguments behind the board, and what becomes of its answer.
_READINGS: dict[str, _Reading] = {
    "power_limit_watts": (("nvmlDeviceGetPowerManagementLimit",), _watts),
    "power_limit_enforced_watts": (("nvmlDeviceGetEnforcedPowerLimit",), _watts),
    "power_limit_default_watts": (("nvmlDeviceGetPowerManagementDefaultLimit",), _watts),
    "power_limit_min_watts": (
        ("nvmlDeviceGetPowerManagementLimitConstraints",),
        lambda both: _watts(both[0]),
    ),
    "power_limit_max_watts": (
        ("nvmlDeviceGetPowerManagementLimitConstraints",),
        lambda both: _watts(both[1]),
    ),
    "clock_max_graphics_mhz": (("nvmlDeviceGetMaxClockInfo", _GRAPHICS), int),
    "clock_max_sm_mhz": (("nvmlDeviceGetMaxClockInfo", _SM), int),
    "clock_max_memory_mhz": (("nvmlDeviceGetMaxClockInfo", _MEMORY), int),
    "clock_application_graphics_mhz": (("nvmlDeviceGetApplicationsClock", _GRAPHICS), int),
    "clock_application_memory_mhz": (("nvmlDeviceGetApplicationsClock", _MEMORY), int),
    "persistence_mode": (("nvmlDeviceGetPersistenceMode",), bool),
    "compute_mode": (("nvmlDeviceGetComputeMode",), _mode),
    "ecc_mode": (("nvmlDeviceGetEccMode",), lambda both: bool(_first(both))),
    "mig_mode": (("nvmlDeviceGetMigMode",), lambda both: bool(_first(both))),
    "pcie_generation": (("nvmlDeviceGetCurrPcieLinkGeneration",), int),
    "pcie_generation_max": (("nvmlDeviceGetMaxPcieLinkGeneration",), int),
    "pcie_width": (("nvmlDeviceGetCurrPcieLinkWidth",), int),
    "pcie_width_max": (("nvmlDeviceGetMaxPcieLinkWidth",), int),
}


def compute_mode(board: Board) -> str:
    """Return who may use a board, in words as above; NvmlError: it is not reported."""
    return _mode(call("nvmlDeviceGetComputeMode", board.handle))


def compute_capability(board: Board) -> tuple[int, int]:
    """Return the generation of a board, (9, 0) for Hopper; NvmlError: it is not reported."""
    major, minor = call("nvmlDeviceGetCudaComputeCapability", board.handle)
    return int(major), int(minor)


def facts(board: Board) -> dict[str, Any]:
    """Return what describes a board; None for what it does not report, and `reasons` says why."""
    found: dict[str, Any] = {"index": board.index, "uuid": board.uuid, "name": board.name}
    reasons: dict[str, str] = {}
    for name, (words, convert) in _READINGS.items():
        try:
            function, *arguments = words
            found[name] = convert(call(function, board.handle, *arguments))
        except NvmlError as error:
            found[name], reasons[name] = None, str(error)
    found["clock_locked_mhz"], reasons["clock_locked_mhz"] = None, _NO_CALL
    found["mig_devices"] = list(_mig_devices(board))
    return {**found, "reasons": reasons}


def _mig_devices(board: Board) -> Iterator[dict[str, str]]:
    for device in board.devices:
        if device.mig is not None:
            yield {"uuid": device.uuid, "name": device.name}
