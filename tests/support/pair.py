"""A pair of trainings whose slowdown and power are known, run by the real driver."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from simgpu import SimGpu

from support.stage import Stage, training_line
from support.summary import rows_of

IDLE_W = 60.0
FRONT = {"watts": 240, "shared_watts": 180, "sm_percent": 60, "memory_mib": 1000}
BACK = {"watts": 120, "shared_watts": 90, "sm_percent": 30, "memory_mib": 3000}
CONTROLS = {"idle_seconds": 1.5, "background_seconds": 9, "solo": True}
WORK_S = 8.0


@dataclass
class Pair:
    """The records of a parallel experiment and its control, what they say, table, and board."""

    parallel: dict[str, Any]
    solo: dict[str, Any]
    interference: dict[str, Any]
    rows: list[dict[str, str]]
    gpu: SimGpu

    def figure(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.interference["figures"][name]
        return found

    def truth_j(self, record: dict[str, Any], name: str) -> float:
        window = next(each for each in record["windows"] if each["name"] == name)
        return self.gpu.truth_j(0, window["start_boottime_s"], window["end_boottime_s"])

    def power_alone_w(self) -> float:
        """Return the true power over the whole rounds in the background's own window."""
        window = next(each for each in self.parallel["windows"] if each["name"] == "background")
        begin, end = (datetime.fromisoformat(window[edge]) for edge in ("started", "ended"))
        [part] = self.parallel["background"]["parts"]
        starts = [datetime.fromisoformat(each["started"]) for each in part["rounds"]]
        inside = [(when - begin).total_seconds() for when in starts if begin <= when <= end]
        assert len(inside) > 3
        from_s, to_s = (window["start_boottime_s"] + inside[place] for place in (0, -1))
        return float(self.gpu.truth_j(0, from_s, to_s) / (to_s - from_s))

    def seconds(self, record: dict[str, Any], name: str) -> float:
        window = next(each for each in record["windows"] if each["name"] == name)
        return float(window["duration_seconds"])


@contextmanager
def measured_pair(folder: Path, library: Path, order: str, pauses: bool = True) -> Iterator[Pair]:
    """Run one pair; the background's rounds follow each other, or one of them lasts for ever."""
    with ExitStack() as stack:
        gpu = stack.enter_context(SimGpu(folder / "gpu.state", library, idle_w=IDLE_W))
        stage = Stage(folder, more_environment=gpu.environment({}))
        stack.callback(stage.clean_up)
        front = gpu.command(**FRONT, work_seconds=WORK_S, epochs=4, shared_speed=0.8)
        rounds = {"work_seconds": 1.5, "shared_speed": 0.75} if pauses else {"seconds": 600}
        back = gpu.command(**BACK, **rounds)
        stage.build(
            training_line(front),
            training_line(back),
            controls={**CONTROLS, "order": order},
            restart_delay_seconds=0,
            validity={"min_coverage": 0.5},
        )
        run = stage.run()
        assert run.returncode == 0, run.stdout
        (run_folder,) = folder.glob("results/run_*")
        records = [json.loads(path.read_text()) for path in run_folder.glob("*/experiment.json")]
        solo, parallel = sorted(records, key=lambda record: str(record["control"]), reverse=True)
        rows = list[dict[str, str]](rows_of(run_folder))
        (together,) = run_folder.glob("*/interference.json")
        yield Pair(parallel, solo, json.loads(together.read_text()), rows, gpu)
