"""What describes a machine, read from folders made like /sys and /proc."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.person import put
from tandem.machine import description as module
from tandem.machine.description import description, variables
from tandem.nvml.binding import NvmlError


@pytest.fixture(autouse=True)
def no_nvml(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent() -> Any:
        raise NvmlError("NVML: no library")

    monkeypatch.setattr(module, "opened", absent)


@pytest.mark.parametrize(
    ("files", "smt", "turbo"),
    [
        ({"smt/active": "1\n", "cpufreq/boost": "1\n"}, True, True),
        ({"smt/active": "0\n", "cpufreq/boost": "0\n"}, False, False),
        ({"intel_pstate/no_turbo": "0\n"}, None, True),
        ({"intel_pstate/no_turbo": "1\n"}, None, False),
        ({}, None, None),
    ],
)
def test_smt_and_turbo(
    tmp_path: Path, files: dict[str, str], smt: bool | None, turbo: bool | None
) -> None:
    for name, text in files.items():
        put(tmp_path / name, text)
    found = description(tmp_path)
    assert (found["smt"], found["turbo"]) == (smt, turbo)
    assert ("smt" in found["reasons"]) == (smt is None)
    assert ("turbo" in found["reasons"]) == (turbo is None)


def test_swap_and_the_kernels_command_line(tmp_path: Path) -> None:
    put(tmp_path / "proc/meminfo", "MemTotal: 9 kB\nSwapTotal:     2048 kB\nSwapFree: 1 kB\n")
    put(tmp_path / "proc/cmdline", "ro quiet\n")
    found = description(tmp_path, tmp_path)
    assert (found["swap_total_bytes"], found["kernel_command_line"]) == (2048 * 1024, "ro quiet")
    put(tmp_path / "proc/meminfo", "MemTotal: 9 kB\n")
    found = description(tmp_path, tmp_path)
    assert found["swap_total_bytes"] is None
    assert "no SwapTotal" in found["reasons"]["swap_total_bytes"]


def test_without_nvml_the_kernel_says_the_drivers_version(tmp_path: Path) -> None:
    names = ["nvml_version", "cuda_version", "boards"]
    found = description(tmp_path, tmp_path)
    assert [found[name] for name in ["driver_version", *names]] == [None] * 4
    assert "No such file" in found["reasons"]["driver_version"]
    put(tmp_path / "proc/driver/nvidia/version", "NVRM: Kernel Module  535.104.05  2023\n")
    found = description(tmp_path, tmp_path)
    assert found["driver_version"] == "535.104.05"
    assert "driver_version" not in found["reasons"]
    assert {found["reasons"][name] for name in names} == {"NVML: no library"}


def test_every_null_has_a_reason(tmp_path: Path) -> None:
    found = description(tmp_path, tmp_path)
    assert json.loads(json.dumps(found)) == found
    assert {name for name, value in found.items() if value is None} == found["reasons"].keys()


def test_of_variables_only_those_that_matter() -> None:
    found = variables(
        {
            **{"PATH": "/bin", "OMP_NUM_THREADS": "2", "CUDA_VISIBLE_DEVICES": "", "TF_X": "1"},
            **{"HOME": "/root", "MYPATH": "no", "OMP": "no", "XCUDA_X": "no"},
            **{"NVIDIA_API_KEY": "a", "XLA_Token": "b", "PYTORCH_AUTH": "c", "HF_TOKEN": "d"},
        }
    )
    assert found == {
        "variables": {
            **{"CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "2", "PATH": "/bin", "TF_X": "1"}
        },
        "variables_set": ["NVIDIA_API_KEY", "PYTORCH_AUTH", "XLA_Token"],
    }
