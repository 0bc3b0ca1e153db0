"""The real driver on simulated machines: whether the trainings were on what was measured."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from simgpu import INIT, SimGpu
from support.stage import DEADLINE_S, Stage, training_line
from tandem.experiment.validity.hardware import warnings
from tandem.nvml.binding import LIB_RM_VERSION_MISMATCH, LIBRARY_NOT_FOUND
from tandem.results.record import Record

CPU = "sleep {seconds}; echo Test Accuracy: 91.5"
LONG_S, SHORT_S = 5.2, 0.3


def on_cpu(seconds: float) -> str:
    return CPU.format(seconds=seconds)


def run(
    stage: Stage, gpu: SimGpu | None, front: str, back: str | None = None, **environment: str
) -> Mapping[str, Any]:
    """Run one experiment on a machine with these GPUs, and return its record."""
    stage.more_environment = (gpu.environment({}) if gpu else {}) | environment
    stage.build(front, back)
    done = stage.run()
    assert "Traceback" not in done.stdout
    return {**stage.record(), "said": done.stdout}


def warned(record: Mapping[str, Any]) -> list[str]:
    """Return what is warned of; of other kinds there is more on a busy machine."""
    return list(warnings(cast(Record, record)))


def declare(stage: Stage, device: str) -> None:
    """Say in the registry, which is there, what the foreground runs on, and run again."""
    file = stage.folder / "registry.json"
    registry = json.loads(file.read_text())
    registry["models"]["front"]["device"] = device
    file.write_text(json.dumps(registry))


@pytest.mark.long
def test_a_training_that_chooses_another_gpu(stage: Stage, two_gpus: SimGpu) -> None:
    front = training_line(two_gpus.command(seconds=LONG_S, watts=300))
    found = run(
        stage, two_gpus, f"export CUDA_VISIBLE_DEVICES=1; {front}", CUDA_VISIBLE_DEVICES="0"
    )
    why = "the foreground was on GPU 1, which was neither measured nor locked"
    assert found["invalid_reasons"] == [why]
    assert why in found["said"]
    live = "warning: the foreground is on GPU 1, which is neither measured nor locked"
    assert found["said"].index(live) < found["said"].index("ended after")
    assert found["said"].count(live) == 1
    assert [gpu["index"] for gpu in found["gpus_used"]] == [1]
    [window] = found["windows"]
    assert window["gpus"][0]["energy_joules"] > 0
    energy = found["energy_metrics"] or {}
    assert energy.get("gpu_energy_total_joules") is None
    assert "no process of the foreground was on GPU 0 (it was on GPU 1)" in found["energy_reason"]


@pytest.mark.long
def test_a_training_that_falls_back_to_the_cpu(stage: Stage, gpu: SimGpu) -> None:
    found = run(stage, gpu, on_cpu(LONG_S))
    text = "no process of the foreground was on GPU 0"
    assert (found["valid"], warned(found)) == (True, [text])
    assert text in found["said"]
    assert text in found["energy_reason"]
    assert (found["gpus_used"], found["gpus_used_reason"]) == ([], None)
    declare(stage, "gpu")
    assert f'{text}, and its device is "gpu" in the registry' in stage.run().stdout
    assert stage.record()["valid"] is False


def test_a_gpu_that_nvml_cannot_look_at(stage: Stage, gpu: SimGpu) -> None:
    gpu.fail(LIB_RM_VERSION_MISMATCH, *INIT)
    found = run(stage, gpu, on_cpu(SHORT_S))
    [reason] = found["invalid_reasons"]
    assert reason.startswith("nobody could look who was on the GPU: NVML: ")
    assert "warning: this machine has a GPU that cannot be measured: NVML: " in found["said"]
    declare(stage, "cpu")
    stage.run()
    found = stage.record()
    assert found["valid"], found["invalid_reasons"]
    [warning] = warned(found)
    assert warning.startswith("this machine has a GPU that was not measured: NVML: ")


def test_gpus_for_a_training_where_none_can_be_seen(stage: Stage, gpu: SimGpu) -> None:
    gpu.fail(LIBRARY_NOT_FOUND, *INIT)
    stage.more_environment = gpu.environment({})
    stage.build(on_cpu(SHORT_S), None)
    file = stage.folder / "settings.json"
    settings = json.loads(file.read_text())
    settings["experiments"][0]["gpus"] = 0
    file.write_text(json.dumps(settings))
    said = stage.run().stdout
    assert 'experiments[0].gpus: "0" cannot be looked at: no GPU can be seen' in said
    warning = "the foreground was given GPU 0, and no GPU can be seen: "
    assert any(each.startswith(warning) for each in warned(stage.record()))


@pytest.mark.parametrize("shown", ["", "-1"])
def test_a_run_that_is_shown_no_gpu_needs_none(stage: Stage, gpu: SimGpu, shown: str) -> None:
    """The honest run on a machine whose NVML cannot start."""
    gpu.fail(LIB_RM_VERSION_MISMATCH, *INIT)
    found = run(stage, gpu, on_cpu(SHORT_S), CUDA_VISIBLE_DEVICES=shown)
    assert (found["valid"], warned(found)) == (True, [])
    assert "cannot be measured" not in found["said"]


# -- honest runs that stay valid ---------------------------------------------------------


def test_a_laptop_without_a_gpu(stage: Stage) -> None:
    found = run(stage, None, on_cpu(SHORT_S))
    assert (found["valid"], warned(found)) == (True, [])
    assert "too short" in found["gpus_used_reason"]


def test_a_training_of_2_seconds(stage: Stage, gpu: SimGpu) -> None:
    found = run(stage, gpu, training_line(gpu.command(seconds=2)))
    assert (found["valid"], warned(found)) == (True, [])
    assert found["gpus_used"] is None
    assert "too short" in found["gpus_used_reason"]
    assert found["energy_metrics"]["gpu_energy_total_joules"] > 0


@pytest.mark.long
@pytest.mark.parametrize(("option", "value"), [("pid_offset", 10**8), ("processes", "hidden")])
def test_a_container_without_the_hosts_process_ids(
    stage: Stage, gpu: SimGpu, option: str, value: Any
) -> None:
    gpu.set(**{option: value})
    found = run(stage, gpu, training_line(gpu.command(seconds=LONG_S, memory_mib=900)))
    assert (found["valid"], warned(found)) == (True, [])
    assert found["gpus_used"] is None
    assert found["gpus_used_reason"]
    assert found["energy_metrics"]["gpu_energy_total_joules"] > 0


@pytest.mark.long
def test_a_list_of_processes_without_use_as_under_mps(
    stage: Stage, gpu: SimGpu, tmp_path: Path
) -> None:
    """MPS's server is on the GPU once it has a client; NVML reports its use alone."""
    program = tmp_path / "nvidia-cuda-mps-server"
    program.symlink_to("/bin/sleep")
    server = subprocess.Popen([str(program), "1000"])
    stage.more_environment = gpu.environment({})
    back = training_line(gpu.command(seconds=60, sm_percent=20))
    stage.build(training_line(gpu.command(seconds=LONG_S)), back)
    try:
        driver = stage.start(stage.command())
        stage.wait_for_foreground()
        gpu.set(mps_pid=server.pid)
        driver.communicate(timeout=DEADLINE_S)
    finally:
        gpu.set(mps_pid=0)
        server.kill()
        server.wait()
    found = stage.record()
    assert (found["valid"], warned(found)) == (True, [])
    assert found["windows"][-1]["gpus"][0]["mps"] is True
    assert [each["index"] for each in found["gpus_used"]] == [0]


@pytest.mark.long
def test_a_cpu_training_beside_one_on_the_gpu(stage: Stage, gpu: SimGpu) -> None:
    """The board's energy is the background's alone."""
    found = run(stage, gpu, on_cpu(LONG_S), training_line(gpu.command(seconds=60)))
    text = "no process of the foreground was on GPU 0"
    assert (found["valid"], warned(found)) == (True, [text])
    assert (found["energy_metrics"] or {}).get("gpu_energy_total_joules") is None
    assert text in found["energy_reason"]
    assert found["gpus_used"] == []
    assert [each["index"] for each in found["background"]["gpus_used"]] == [0]


@pytest.mark.long
def test_both_trainings_on_the_gpu_that_is_measured(stage: Stage, two_gpus: SimGpu) -> None:
    second = "GPU-51500001-0000-4000-8000-000000000000"
    front = training_line(two_gpus.command(seconds=LONG_S))
    back = training_line(two_gpus.command(seconds=60))
    found = run(stage, two_gpus, front, back, CUDA_VISIBLE_DEVICES=second)
    assert (found["valid"], warned(found)) == (True, [])
    seen = [{"index": 1, "uuid": second, "measured": True}]
    assert found["gpus_used"] == found["background"]["gpus_used"] == seen


@pytest.mark.long
def test_a_background_that_chooses_another_gpu(stage: Stage, two_gpus: SimGpu) -> None:
    back = training_line(two_gpus.command(seconds=60))
    found = run(
        *(stage, two_gpus, training_line(two_gpus.command(seconds=LONG_S))),
        f"export CUDA_VISIBLE_DEVICES=1; {back}",
    )
    both = "the background was on GPU 1, the foreground on GPU 0"
    assert found["invalid_reasons"] == [f'{both}, and no "gpus" in the settings says so']


@pytest.mark.long
def test_a_training_on_a_part_of_a_board(stage: Stage, gpu: SimGpu) -> None:
    gpu.set(mig=1)
    slice_ = "MIG-51500000-0000-4000-8000-000000000001"
    found = run(
        *(stage, gpu, training_line(gpu.command(seconds=LONG_S)), None),
        CUDA_VISIBLE_DEVICES=slice_,
    )
    assert (found["valid"], warned(found)) == (True, [])
    assert found["gpus_used"] == [{"index": 0, "uuid": slice_, "measured": True}]
