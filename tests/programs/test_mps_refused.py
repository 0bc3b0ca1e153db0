"""What this machine, its boards and the limits do not allow under MPS is refused."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from mps.use import BIN
from simgpu import SimGpu
from support import ROOT
from support.plans import experiment
from tandem.base.errors import NotReadyError
from tandem.config.options import GpuSetup
from tandem.machine.mps.folder import NoFolderError
from tandem.run import mps

PROGRAM = """
import json, sys
sys.path[:0] = sys.argv[1:3]
from support.plans import experiment, training
from tandem.base.errors import NotReadyError
from tandem.base.variables import MPS_MEMORY
from tandem.config.options import Dose, GpuSetup
from tandem.plan.model import Background
from tandem.run import mps

def answer(limits, capability=None):
    if capability:
        mps.compute_capability = lambda board: tuple(capability)
    first, *others = (training(environment={MPS_MEMORY: each} if each else {}) for each in limits)
    loads = tuple(Background(each, Dose()) for each in others)
    try:
        given = experiment(foreground=first, backgrounds=loads, gpu_setup=GpuSetup("mps"))
        mps.see_mps([given])
    except NotReadyError as error:
        return str(error)
    return ""

print(json.dumps([answer(**case) for case in json.load(sys.stdin)]))
"""
FREE = ["", ""]


def answers(gpu: SimGpu, *cases: dict[str, Any]) -> list[str]:
    """Return what is said against trainings with such limits, the foreground first; "": nothing."""
    folders = str(ROOT / "tests"), str(ROOT / "lib")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *folders],
        env=gpu.environment() | {"PATH": f"{BIN}:/usr/bin:/bin"},
        input=json.dumps(cases),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: list[str] = json.loads(ran.stdout)
    return found


def test_limits_that_are_no_limits_or_too_much(gpu: SimGpu) -> None:
    assert answers(gpu, {"limits": FREE}, {"limits": ["0=1G", "0=512MB", ""]}) == ["", ""]
    form, place, together, alone = answers(
        gpu,
        {"limits": ["0=8X", ""]},
        {"limits": ["1=8G", ""]},
        {"limits": ["0=50G", "0=50G"]},
        {"limits": ["0=99999G", ""]},
    )
    assert form.startswith("experiments[0]: CUDA_MPS_PINNED_DEVICE_MEM_LIMIT is")
    assert 'write a number and a limit in G or M: "0=4G"' in form
    assert "the GPUs here are 0" in place
    assert "pinned_device_mem_limit of all is 51200 + 51200 MiB, and GPU 0 has" in together
    assert "ask for less" in alone


def test_a_board_that_is_too_old(gpu: SimGpu) -> None:
    old, without, limited, new = answers(
        gpu,
        {"limits": FREE, "capability": [3, 0]},
        {"limits": FREE, "capability": [6, 1]},
        {"limits": ["0=1G", ""], "capability": [6, 1]},
        {"limits": ["0=1G", ""], "capability": [9, 0]},
    )
    assert "has compute capability 3.0, and MPS needs 3.5" in old
    assert 'limits of "mps" need 7.0' in limited
    assert without == new == ""


def test_a_board_in_mig_mode(gpu: SimGpu) -> None:
    gpu.set(mig=1)
    assert 'GPU 0 is in MIG mode (set "sharing" to "mig"' in answers(gpu, {"limits": FREE})[0]


# -- before any GPU is asked -------------------------------------------------------------------


def refused(sharing: str | None = "mps") -> str:
    try:
        mps.see_mps([experiment(gpu_setup=GpuSetup(sharing))])
    except NotReadyError as error:
        assert error.exit_code == 3
        return str(error)
    return ""


def test_no_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert refused(None) == refused("time_slicing") == ""
    assert "there is no nvidia-cuda-mps-control on PATH" in refused()


def test_no_shared_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(BIN))
    monkeypatch.setattr(mps, "SHARED_MEMORY", "/nowhere/shm")
    assert "there is no /nowhere/shm" in refused()


def test_no_place_for_sockets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def nowhere() -> None:
        raise NoFolderError(f"{tmp_path}: No space left on device")

    monkeypatch.setenv("PATH", str(BIN))
    monkeypatch.setattr(mps, "make_folder", nowhere)
    assert f"no folder can be made for its sockets: {tmp_path}: No space left" in refused()
