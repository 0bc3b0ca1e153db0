"""How the boards in use are set and divided, by NVML; changes nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass

from tandem.base.variables import VISIBLE
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.boards import compute_mode
from tandem.nvml.devices import Board, Device


@dataclass(frozen=True)
class BoardNow:
    """A board in use; `compute_mode` is None where it is not reported.

    `used` are the GPUs of it that CUDA shows this run: itself, or MIG slices of it.
    """

    board: Board
    compute_mode: str | None
    used: tuple[Device, ...]

    @property
    def slices(self) -> list[Device]:
        """All MIG slices of the board; none where it is whole."""
        return [device for device in self.board.devices if device.mig is not None]


def boards_now() -> list[BoardNow]:
    """Return the boards that CUDA shows, whole or in part; NvmlError: NVML does not answer."""
    with opened():
        ours = nvml.visible(os.environ.get(VISIBLE))
        return [
            BoardNow(board, compute_mode_of(board), used)
            for board in nvml.boards()
            if (used := tuple(device for device in board.devices if device in ours))
        ]


def compute_mode_of(board: Board) -> str | None:
    """Return who may use a board; None where it is not reported. NVML must be open."""
    try:
        return compute_mode(board)
    except NvmlError:
        return None
