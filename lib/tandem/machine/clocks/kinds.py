"""The three things that are set of a board: how each is checked, set, read and put back.

NVML must be open (binding.opened). `words` are the same as options of nvidia-smi.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tandem.nvml import limits
from tandem.nvml.binding import NvmlError
from tandem.nvml.devices import Board

POWER, SM, MEMORY = "power_limit_watts", "sm_clock_mhz", "memory_clock_mhz"
NO_READING = "NVML has no call for locked clocks; windows have the clocks that were"
_NEAR = 4  # clocks around one that a board has not are named


@dataclass(frozen=True)
class Kind:
    """One thing that can be set; its `read` is None where NVML cannot tell what is set."""

    key: str
    name: str
    unit: str
    flaw: Callable[[Board, float, int | None], str]  # why a board cannot be set so; "" it can
    read: Callable[[Board], float] | None
    set: Callable[[Board, float], None]
    put_back: Callable[[Board, float | None], None]
    words: Callable[[float], list[str]]
    words_back: Callable[[float | None], list[str]]

    def text(self, value: float) -> str:
        return f"{self.name} {value:g} {self.unit}"


def _power_flaw(board: Board, watts: float, _memory_mhz: int | None) -> str:
    least_w, most_w = limits.power_range_w(board)
    if least_w <= watts <= most_w:
        return ""
    return f"{watts:g} W is not among the limits of the board, {least_w:g} to {most_w:g} W"


def _memory_flaw(board: Board, mhz: float, _memory_mhz: int | None) -> str:
    have = limits.memory_clocks_mhz(board)
    if mhz in have:
        return ""
    return f"{mhz:g} MHz is no memory clock of the board ({_listed(have)} MHz)"


def _sm_flaw(board: Board, mhz: float, memory_mhz: int | None) -> str:
    memories = [memory_mhz] if memory_mhz else limits.memory_clocks_mhz(board)
    have = sorted({clock for each in memories for clock in limits.sm_clocks_mhz(board, each)})
    if mhz in have:
        return ""
    near = sorted(sorted(have, key=lambda clock: abs(clock - mhz))[:_NEAR])
    range_ = f"{have[0]} to {have[-1]} MHz" if have else "none"
    return f"{mhz:g} MHz is no SM clock of the board ({range_}; near it are {_listed(near)})"


def _listed(clocks: Sequence[int]) -> str:
    return ", ".join(map(str, clocks))


def _set_back_power(board: Board, before: float | None) -> None:
    if before is not None:
        limits.set_power_limit(board, before)


KINDS = {
    each.key: each
    for each in (
        Kind(
            POWER,
            "power limit",
            "W",
            _power_flaw,
            limits.power_limit_w,
            limits.set_power_limit,
            _set_back_power,
            lambda watts: ["-pl", f"{watts:g}"],
            lambda before: ["-pl", f"{before:g}"],
        ),
        Kind(
            MEMORY,
            "memory clock",
            "MHz",
            _memory_flaw,
            None,
            lambda board, mhz: limits.lock_memory_clock(board, int(mhz)),
            lambda board, _before: limits.unlock_memory_clock(board),
            lambda mhz: ["-lmc", f"{mhz:g},{mhz:g}"],
            lambda _before: ["-rmc"],
        ),
        Kind(
            SM,
            "SM clock",
            "MHz",
            _sm_flaw,
            None,
            lambda board, mhz: limits.lock_sm_clock(board, int(mhz)),
            lambda board, _before: limits.unlock_sm_clock(board),
            lambda mhz: ["-lgc", f"{mhz:g},{mhz:g}"],
            lambda _before: ["-rgc"],
        ),
    )
}


@dataclass(frozen=True)
class Wanted:
    """What boards are to be set to; None: left as it is."""

    power_limit_watts: float | None = None
    sm_clock_mhz: int | None = None
    memory_clock_mhz: int | None = None

    def values(self) -> dict[str, float]:
        """Return what is to be set, by its key, in the order in which it is."""
        return {key: value for key in KINDS if (value := getattr(self, key)) is not None}


def flaws(board: Board, wanted: Wanted) -> list[str]:
    """Return why a board cannot be set so, each with its settings key in front."""
    found = []
    for key, value in wanted.values().items():
        try:
            flaw = KINDS[key].flaw(board, value, wanted.memory_clock_mhz)
        except NvmlError as error:
            flaw = f"cannot be set here: {error.with_hint()}"
        if flaw:
            found.append(f"{key}: GPU {board.index} ({board.name}): {flaw}")
    return found
