"""The energy of foreground windows against the truth: real driver, simulated trainings."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simgpu import SimGpu
from smi_loop import SmiLoop
from support.stage import Stage, training_line

WAVES_S = (0.3, 0.7, 1.0, 3.0)
LENGTHS_S = (10, 30)
LOOP_LENGTH_S = 30  # windows of this length are seen by an nvidia-smi loop too
BETWEEN_S = (0.2, 0.8)
DEADLINE_S = 3600.0  # a guard, not a figure
# The energy counter as boards have it at worst, the driver's buffer of power as they have it.
BOARD: dict[str, Any] = {"counter_period_s": 0.1, "sample_buffer_s": 2.4}


@dataclass(frozen=True)
class Condition:
    """What happens meanwhile; `held_up_s`: shortest and longest stop of the monitor."""

    name: str
    fills_cores: bool = False
    held_up_s: tuple[float, float] | None = None


QUIET = Condition("quiet")
BUSY = Condition("all cores busy", fills_cores=True)
HELD_UP = (
    Condition("held up 1 to 2.2 s", held_up_s=(1.0, 2.2)),
    Condition("held up 1 to 3 s", held_up_s=(1.0, 3.0)),
)


@dataclass(frozen=True)
class Error:
    """How far the energies of a window are from the truth, in percent of it.

    `loop` is the sum of an nvidia-smi loop, `loop_period_s` its mean time from sample to sample.
    """

    wave_s: float
    counter: float
    trapezoid: float
    loop: float | None = None
    loop_period_s: float | None = None


class Training:
    """A training that the driver repeats on a board of its own: its wave, its length."""

    def __init__(self, condition: Condition, wave_s: float, length_s: int) -> None:
        self.condition = condition
        self.wave_s = wave_s
        self.length_s = length_s

    def start(self, library: Path, folder: Path, runs: int, stack: ExitStack) -> None:
        """Start the driver, and what reads the board or holds the monitor up; `stack` ends them."""
        folder.mkdir(parents=True)
        self.gpu = stack.enter_context(SimGpu(folder / "gpu.state", library, **BOARD))
        self.stage = Stage(folder, more_environment=self.gpu.environment({}))
        stack.callback(self.stage.clean_up)
        wave = square_wave(self.wave_s)
        training = self.gpu.command(**wave, seconds=self.length_s, memory_mib=900)
        self.stage.build(training_line(training), None, runs_per_config=runs)
        self.loop: SmiLoop | None = None
        if self.length_s == LOOP_LENGTH_S and not self.condition.held_up_s:
            self.loop = SmiLoop(smi_environment(self.gpu, library))
            stack.callback(self.loop.stop)
        self.driver = self.stage.start(self.stage.command())
        if self.condition.held_up_s:
            holder = threading.Thread(target=self.hold_up, args=self.condition.held_up_s)
            holder.start()
            stack.callback(holder.join)

    def hold_up(self, shortest_s: float, longest_s: float) -> None:
        """Stop each monitor, from its first samples to its end, again and again."""
        draw = random.Random(f"{self.wave_s} {self.length_s}")
        while self.driver.poll() is None:
            pid = self.monitor()
            if pid is not None:
                send(pid, signal.SIGSTOP)
                time.sleep(draw.uniform(shortest_s, longest_s))
                send(pid, signal.SIGCONT)
            time.sleep(draw.uniform(*BETWEEN_S))

    def monitor(self) -> int | None:
        """Return the monitor that samples now."""
        for file in self.stage.folder.glob("results/*/*/energy/monitor.json"):
            monitor = json.loads(file.read_text())
            if not monitor["end_boottime_s"]:
                return int(monitor["pid"])
        return None

    def errors(self) -> Iterator[Error]:
        """Wait for the driver, and yield the errors of its foreground windows."""
        output, _ = self.driver.communicate(timeout=DEADLINE_S)
        if self.driver.returncode != 0:
            raise SystemExit(f"bench: error: an experiment failed:\n{output}")
        for file in sorted(self.stage.folder.glob("results/*/*/experiment.json")):
            (window,) = json.loads(file.read_text())["windows"]
            (gpu,) = window["gpus"]
            span = (window["start_boottime_s"], window["end_boottime_s"])
            truth_j = self.gpu.truth_j(0, *span)
            counter, trapezoid = (
                off_percent(gpu[f"energy_{method}_joules"], truth_j)
                for method in ("counter", "trapezoid")
            )
            if self.loop is None:
                yield Error(self.wave_s, counter, trapezoid)
            else:
                loop = off_percent(self.loop.energy_j(*span), truth_j)
                yield Error(self.wave_s, counter, trapezoid, loop, self.loop.period_s(*span))


Errors = dict[tuple[Condition, int], list[Error]]  # by condition and length in seconds


def measure(library: Path, folder: Path, runs: int, *conditions: Condition) -> Errors:
    """Run trainings of all waves and lengths side by side, each `runs` times in a row."""
    with ExitStack() as stack:
        if any(condition.fills_cores for condition in conditions):
            stack.enter_context(full_cores())
        trainings = [
            Training(condition, wave_s, length_s)
            for condition in conditions
            for wave_s in WAVES_S
            for length_s in LENGTHS_S
        ]
        for each in trainings:
            place = folder / f"{each.condition.name} {each.wave_s} {each.length_s}"
            each.start(library, place, runs, stack)
        found: Errors = {}
        for each in trainings:
            found.setdefault((each.condition, each.length_s), []).extend(each.errors())
        return found


@contextmanager
def full_cores() -> Iterator[None]:
    spin = [sys.executable, "-S", "-E", "-c", "while True: pass"]
    busy = [subprocess.Popen(spin) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def smi_environment(gpu: SimGpu, library: Path) -> dict[str, str]:
    """Return an environment in which nvidia-smi is the stand-in beside the library."""
    return gpu.environment({**os.environ, "PATH": f"{library}:{os.environ['PATH']}"})


def square_wave(period_s: float) -> dict[str, Any]:
    """Return the flags of a training that draws 300 W and 40 W by turns."""
    return {"shape": "square", "watts": 300, "low_watts": 40, "period": period_s}


def off_percent(energy_j: float, truth_j: float) -> float:
    return 100 * (energy_j / truth_j - 1)


def send(pid: int, signum: int) -> None:
    try:
        os.kill(pid, signum)
    except ProcessLookupError:
        pass
