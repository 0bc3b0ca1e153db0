"""What describes the boards, against the simulated GPU, through NVML's binding."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from simgpu import DRIVER_NOT_LOADED, FUNCTION_NOT_FOUND, INIT, NOT_SUPPORTED, SimGpu
from tandem.base.paths import ROOT
from tandem.config.schema import sift

PROGRAM = """
import json, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from tandem.machine.description import description
print(json.dumps(description(Path("/sys/devices/system/cpu"))))
"""
WATTS = "nvmlDeviceGetPowerManagementDefaultLimit"
CLOCKS = "nvmlDeviceGetApplicationsClock"
EXPECTED = {
    **{"index": 0, "uuid": "GPU-51500000-0000-4000-8000-000000000000", "name": "Simulated GPU"},
    **{"power_limit_watts": 500.0, "power_limit_enforced_watts": 500.0},
    **{"power_limit_default_watts": 700.0, "power_limit_min_watts": 200.0},
    **{"power_limit_max_watts": 700.0, "clock_max_graphics_mhz": 1980, "clock_max_sm_mhz": 1980},
    **{"clock_max_memory_mhz": 2619, "clock_application_graphics_mhz": 1755},
    **{"clock_application_memory_mhz": 2619, "persistence_mode": True, "compute_mode": "default"},
    **{"ecc_mode": True, "mig_mode": False, "mig_devices": [], "pcie_generation": 5},
    **{"pcie_generation_max": 5, "pcie_width": 16, "pcie_width_max": 16},
    "clock_locked_mhz": None,
    "reasons": {"clock_locked_mhz": "NVML has no call for it; windows have the clocks that were"},
}


def described(gpu: SimGpu, **more: str) -> Any:
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(ROOT / "lib")],
        env=gpu.environment() | more,
        stdout=subprocess.PIPE,
        check=True,
    )
    found = json.loads(answer.stdout)
    whole = {"machine_version": 1, "described": "", **found, "pythons": []}
    assert sift(whole, "machine")[1] == []
    return found


def test_all_that_a_board_reports(gpu: SimGpu) -> None:
    gpu.set(power_limit_w=500.0)
    found = described(gpu)
    assert found["boards"] == [EXPECTED]
    assert (found["driver_version"], found["nvml_version"]) == ("590.48.01", "13.590.48.01")
    assert found["cuda_version"] == "13.1"


def test_every_board_of_the_machine_is_described(two_gpus: SimGpu) -> None:
    two_gpus.set(1, mig=1)
    found = described(two_gpus, CUDA_VISIBLE_DEVICES="0")
    assert [board["mig_mode"] for board in found["boards"]] == [False, True]
    names = [device["name"] for device in found["boards"][1]["mig_devices"]]
    assert names == ["Simulated GPU MIG 3g.40gb"] * 2


def test_what_a_board_does_not_report_is_null_with_a_reason(gpu: SimGpu) -> None:
    gpu.fail(NOT_SUPPORTED, WATTS)
    gpu.fail(FUNCTION_NOT_FOUND, CLOCKS)
    [board] = described(gpu)["boards"]
    nulls = {name for name, value in board.items() if value is None}
    assert nulls == board["reasons"].keys()
    assert nulls == {
        "clock_locked_mhz",
        "power_limit_default_watts",
        "clock_application_graphics_mhz",
        "clock_application_memory_mhz",
    }


def test_a_board_that_is_lost_is_missing_with_a_reason(two_gpus: SimGpu) -> None:
    two_gpus.lose(1)
    found = described(two_gpus)
    assert [board["index"] for board in found["boards"]] == [0]
    assert found["reasons"]["boards"].startswith("GPU 1: ")


@pytest.mark.parametrize("function", ["nvmlSystemGetCudaDriverVersion_v2"])
def test_without_a_version_of_cuda_the_rest_is_there(gpu: SimGpu, function: str) -> None:
    gpu.fail(FUNCTION_NOT_FOUND, function)
    found = described(gpu)
    assert (found["cuda_version"], len(found["boards"])) == (None, 1)
    assert "cuda_version" in found["reasons"]


def test_without_a_driver_there_are_no_boards(gpu: SimGpu) -> None:
    gpu.fail(DRIVER_NOT_LOADED, *INIT)
    found = described(gpu)
    assert found["boards"] is None
    assert "boards" in found["reasons"]
