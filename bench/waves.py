"""The energy of foreground windows against the truth: real driver, simulated trainings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simgpu import SimGpu
from support.stage import Stage, training_line

WAVES_S = (0.3, 0.7, 1.0, 3.0)
LENGTHS_S = (10, 30)
DEADLINE_S = 3600.0  # a guard, not a figure
# The energy counter as boards have it at worst, the driver's buffer of power as they have it.
BOARD: dict[str, Any] = {"counter_period_s": 0.1, "sample_buffer_s": 2.4}


QUIET, BUSY = "quiet", "all cores busy"


@dataclass(frozen=True)
class Error:
    """How far the energies of a window are from the truth, in percent of it."""

    wave_s: float
    counter: float
    trapezoid: float


class Training:
    """A training that the driver repeats on a board of its own: its wave, its length."""

    def __init__(self, wave_s: float, length_s: int) -> None:
        self.wave_s = wave_s
        self.length_s = length_s

    def start(self, library: Path, folder: Path, runs: int, stack: ExitStack) -> None:
        """Start the driver; `stack` ends it."""
        folder.mkdir(parents=True)
        self.gpu = stack.enter_context(SimGpu(folder / "gpu.state", library, **BOARD))
        self.stage = Stage(folder, more_environment=self.gpu.environment({}))
        stack.callback(self.stage.clean_up)
        wave = square_wave(self.wave_s)
        training = self.gpu.command(**wave, seconds=self.length_s, memory_mib=900)
        self.stage.build(training_line(training), None, runs_per_config=runs)
        self.driver = self.stage.start(self.stage.command())

    def errors(self) -> Iterator[Error]:
        """Wait for the driver, and yield the errors of its foreground windows."""
        output, _ = self.driver.communicate(timeout=DEADLINE_S)
        if self.driver.returncode != 0:
            raise SystemExit(f"bench: error: an experiment failed:\n{output}")
        for file in sorted(self.stage.folder.glob("results/run_*/*/experiment.json")):
            (window,) = json.loads(file.read_text())["windows"]
            (gpu,) = window["gpus"]
            span = (window["start_boottime_s"], window["end_boottime_s"])
            truth_j = self.gpu.truth_j(0, *span)
            counter, trapezoid = (
                off_percent(gpu[f"energy_{method}_joules"], truth_j)
                for method in ("counter", "trapezoid")
            )
            yield Error(self.wave_s, counter, trapezoid)


def measure(library: Path, folder: Path, runs: int) -> dict[int, list[Error]]:
    """Run trainings of all waves and lengths side by side, each `runs` times in a row.

    Return the errors by the length of the windows in seconds.
    """
    with ExitStack() as stack:
        trainings = [Training(wave_s, length_s) for wave_s in WAVES_S for length_s in LENGTHS_S]
        for each in trainings:
            each.start(library, folder / f"{each.wave_s} {each.length_s}", runs, stack)
        found: dict[int, list[Error]] = {}
        for each in trainings:
            found.setdefault(each.length_s, []).extend(each.errors())
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


def square_wave(period_s: float) -> dict[str, Any]:
    """Return the flags of a training that draws 300 W and 40 W by turns."""
    return {"shape": "square", "watts": 300, "low_watts": 40, "period": period_s}


def off_percent(energy_j: float, truth_j: float) -> float:
    return 100 * (energy_j / truth_j - 1)
