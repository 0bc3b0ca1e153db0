"""Controllers that are ended together, by a clock that passes when somebody waits."""

from __future__ import annotations

import signal
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tandem.background.dosing import STOP_GRACE_S, Dosing, stop_all


@dataclass
class Clock:
    now_s: float = 1000.0

    def monotonic(self) -> float:
        return self.now_s


@dataclass
class Script:
    """A controller that ends so long after it was told to, or only when it is killed."""

    clock: Clock
    ends_after_s: float = float("inf")
    told_s: float | None = None
    signals: list[int] = field(default_factory=list)

    @property
    def pidfd(self) -> Script:
        return self

    def signal(self, signum: int) -> None:
        self.signals.append(signum)
        if self.told_s is None:
            self.told_s = self.clock.now_s

    def end_s(self) -> float:
        return float("inf") if self.told_s is None else self.told_s + self.ends_after_s

    def ended(self) -> bool:
        return self.clock.now_s >= self.end_s()

    def close(self) -> int:
        return 0 if self.ended() else -signal.SIGKILL


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()

    def select(reads: list[Script], _writes: Any, _errors: Any, wait_s: float) -> tuple[Any, ...]:
        if isinstance(reads[0], int):  # the load's keeper
            return [], [], []
        clock.now_s = min(max(reads[0].end_s(), clock.now_s), clock.now_s + wait_s)
        return (reads if reads[0].ended() else []), [], []

    module = "tandem.background.dosing"
    monkeypatch.setattr(f"{module}.time", clock)
    monkeypatch.setattr(f"{module}.select", SimpleNamespace(select=select))
    monkeypatch.setattr(f"{module}.os", SimpleNamespace(close=lambda _: None))
    monkeypatch.setattr(f"{module}.continue_tree", lambda _: None)
    return clock


Make = Callable[..., Dosing]


@pytest.fixture
def make(clock: Clock, tmp_path: Path) -> Make:
    def made(ends_after_s: float) -> Dosing:
        script: Any = Script(clock, ends_after_s)
        return Dosing(tmp_path, "intensity", 0.5, {}, script)

    return made


def test_those_that_hang_get_one_grace_for_all_of_them(clock: Clock, make: Make) -> None:
    begin_s = clock.now_s
    several = [make(float("inf")) for _ in range(3)]
    scripts: list[Any] = [each.script for each in several]
    stop_all(several)
    assert clock.now_s == begin_s + STOP_GRACE_S
    assert [script.told_s for script in scripts] == [begin_s] * 3
    assert [script.signals for script in scripts] == [[signal.SIGTERM, signal.SIGKILL]] * 3
    problem = "the controller of the dose did not end well: ended by signal 9"
    assert [each.problem for each in several] == [problem] * 3


def test_those_that_end_are_waited_for_no_longer(clock: Clock, make: Make) -> None:
    begin_s = clock.now_s
    several = [make(ends_after_s) for ends_after_s in (0.25, 0.125)]
    stop_all(several)
    assert clock.now_s == begin_s + 0.25
    assert [each.problem for each in several] == [None, None]


def test_one_that_hangs_does_not_cost_another_its_grace(clock: Clock, make: Make) -> None:
    several = [make(float("inf")), make(0.5)]
    stop_all(several)
    assert [each.problem is None for each in several] == [False, True]
