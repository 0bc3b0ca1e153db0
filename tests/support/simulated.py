"""The real monitor on a simulated board in simulated time: minutes of rows in a moment.

A fake stands at two places: the clock, and NVML's functions. All else (when samples are taken, what
rows say, what windows make of them) is Tandem's own code.
"""

from __future__ import annotations

import bisect
import math
import os
import random
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from tandem.measure.sampling.monitor import Sampler
from tandem.nvml.binding import NOT_SUPPORTED, NvmlError

BEGIN_S = 1000.0
GAP_S, SEEN_S = 0.1, 0.025  # of a board whose sensor sees so much of each so many seconds
BUFFER_S, BUFFER_STEP_S = 2.4, 0.02  # the driver's own samples of power
CALL_S = 0.0001  # an NVML call takes so long in the mean
WAKE_S = 0.001  # a signal wakes the monitor so late, at most
_FIELD_ENERGY, _FIELD_AVERAGE, _FIELD_INSTANT = 83, 185, 186
_U64 = 3  # NVML's type of a value


class Curve:
    """Power that changes at moments, and its exact integral."""

    def __init__(self, changes: Sequence[tuple[float, float]]) -> None:
        """Take (from when on, W); the first one holds from ever."""
        self.times_s = [when_s for when_s, _ in changes]
        self.powers_w = [power_w for _, power_w in changes]
        used_j = [
            (later_s - when_s) * power_w for (when_s, power_w), (later_s, _) in pairwise(changes)
        ]
        self.used_j = list(accumulate(used_j, initial=0.0))

    def power_w(self, when_s: float) -> float:
        return self.powers_w[self._place(when_s)]

    def energy_j(self, when_s: float) -> float:
        place = self._place(when_s)
        return self.used_j[place] + (when_s - self.times_s[place]) * self.powers_w[place]

    def _place(self, when_s: float) -> int:
        return max(bisect.bisect_right(self.times_s, when_s) - 1, 0)


@dataclass
class Sensors:
    """How a board looks at its own power.

    The counter steps every `counter_s` (None: there is none), power is as it was every `power_s`,
    both from a moment of their own on, with noise of so many watts. A gapped one sees 25 of each
    100 ms, and its counter counts what it sees.
    """

    counter_s: float | None = 0.02
    power_s: float = 0.02
    noise_w: float = 1.0
    is_gapped: bool = False
    counter_phase_s: float = 0.0
    power_phase_s: float = 0.0


class Clock:
    """What time it is, and when the monitor gets no CPU: from a moment on, for so long."""

    def __init__(self, stalls: Sequence[tuple[float, float]], chance: random.Random) -> None:
        self.now_s = BEGIN_S
        self.stalls = sorted(stalls)
        self.chance = chance

    def advance(self, by_s: float) -> None:
        self.now_s += by_s
        for from_s, long_s in self.stalls:
            if from_s <= self.now_s < from_s + long_s:
                self.now_s = from_s + long_s

    # What tandem.base.clock asks the module `time`:
    CLOCK_BOOTTIME = 0

    def clock_gettime(self, _clock: int) -> float:
        return self.now_s

    def monotonic(self) -> float:
        return self.now_s

    def time(self) -> float:
        return self.now_s + 1e9


class Nvml:
    """NVML's functions, as the binding names them, for one board."""

    def __init__(self, curve: Curve, sensors: Sensors, clock: Clock, name: str, sm: int) -> None:
        self.curve, self.sensors, self.clock = curve, sensors, clock
        self.name, self.sm_percent = name, sm
        self.seen_j: list[float] = [0.0]  # by a gapped counter, update by update

    def __call__(self, function: str, *arguments: Any) -> Any:
        self.clock.advance(self.clock.chance.uniform(0.5, 1.5) * CALL_S)
        if function in _ANSWERS:
            return _ANSWERS[function]
        method: Callable[..., Any] | None = getattr(self, function, None)
        if method is None:
            raise NvmlError("NVML: Not Supported", "", NOT_SUPPORTED)
        return method(*arguments)

    def nvmlDeviceGetName(self, _board: int) -> str:
        return self.name

    def nvmlDeviceGetUtilizationRates(self, _board: int) -> Any:
        return SimpleNamespace(gpu=self.sm_percent, memory=0)

    def nvmlDeviceGetFieldValues(self, _board: int, ids: Sequence[int]) -> list[Any]:
        return [self.field(id_) for id_ in ids]

    def nvmlDeviceGetSamples(self, _board: int, _kind: int, since_us: int) -> Any:
        now_s = self.clock.now_s
        from_s = max(since_us / 1e6 - 1e9, now_s - BUFFER_S)
        count = int((now_s - from_s) / BUFFER_STEP_S)
        stamps_s = [now_s - BUFFER_STEP_S * place for place in reversed(range(count))]
        return _U64, [
            SimpleNamespace(
                timeStamp=int((when_s + 1e9) * 1e6),
                sampleValue=SimpleNamespace(ullVal=int(self.power_w(when_s) * 1000)),
            )
            for when_s in stamps_s
        ]

    def field(self, id_: int) -> Any:
        if id_ == _FIELD_ENERGY and self.sensors.counter_s is not None:
            value = int(self.counter_j(self.clock.now_s) * 1000) + 10**9
        elif id_ == _FIELD_INSTANT:
            value = int(self.power_w(self.clock.now_s) * 1000)
        else:
            return SimpleNamespace(nvmlReturn=NOT_SUPPORTED)
        return SimpleNamespace(nvmlReturn=0, valueType=_U64, value=SimpleNamespace(ullVal=value))

    def power_w(self, when_s: float) -> float:
        """Return what the board says of its power at a moment."""
        period_s = GAP_S if self.sensors.is_gapped else self.sensors.power_s
        place = math.floor((when_s - self.sensors.power_phase_s) / period_s)
        return self.seen_w(place) + self.sensors.noise_w * (noise(place) - 0.5)

    def seen_w(self, place: int) -> float:
        period_s = GAP_S if self.sensors.is_gapped else self.sensors.power_s
        at_s = place * period_s + self.sensors.power_phase_s
        if not self.sensors.is_gapped:
            return self.curve.power_w(at_s)
        return (self.curve.energy_j(at_s) - self.curve.energy_j(at_s - SEEN_S)) / SEEN_S

    def counter_j(self, when_s: float) -> float:
        if self.sensors.is_gapped:
            return self.gapped_j(when_s)
        period_s, phase_s = self.sensors.counter_s or 1.0, self.sensors.counter_phase_s
        at_s = math.floor((when_s - phase_s) / period_s) * period_s + phase_s
        return self.curve.energy_j(at_s)

    def gapped_j(self, when_s: float) -> float:
        first = math.floor((BEGIN_S - 5.0) / GAP_S)
        count = math.floor((when_s - self.sensors.power_phase_s) / GAP_S) - first
        while len(self.seen_j) <= count:
            self.seen_j.append(self.seen_j[-1] + self.seen_w(first + len(self.seen_j)) * GAP_S)
        return self.seen_j[count]


_ANSWERS: dict[str, Any] = {
    "nvmlInit": None,
    "nvmlShutdown": None,
    "nvmlSystemGetDriverVersion": "590.48.01",
    "nvmlSystemGetNVMLVersion": "13.590.48.01",
    "nvmlDeviceGetCount": 1,
    "nvmlDeviceGetHandleByIndex": 0,
    "nvmlDeviceGetUUID": "GPU-0",
    "nvmlDeviceGetEnforcedPowerLimit": 700_000,
    "nvmlDeviceGetComputeRunningProcesses_v3": [],
    "nvmlDeviceGetTemperature": 50,
    "nvmlDeviceGetClockInfo": 1980,
    "nvmlDeviceGetCurrentClocksEventReasons": 0,
}


def noise(place: int) -> float:
    """Return a number from 0 to 1 that is always the same at a place."""
    return (place * 2654435761 % 2**32) / 2**32


class SimulatedSampler(Sampler):
    """The monitor; it is asked for rows at some moments, and ends at the last of `until_s`."""

    clock: Clock
    marks_s: list[float]
    until_s: float

    def listen(self) -> None:
        """Nobody sends a signal here: `sleep` knows them all."""

    def sleep(self) -> None:
        due_s = max(self.due_s(), self.clock.now_s)
        is_mark = bool(self.marks_s) and self.marks_s[0] <= due_s
        if is_mark:
            due_s = max(self.marks_s.pop(0), self.clock.now_s)
        self.clock.advance(due_s - self.clock.now_s + self.clock.chance.uniform(0.0, WAKE_S))
        self.is_row_asked = self.is_row_asked or is_mark
        self.is_stopping = self.is_stopping or self.clock.now_s >= self.until_s


@dataclass
class Watched:
    """Power that is watched: which windows, by which sensors, with which stalls of the monitor."""

    curve: Curve
    sensors: Sensors
    windows_s: Sequence[tuple[float, float]]
    stalls: Sequence[tuple[float, float]] = ()
    name: str = "Simulated"
    sm_percent: int = 90
    after_s: float = 3.0
    chance: random.Random = field(default_factory=lambda: random.Random(1))


def monitor(watched: Watched, folder: Path) -> None:
    """Let the monitor write its files into an empty folder."""
    clock = Clock(watched.stalls, watched.chance)
    nvml = Nvml(watched.curve, watched.sensors, clock, watched.name, watched.sm_percent)
    edges_s = sorted(edge_s for window_s in watched.windows_s for edge_s in window_s)
    options = Namespace(out=str(folder), interval=0.1, row=1.0, gpus="0", powercap=str(folder))
    options.counters = None
    options.proc, options.run = str(folder), None
    options.foreground = options.background = []
    with faked(clock, nvml), ExitStack() as stack:
        sampler = SimulatedSampler(options, stack)
        sampler.clock, sampler.marks_s = clock, edges_s
        sampler.until_s = edges_s[-1] + watched.after_s
        sampler.run()
    close_below(folder)


def close_below(folder: Path) -> None:
    """Close the files that a monitor leaves open, as its process ends with it."""
    for fd in os.listdir("/proc/self/fd"):
        try:
            if Path(os.readlink(f"/proc/self/fd/{fd}")).is_relative_to(folder):
                os.close(int(fd))
        except FileNotFoundError:
            pass  # the one with which the folder of them was read


@contextmanager
def faked(clock: Clock, nvml: Nvml) -> Iterator[None]:
    with ExitStack() as stack:
        stack.enter_context(patch("tandem.base.clock.time", clock))
        for module in ("binding", "devices", "sensors"):
            stack.enter_context(patch(f"tandem.nvml.{module}.call", nvml))
        stack.enter_context(patch("tandem.measure.sampling.files.say", lambda *_: None))
        yield
