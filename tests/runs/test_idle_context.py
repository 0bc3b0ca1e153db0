"""The window with a bare CUDA context, by the real driver: 40 W of a context, 60 W of an idle."""

from __future__ import annotations

import json
from typing import Any

import pytest
from simgpu import SimGpu
from support.stage import Stage, training_line
from support.truth import is_true

pytestmark = pytest.mark.long
CONTROLS = {"idle_seconds": 2, "idle_context_seconds": 2}


def run_one(stage: Stage, gpu: SimGpu) -> tuple[dict[str, Any], str]:
    """Run one training alone; return its record and what the driver said."""
    line = training_line(gpu.command(watts=200, work_seconds=2, memory_mib=1000))
    stage.build(line, None, controls=CONTROLS)
    run = stage.run()
    assert run.returncode == 0, run.stdout
    (path,) = stage.folder.glob("results/run_*/*/experiment.json")
    record: dict[str, Any] = json.loads(path.read_text())
    return record, run.stdout


@pytest.mark.usefixtures("on_gpu")
def test_the_context_is_measured_and_no_stranger(stage: Stage, gpu: SimGpu) -> None:
    record, _ = run_one(stage, gpu)
    windows = {window["name"]: window for window in reversed(record["windows"])}
    assert [window["name"] for window in record["windows"]][:2] == ["idle", "idle_context"]
    idle, held = windows["idle"]["gpus"][0], windows["idle_context"]["gpus"][0]
    assert all(is_true(window, gpu) for window in record["windows"])  # within what they say
    assert held["power_avg_watts"] - idle["power_avg_watts"] > 20.0
    assert idle["execution_idle_seconds"] == 0.0, idle["execution_idle_reason"]
    length_s = windows["idle_context"]["duration_seconds"]
    assert held["execution_idle_seconds"] == pytest.approx(length_s, abs=0.2)
    assert held["execution_idle_joules"] == pytest.approx(100.0 * length_s, rel=0.2)
    assert record["valid"], record["invalid_reasons"]
    for window in record["windows"]:
        for each in window["gpus"]:
            assert each["strangers"] == []
            assert each["strangers_hidden_reason"] is None
            assert not each["hidden_memory_mib"]
    assert held["foreground_seen"] is not True
    assert record["idle_context_reason"] is None
    assert all(slot.end_s for slot in gpu.slots())


@pytest.mark.usefixtures("on_gpu")
def test_without_cuda_the_experiment_goes_on_and_says_why(stage: Stage, gpu: SimGpu) -> None:
    gpu.fail(100, "cuInit")
    record, said = run_one(stage, gpu)
    assert [window["name"] for window in record["windows"]] == ["idle", "foreground", "idle"]
    reason = record["idle_context_reason"]
    assert "cuInit: error 100 (CUDA_ERROR_NO_DEVICE)" in reason
    assert f"no idle_context window: {reason}" in record["warnings"]
    assert f"warning: no idle_context window: {reason}" in said
    assert record["valid"], record["invalid_reasons"]
