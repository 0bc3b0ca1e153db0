"""A simulated board that loses a known part of its clock beside a background: it is found."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from simgpu_state import now_s
from support.stage import Stage, training_line

ALONE_MHZ, BESIDE_MHZ = 1980, 1500
CONTENTION = 1.25  # what the other training takes beyond what lower clocks do
FRONT = {"watts": 240, "sm_percent": 60, "memory_mib": 1000}
BACK = {"watts": 120, "sm_percent": 30, "memory_mib": 3000}


@contextmanager
def clocks_that_fall_when_two_compute(gpu: SimGpu) -> Iterator[None]:
    """As under a power limit: the clocks are high for one training, and low for two."""
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            at_s = now_s()
            alive = sum(slot.lives(at_s) for slot in gpu.slots())
            gpu.set(sm_clock_mhz=BESIDE_MHZ if alive > 1 else ALONE_MHZ)
            time.sleep(0.01)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.long
def test_a_known_loss_of_clock_is_found_within_its_bound(
    tmp_path: Path, simgpu_library: Path
) -> None:
    loss = ALONE_MHZ / BESIDE_MHZ
    with ExitStack() as stack:
        gpu = stack.enter_context(SimGpu(tmp_path / "gpu.state", simgpu_library))
        stack.enter_context(clocks_that_fall_when_two_compute(gpu))
        stage = Stage(tmp_path, more_environment=gpu.environment({}))
        stack.callback(stage.clean_up)
        pace = 1 / (loss * CONTENTION)
        stage.build(
            training_line(gpu.command(**FRONT, work_seconds=8, epochs=4, shared_speed=pace)),
            training_line(gpu.command(**BACK, seconds=600)),
            controls={"solo": True, "order": "solo_first", "background_seconds": 3},
            validity={"min_coverage": 0.5},
        )
        run = stage.run()
        assert run.returncode == 0, run.stdout
    [found] = [
        json.loads(file.read_text()) for file in tmp_path.glob("results/run_*/*/interference.json")
    ]
    explanation: dict[str, Any] = found["explanation"]
    clocks, rest = (
        explanation["slowdown_by_clocks_at_most"],
        explanation["slowdown_by_the_rest_at_least"],
    )
    assert explanation["warnings"] == []
    assert abs(clocks["value"] - loss) < 3 * clocks["clock_uncertainty"] + 0.01
    assert clocks["clock_uncertainty"] < 0.1
    slowdown = found["figures"]["slowdown"]["value"]
    assert rest["value"] == pytest.approx(slowdown / clocks["value"])
    [board] = explanation["boards"]
    assert board["sm_clock"]["solo_mhz"] == pytest.approx(ALONE_MHZ)
    assert board["memory_clock"]["ratio"] == pytest.approx(1.0)
    assert 'not asked for ("counters": "gpm")' in board["sm_active"]["reason"]
