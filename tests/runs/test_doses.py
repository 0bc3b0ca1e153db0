"""Whole runs with a dosed background on the simulated GPU: what the record says of it."""

from __future__ import annotations

import os
import signal

import pytest
from simgpu import SimGpu
from support.stage import Stage, processes, training_line, wait_for

pytestmark = [pytest.mark.long, pytest.mark.usefixtures("on_gpu")]
LOAD = {"seconds": 600, "sm_percent": 90, "watts": 100, "memory_mib": 500}


def front(gpu: SimGpu, seconds: float) -> str:
    return training_line(gpu.command(seconds=seconds, sm_percent=5, watts=20, memory_mib=100))


@pytest.mark.parametrize("dose", [{"target_gpu_utilization": 45}, {"intensity": 0.5}])
def test_a_dose_is_held_and_recorded(stage: Stage, gpu: SimGpu, dose: dict[str, float]) -> None:
    """How near it comes to what was asked for is printed by bench/dosing.py."""
    stage.build(front(gpu, 6), training_line(gpu.command(**LOAD)), [dose], warmup_seconds=3)
    done = stage.run()
    assert done.returncode == 0, done.stdout
    record = stage.record()
    (window,) = (window for window in record["windows"] if window["name"] == "foreground")
    (part,) = window["load"]["parts"]
    (slot,) = (each for each in gpu.slots() if each.sm_percent == LOAD["sm_percent"])
    assert slot.stop_count > 0
    assert 0 < part["dose"]["duty_mean"] < 1
    assert 0 < part["dose"]["sm_avg_percent"] < LOAD["sm_percent"]
    assert part["dose"]["stopped_seconds"] > 0
    assert window["load"]["coverage"] > 0.95
    assert stage.everything() == {}


def test_a_dose_whose_controller_dies_is_told_of_and_the_load_goes_on(
    stage: Stage, gpu: SimGpu
) -> None:
    dose = {"intensity": 0.05}
    stage.build(front(gpu, 8), training_line(gpu.command(**LOAD)), [dose], warmup_seconds=1)
    driver = stage.start(stage.command())
    stage.wait_for_foreground()
    (controller,) = (
        pid for pid, line in processes(str(stage.folder)).items() if "lib/dose.py" in line
    )
    os.kill(controller, signal.SIGKILL)
    wait_for("the load goes on", lambda: not stopped(stage))
    output, _ = driver.communicate(timeout=120)
    assert driver.returncode == 1, output
    reasons = stage.record()["invalid_reasons"]
    assert any("controller of the dose ended early" in reason for reason in reasons), reasons
    assert stage.everything() == {}


def stopped(stage: Stage) -> list[int]:
    """Return who of the stage is stopped."""
    states = {}
    for pid in stage.everything():
        try:
            with open(f"/proc/{pid}/stat") as file:
                states[pid] = file.read().rpartition(")")[2].split()[0]
        except OSError:
            continue
    return [pid for pid, state in states.items() if state == "T"]
