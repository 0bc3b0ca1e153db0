"""What a run notes of boards that it has set while they are set."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tandem.base.errors import NotReadyError
from tandem.machine.clocks import held as module
from tandem.machine.clocks import put_back
from tandem.machine.clocks.held import BoardHeld, Held, Setting, hold
from tandem.machine.clocks.kinds import KINDS, MEMORY, POWER, Wanted
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


def test_what_was_never_set_is_not_put_back(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A lock of clocks that an administrator has set would be lifted."""
    lifted: list[Any] = []
    quiet = replace(KINDS[MEMORY], put_back=lambda *which: lifted.append(which))
    monkeypatch.setitem(KINDS, MEMORY, quiet)
    for place in (module, put_back):
        monkeypatch.setattr(place, "state_path", lambda uuid: tmp_path / uuid)
    monkeypatch.setattr(module, "with_lock_of", lambda _stack, _uuid: 0)
    state = BoardState("GPU-1", {MEMORY: 1593.0}, {MEMORY: None})
    monkeypatch.setattr(
        module, "noted", lambda board, *_: BoardHeld(board, state, {MEMORY: Setting(1593.0)})
    )

    def no_holder(*_: Any) -> None:
        raise OSError("no process can be started")

    monkeypatch.setattr(module, "start_holder", no_holder)
    board: Any = SimpleNamespace(uuid="GPU-1", index=0)
    with pytest.raises(NotReadyError, match="memory clock 1593 MHz cannot be set: no process"):
        hold([board], Wanted(memory_clock_mhz=1593), print)
    assert lifted == []
