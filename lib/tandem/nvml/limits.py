"""What can be set of a board: its power limit and its clocks. NVML must be open (binding.opened).

To set needs root. NVML has no call that tells whether clocks are locked, and at what.
"""

from __future__ import annotations

from tandem.nvml.binding import FUNCTION_NOT_FOUND, NOT_SUPPORTED, NvmlError, call
from tandem.nvml.devices import Board

_SM, _MEMORY = 1, 2  # NVML's numbers of the clocks


def power_limit_w(board: Board) -> float:
    """Return the limit that was set last, or the default one."""
    return float(call("nvmlDeviceGetPowerManagementLimit", board.handle)) / 1000


def power_range_w(board: Board) -> tuple[float, float]:
    """Return the lowest and the highest limit that the board takes."""
    least, most = call("nvmlDeviceGetPowerManagementLimitConstraints", board.handle)
    return least / 1000, most / 1000


def set_power_limit(board: Board, watts: float) -> None:
    call("nvmlDeviceSetPowerManagementLimit", board.handle, round(1000 * watts))


def memory_clocks_mhz(board: Board) -> list[int]:
    """Return the clocks that the memory can have, the fastest first."""
    return sorted(call("nvmlDeviceGetSupportedMemoryClocks", board.handle), reverse=True)


def sm_clocks_mhz(board: Board, memory_mhz: int) -> list[int]:
    """Return the clocks that the SMs can have beside one of the memory, the fastest first."""
    return sorted(
        call("nvmlDeviceGetSupportedGraphicsClocks", board.handle, memory_mhz), reverse=True
    )


def lock_sm_clock(board: Board, mhz: int) -> None:
    call("nvmlDeviceSetGpuLockedClocks", board.handle, mhz, mhz)


def unlock_sm_clock(board: Board) -> None:
    call("nvmlDeviceResetGpuLockedClocks", board.handle)


def lock_memory_clock(board: Board, mhz: int) -> None:
    call("nvmlDeviceSetMemoryLockedClocks", board.handle, mhz, mhz)


def unlock_memory_clock(board: Board) -> None:
    call("nvmlDeviceResetMemoryLockedClocks", board.handle)


def sm_application_clock_mhz(board: Board) -> float:
    """Return the application clock of the SMs that is set."""
    return float(call("nvmlDeviceGetApplicationsClock", board.handle, _SM))


def memory_application_clock_mhz(board: Board) -> float:
    return float(call("nvmlDeviceGetApplicationsClock", board.handle, _MEMORY))


def has_persistence(board: Board) -> bool | None:
    """Whether the driver stays loaded without any client; None: not reported."""
    try:
        return bool(call("nvmlDeviceGetPersistenceMode", board.handle))
    except NvmlError as error:
        if error.code in (NOT_SUPPORTED, FUNCTION_NOT_FOUND):
            return None
        raise
