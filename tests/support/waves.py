"""Power whose energy is known exactly, and a board and a monitor that look at it."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

START_S = 1000.0


@dataclass(frozen=True)
class Square:
    """Power that is high for the first half of every period, and its exact integral."""

    period_s: float
    phase_s: float = 0.0
    low_w: float = 60.0
    high_w: float = 300.0

    def power_w(self, when_s: float) -> float:
        is_high = (when_s - START_S + self.phase_s) % self.period_s < self.period_s / 2
        return self.high_w if is_high else self.low_w

    def energy_j(self, when_s: float) -> float:
        whole, part_s = divmod(when_s - START_S + self.phase_s, self.period_s)
        high_s = whole * self.period_s / 2 + min(part_s, self.period_s / 2)
        return self.low_w * (when_s - START_S) + (self.high_w - self.low_w) * high_s


@dataclass(frozen=True)
class Pulse:
    """Power that is high between two moments, and its exact integral."""

    from_s: float
    to_s: float
    low_w: float = 60.0
    high_w: float = 360.0

    def power_w(self, when_s: float) -> float:
        return self.high_w if self.from_s <= when_s < self.to_s else self.low_w

    def energy_j(self, when_s: float) -> float:
        high_s = min(max(when_s, self.from_s), self.to_s) - self.from_s
        return self.low_w * (when_s - START_S) + (self.high_w - self.low_w) * high_s


@dataclass(frozen=True)
class Levels:
    """Power that changes as often as it likes: from each moment on, so many watts."""

    changes: Sequence[tuple[float, float]]

    def power_w(self, when_s: float) -> float:
        return next(power_w for from_s, power_w in reversed(self.changes) if from_s <= when_s)

    def energy_j(self, when_s: float) -> float:
        ends_s = [*(from_s for from_s, _ in self.changes[1:]), math.inf]
        return sum(
            power_w * (min(end_s, when_s) - from_s)
            for (from_s, power_w), end_s in zip(self.changes, ends_s, strict=True)
            if from_s < when_s
        )


@dataclass
class Board:
    """A board whose counter steps every `update_s`, and the monitor that looks at it.

    The power it tells is as of the last multiple of `power_s`, or a mean over `average_s`. The
    monitor takes a sample every `interval_s` in the mean, the driver's own buffer has one every
    0.02 s; both are drawn, so that no wave stays in step with them.
    """

    wave: Square | Pulse | Levels
    update_s: float = 0.1
    interval_s: float = 0.1
    has_buffer: bool = True
    power_s: float = 0.0
    average_s: float = 0.0
    blind_s: float = 0.0  # for so long behind a mark nothing is looked at
    hunt_s: float = 0.0022  # between two looks for a step of the counter, at most
    rows: list[dict[str, Any]] = field(default_factory=list)
    now_s: float | None = None  # the last sample
    trapezoid_j: float = 0.0
    powers_w: list[float] = field(default_factory=list)  # since the row before, as the next two
    gap_s: float = 0.0
    unsampled_s: float = 0.0
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def counter_mj(self, when_s: float) -> int:
        return int(self.wave.energy_j(updated_s(when_s, self.update_s)) * 1000) + 10**9

    def power_w(self, when_s: float) -> float:
        when_s = updated_s(when_s, self.power_s)
        if not self.average_s:
            return self.wave.power_w(when_s)
        used_j = self.wave.energy_j(when_s) - self.wave.energy_j(when_s - self.average_s)
        return used_j / self.average_s

    def sample(self, when_s: float) -> None:
        power_w = self.power_w(when_s)
        if self.now_s is not None:
            mean_w = (self.power_w(self.now_s) + power_w) / 2
            self.trapezoid_j += mean_w * (when_s - self.now_s)
            self.gap_s = max(self.gap_s, when_s - self.now_s)
        self.now_s = when_s
        self.powers_w.append(power_w)

    def row(self, kind: str = "") -> None:
        """Write a row at the last sample."""
        assert self.now_s is not None
        row: dict[str, Any] = {
            "boottime_s": self.now_s,
            "kind": kind,
            "energy_trapezoid_j": self.trapezoid_j,
            "power_mean_w": sum(self.powers_w) / len(self.powers_w),
            "power_min_w": min(self.powers_w),
            "power_max_w": max(self.powers_w),
            "samples": len(self.powers_w),
            "largest_gap_s": self.gap_s,
        }
        if kind != "filled":
            row["energy_counter_mj"] = self.counter_mj(self.now_s)
            row["unsampled_s"] = self.unsampled_s
            self.unsampled_s = 0.0
        self.rows.append(row)
        self.powers_w, self.gap_s = [], 0.0

    def wake(self, when_s: float) -> None:
        """Take a sample; if the one before is long ago, make up for it as far as possible."""
        last_s = when_s if self.now_s is None else self.now_s
        if when_s - last_s > 0.2 and self.has_buffer:
            for step in range(1, int((when_s - last_s) / 0.02)):
                self.sample(last_s + 0.02 * (step + self.chance.uniform(-0.4, 0.4)))
                if step % 5 == 0:
                    self.row("filled")
        elif when_s - last_s > 0.2:
            self.unsampled_s += when_s - last_s
        self.sample(when_s)

    def mark(self, when_s: float) -> None:
        """Write a row, then the samples about the next two steps of the counter."""
        self.wake(when_s)
        self.row("mark")
        steps = 0
        if self.blind_s:
            when_s += self.blind_s
            self.sample(when_s)
        while steps < 2:
            before_s, when_s = when_s, when_s + self.chance.uniform(0.002, self.hunt_s)
            has_stepped = self.counter_mj(when_s) != self.counter_mj(before_s)
            if has_stepped and self.powers_w:
                self.row("stale")
            self.sample(when_s)
            if has_stepped:
                self.row("fresh")
                steps += 1

    def record(
        self,
        duration_s: float,
        marks_s: Sequence[float] = (),
        held: Sequence[tuple[float, float]] = (),
    ) -> None:
        """Be looked at from START_S on; `held` are the times when the monitor got no CPU."""
        events = [(when_s + 0.0005, "mark") for when_s in marks_s]
        when_s = START_S
        while when_s < START_S + duration_s:
            events.append((when_s, ""))
            when_s += self.interval_s * self.chance.uniform(0.5, 1.5)
        next_s = START_S
        for planned_s, kind in sorted(events):
            late_s = [end_s for begin_s, end_s in held if begin_s <= planned_s < end_s]
            when_s = max([planned_s, *late_s])
            if kind == "mark":
                self.mark(when_s if self.now_s is None else max(when_s, self.now_s + 1e-4))
            elif self.now_s is None or when_s > self.now_s:
                self.wake(when_s)
                if when_s >= next_s:
                    self.row()
                    next_s = max(next_s + 1.0, when_s)


def updated_s(when_s: float, period_s: float) -> float:
    """Return when what is updated every so often was so last."""
    return START_S + (when_s - START_S) // period_s * period_s if period_s else when_s
