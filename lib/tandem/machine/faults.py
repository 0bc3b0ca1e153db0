"""The faults that the boards in use report while an experiment runs: ECC errors and Xids.

NVML keeps Xids for whoever has registered. Where it does not, the kernel's log has them, for those
who may read it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TypedDict

from tandem.base.variables import VISIBLE
from tandem.nvml import devices
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.devices import Board
from tandem.nvml.faults import Xids, ecc_errors, pci_place

KERNEL_LOG = Path("/dev/kmsg")

_XID = re.compile(
    r"NVRM: Xid \(PCI:([0-9a-f]{4,8}):([0-9a-f]{2}):([0-9a-f]{2})[^)]*\): (\d+)", re.IGNORECASE
)
_PIECE_BYTES = 1 << 16  # the kernel gives a line at a time, and none is longer than this


class EccCounts(TypedDict):
    """A board's ECC errors since its driver was loaded; `reason` says why both are None."""

    corrected: int | None
    uncorrected: int | None
    reason: str | None


class XidsSeen(TypedDict):
    """The codes that a board reported; None: not known, and why.

    `xids_beside` are those that came between `begin` and `pause` of the watch.
    """

    xids: list[int] | None
    xids_beside: list[int] | None
    xids_reason: str | None


class BoardFaultsSeen(XidsSeen):
    """What a board reported of its faults."""

    index: int
    uuid: str
    ecc_before: EccCounts
    ecc_after: EccCounts


class KernelLog:
    """What the kernel's log says from now on; `reason` says why it cannot be read, if so."""

    def __init__(self, path: Path) -> None:
        self.reason: str | None = None
        self._file: int | None = None
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            os.lseek(self._file, 0, os.SEEK_END)
        except OSError as error:
            self.reason = f"{path}: {error.strerror}"

    def read(self) -> str:
        """Return what was added since the last reading; less, where the kernel has no room."""
        pieces = []
        while self._file is not None:
            try:
                piece = os.read(self._file, _PIECE_BYTES)
            except BrokenPipeError:  # lines were overwritten before they could be read
                continue
            except OSError:
                break
            if not piece:
                break
            pieces.append(piece)
        return b"".join(pieces).decode(errors="replace")

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)


def xids_in(text: str) -> Iterator[tuple[tuple[int, int, int], int]]:
    """Yield the Xids in the kernel's words, each with its board's PCI domain, bus and device."""
    for match in _XID.finditer(text):
        domain, bus, device = (int(number, 16) for number in match.groups()[:3])
        yield (domain, bus, device), int(match[4])


class FaultWatch:
    """What the boards in use report from now until it is asked, once.

    Neither NVML nor the kernel's log says reliably when an Xid came, so who wants to know looks
    before and after: `begin`, again for each attempt at a foreground, and `pause` at its end.
    """

    def __init__(self, kernel_log: Path = KERNEL_LOG) -> None:
        self._stack = ExitStack()
        self._boards: list[Board] | None = None
        with suppress(NvmlError):
            self._stack.enter_context(opened())
            self._boards = boards_in_use()
        self._log = KernelLog(kernel_log)
        self._stack.callback(self._log.close)
        self._before = {board.uuid: ecc_now(board) for board in self._boards or ()}
        self._xids: Xids | str
        try:
            self._xids = Xids(self._boards or ())
        except NvmlError as error:
            self._xids = str(error)
        self._events: dict[str, list[int]] = {board.uuid: [] for board in self._boards or ()}
        self._said = ""
        self._from: dict[str, int] = {}
        self._to: dict[str, int] = {}

    def begin(self) -> None:
        self._from, self._to = self._counts(), {}

    def pause(self) -> None:
        self._to = self._counts()

    def end(self) -> list[BoardFaultsSeen] | None:
        """Return what each board has reported, as in outcome.json; None: NVML does not answer."""
        try:
            return None if self._boards is None else self._found(self._boards)
        finally:
            if isinstance(self._xids, Xids):
                with suppress(NvmlError):
                    self._xids.close()
            self._stack.close()

    def _found(self, boards: list[Board]) -> list[BoardFaultsSeen]:
        self._look()
        return [
            {
                "index": board.index,
                "uuid": board.uuid,
                "ecc_before": self._before[board.uuid],
                "ecc_after": ecc_now(board),
                **self._xids_of(board),
            }
            for board in boards
        ]

    def _look(self) -> None:
        """Take what has come since the last look."""
        for uuid, codes in (self._xids.read() if isinstance(self._xids, Xids) else {}).items():
            self._events[uuid] += codes
        self._said += self._log.read()

    def _counts(self) -> dict[str, int]:
        """Return how many Xids each board has reported so far."""
        self._look()
        return {board.uuid: len(self._codes(board)[0] or ()) for board in self._boards or ()}

    def _xids_of(self, board: Board) -> XidsSeen:
        codes, reason = self._codes(board)
        beside = slice(self._from.get(board.uuid), self._to.get(board.uuid))
        return {
            "xids": codes,
            "xids_beside": None if codes is None else codes[beside],
            "xids_reason": reason,
        }

    def _codes(self, board: Board) -> tuple[list[int] | None, str | None]:
        """Return a board's Xids by NVML's events, else by the kernel's log; None with why."""
        events = self._events[board.uuid]
        reason: str | None = self._xids if isinstance(self._xids, str) else None
        if isinstance(self._xids, Xids):
            reason = self._xids.reasons.get(board.uuid)
        if reason is None or events:
            return events, reason
        if self._log.reason:
            return None, f"{reason}; {self._log.reason}"
        try:
            place = pci_place(board)
        except NvmlError as error:
            return None, f"{reason}; {error}"
        return [code for at, code in xids_in(self._said) if at == place], None


def boards_in_use() -> list[Board]:
    """Return the boards of the GPUs that CUDA shows."""
    used = {device.index for device in devices.visible(os.environ.get(VISIBLE))}
    return [board for board in devices.boards() if board.index in used]


def ecc_now(board: Board) -> EccCounts:
    """Return the counts of a board's ECC errors; None for both, and why, where not reported."""
    try:
        corrected, uncorrected = ecc_errors(board)
        return {"corrected": corrected, "uncorrected": uncorrected, "reason": None}
    except NvmlError as error:
        return {"corrected": None, "uncorrected": None, "reason": str(error)}
