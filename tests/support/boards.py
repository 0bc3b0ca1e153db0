"""Short foreground windows on boards whose sensors are slow: what is measured, and the truth."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simgpu import COUNTER, NOT_SUPPORTED, SimGpu

from support.stage import DEADLINE_S, Stage, training_line
from support.truth import is_true

SHORT_S = (0.2, 1, 5, 0.2, 1, 10)
BOARDS = {  # how often they update counter and power; None: there is no counter
    "both 0.1 s": (0.1, 0.1),
    "both 0.025 s": (0.025, 0.025),
    "power 0.1 s": (0.02, 0.1),
    "no counter": (None, 0.1),
}


@dataclass
class Measured:
    """What a scenario left: its record's foreground window, and the truth about that time.

    `is_true`: its energy is, or it has none.
    """

    record: dict[str, Any]
    gpu: dict[str, Any]
    truth_j: float
    is_true: bool

    @property
    def error_j(self) -> float:
        error_j: float = self.gpu["energy_joules"] - self.truth_j
        return error_j

    @property
    def deviations(self) -> float:
        """The error in units of what is stated for it."""
        deviations: float = self.error_j / self.gpu["energy_uncertainty_joules"]
        return deviations


def root_mean_square(values: Sequence[float]) -> float:
    return math.sqrt(sum(value**2 for value in values) / len(values))


@contextmanager
def short_windows(parent: Path, library: Path) -> Iterator[dict[str, list[Measured]]]:
    """Run the real driver on every board, side by side: on each the short trainings in turn."""
    with ExitStack() as stack:
        running = {}
        for name, (counter_s, power_s) in BOARDS.items():
            folder = parent / name.replace(" ", "_")
            folder.mkdir()
            gpu = stack.enter_context(SimGpu(folder / "gpu.state", library))
            gpu.set(counter_period_s=counter_s or 0.0, power_period_s=power_s)
            if counter_s is None:
                gpu.fail(NOT_SUPPORTED, *COUNTER)
            stage = Stage(folder, more_environment=gpu.environment({}))
            stack.callback(stage.clean_up)
            (folder / "lengths").write_text("".join(f"{length_s}\n" for length_s in SHORT_S))
            lengths = folder / "lengths"
            first = f"seconds=$(head -n 1 {lengths}) && sed -i 1d {lengths}\n"
            front = training_line(gpu.command(watts=300))
            stage.build(f'{first}{front} "--seconds=$seconds"', None, runs_per_config=len(SHORT_S))
            running[name] = (stage, gpu, stage.start(stage.command()))
        for _, _, driver in running.values():
            output, _ = driver.communicate(timeout=DEADLINE_S)
            assert driver.returncode == 0, output
        yield {
            name: [measure(record, gpu) for record in records_of(stage)]
            for name, (stage, gpu, _) in running.items()
        }


def records_of(stage: Stage) -> list[dict[str, Any]]:
    files = stage.folder.glob("results/run_*/*/experiment.json")
    return [json.loads(path.read_text()) for path in files]


def measure(record: dict[str, Any], gpu: SimGpu) -> Measured:
    (window,) = record["windows"]
    truth_j = gpu.truth_j(0, window["start_boottime_s"], window["end_boottime_s"])
    (seen,) = window["gpus"]
    return Measured(record, seen, truth_j, seen["energy_joules"] is None or is_true(window, gpu))
