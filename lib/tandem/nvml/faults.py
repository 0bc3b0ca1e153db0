"""What a board reports of its own faults: ECC errors, and Xids, the driver's error messages.

NVML must be open (binding.opened). Whatever is not reported raises NvmlError.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

from tandem.nvml.binding import TIMEOUT, NvmlError, call
from tandem.nvml.devices import Board

_CORRECTED, _UNCORRECTED, _VOLATILE = 0, 1, 0  # NVML's numbers
_XID_EVENT = 8
_WAIT_MS = 1
_MOST_EVENTS = 1000


def ecc_errors(board: Board) -> tuple[int, int]:
    """Return how many errors a board has corrected, and not, since the driver was loaded."""
    corrected, uncorrected = (
        int(call("nvmlDeviceGetTotalEccErrors", board.handle, kind, _VOLATILE))
        for kind in (_CORRECTED, _UNCORRECTED)
    )
    return corrected, uncorrected


def pci_place(board: Board) -> tuple[int, int, int]:
    """Return where a board is: the numbers of its PCI domain, bus and device."""
    info = call("nvmlDeviceGetPciInfo", board.handle)
    return int(info.domain), int(info.bus), int(info.device)


class Xids:
    """The Xids that boards report from now on; NVML keeps them for whoever has registered.

    `reasons` says, by uuid, why a board's are not known.
    """

    def __init__(self, boards: Sequence[Board]) -> None:
        """Register for all boards; NvmlError: NVML has no events."""
        self.boards = boards
        self.reasons: dict[str, str] = {}
        self._set = call("nvmlEventSetCreate")
        for board in boards:
            try:
                call("nvmlDeviceRegisterEvents", board.handle, _XID_EVENT, self._set)
            except NvmlError as error:
                self.reasons[board.uuid] = str(error)

    def read(self) -> dict[str, list[int]]:
        """Return the codes that have come, by the uuid of the board."""
        found: dict[str, list[int]] = {board.uuid: [] for board in self.boards}
        try:
            for _ in range(_MOST_EVENTS):
                event = call("nvmlEventSetWait_v2", self._set, _WAIT_MS)
                for board in self._boards_of(event):
                    found[board.uuid].append(int(event.eventData))
        except NvmlError as error:
            if error.code != TIMEOUT:  # which says that there are no more
                self.reasons |= dict.fromkeys(found, str(error))
        return found

    def _boards_of(self, event: Any) -> list[Board]:
        """Return whose event it is: all boards that it can be, where NVML names another."""
        same = [each for each in self.boards if _pointer(each.handle) == _pointer(event.device)]
        return same or list(self.boards)

    def close(self) -> None:
        call("nvmlEventSetFree", self._set)


def _pointer(handle: Any) -> int | None:
    return ctypes.cast(handle, ctypes.c_void_p).value
