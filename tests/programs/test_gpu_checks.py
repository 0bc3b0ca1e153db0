"""bench/gpu.sh --checks: a line each, as far as a simulated GPU goes; nothing is left behind."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from mps.use import BIN, Mps
from simgpu import SimGpu
from simgpu_state import State
from tandem.base.paths import ROOT

GPU_SH = str(ROOT / "bench" / "gpu.sh")


def lines(done: subprocess.CompletedProcess[str]) -> dict[str, str]:
    found = [line[2:].partition(": ") for line in done.stdout.splitlines() if line[:2] == "- "]
    return {name: text for name, _, text in found}


def checked(environment: dict[str, str], *options: str) -> subprocess.CompletedProcess[str]:
    command = [GPU_SH, *options]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.long
def test_each_check_says_what_it_found_and_puts_back_what_it_set(
    tmp_path: Path, simgpu_library: Path
) -> None:
    """This CUDA knows bare contexts: what needs a program that computes says so."""
    with SimGpu(tmp_path / "gpu.state", simgpu_library, idle_w=60.0) as gpu, Mps(gpu) as mps:
        around = {**mps.environment(), "PATH": f"{BIN}:{os.environ['PATH']}"}
        before = set(Path("/tmp").glob("tandem-mps-*"))
        done = checked(around, "--checks", "--set")
        assert (done.returncode, done.stderr) == (0, "")
        found = lines(done)
        assert found["compute mode"] == "default: two trainings can share it"
        assert found["power limit"] == "asked 560 W, enforced 560 W, put back"
        assert found["MPS's daemon"].startswith("answers after ")
        assert found["a bare context"].startswith("+40.0 W (idle 60.0 W, ")
        for name in ("two MPS clients", "a stopped MPS client", "SM clock", "GPM counters"):
            assert found[name].startswith("not tried: "), found[name]
        assert set(Path("/tmp").glob("tandem-mps-*")) == before
        board = State(tmp_path / "gpu.state").layout.devices[0]
        assert (board.power_limit_w, board.sm_locked_mhz) == (700.0, 0)


def test_without_a_gpu_it_says_so() -> None:
    done = checked({**os.environ, "CUDA_VISIBLE_DEVICES": ""}, "--checks")
    assert (done.returncode, done.stdout) == (3, "")
    assert "gpu.sh: error: " in done.stderr


def test_setting_goes_with_the_checks_alone() -> None:
    done = checked(dict(os.environ), "--set")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--set goes with --checks" in done.stderr
