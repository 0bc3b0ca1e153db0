"""What a run notes of boards that it has set while they are set."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tandem.machine.clocks import held as module
from tandem.machine.clocks.held import BoardHeld, Held, Setting
from tandem.machine.clocks.kinds import KINDS, POWER
from tandem.machine.clocks.state import BoardState
from tandem.nvml.binding import NvmlError


def looked(monkeypatch: pytest.MonkeyPatch, *readings: float | NvmlError) -> Setting:
    """Return what is noted of a limit of 350 W that was read so, one look after the other."""
    left = list(readings)

    def read(_board: Any) -> float:
        reading = left.pop(0)
        if isinstance(reading, NvmlError):
            raise reading
        return reading

    monkeypatch.setitem(KINDS, POWER, replace(KINDS[POWER], read=read))
    monkeypatch.setattr(module, "LOOK_S", 0.0)
    state = BoardState("GPU-1", {POWER: 350.0}, {POWER: 700.0})
    setting = Setting(350.0, before=700.0, enforced=350.0)
    board: Any = None
    held = Held([BoardHeld(board, state, {POWER: setting}, set_by="nvml")])
    while left:
        held.look()
    return setting


def test_a_change_stays_noted_when_it_is_taken_back(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = looked(monkeypatch, 350.0, 250.0, 300.0, 350.0)
    assert setting.enforced == 250.0
    assert setting.reason
    assert "it became power limit 250 W: somebody changed it" in setting.reason


def test_rounding_and_a_look_that_fails_are_no_change(monkeypatch: pytest.MonkeyPatch) -> None:
    setting = looked(monkeypatch, 350.2, NvmlError("Timeout"), 350.0)
    assert (setting.enforced, setting.reason) == (350.0, None)


def test_a_board_that_is_no_longer_set_is_not_looked_at() -> None:
    held = Held([BoardHeld(None, None, {POWER: Setting(350.0)})], has_ended=True)  # type: ignore[arg-type]
    held.look()
