"""lib/hold_context.py as a program: a bare context on the simulated GPU, from ready to the end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from simgpu import SimGpu
from simgpu_state import now_s
from support.stage import wait_for
from tandem.base.paths import ROOT

HOLD = [sys.executable, "-S", "-E", str(ROOT / "lib" / "hold_context.py")]
KEEP = [sys.executable, "-S", "-E", str(ROOT / "lib" / "keep.py"), "--"]
DEADLINE_S = 120.0  # a hang guard, not a figure


class Holders:
    """Programs that hold contexts; whoever is left is killed with the test."""

    def __init__(self) -> None:
        self.started: list[subprocess.Popen[str]] = []

    def start(self, gpu: SimGpu, *before: str, **more: Any) -> subprocess.Popen[str]:
        environment = {**gpu.environment(), **more.pop("env", {})}
        process = subprocess.Popen(
            [*before, *HOLD],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **more,
        )
        self.started.append(process)
        return process


@pytest.fixture
def holders() -> Iterator[Holders]:
    made = Holders()
    yield made
    for process in made.started:
        process.kill()
        process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline()


def living(gpu: SimGpu) -> list[int]:
    return [slot.device for slot in gpu.slots() if slot.lives(now_s())]


def test_it_holds_a_context_on_each_gpu_until_it_is_told_to_stop(
    two_gpus: SimGpu, holders: Holders
) -> None:
    process = holders.start(two_gpus)
    assert line_of(process) == "hold_context: ready, GPUs: 2\n"
    assert living(two_gpus) == [0, 1]
    assert [two_gpus.power_w(device, now_s()) for device in (0, 1)] == [100.0, 100.0]
    assert {slot.sm_percent for slot in two_gpus.slots()} == {0}
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE_S) == -signal.SIGTERM
    assert living(two_gpus) == []


@pytest.mark.parametrize("chosen", ["1", "GPU-51500001-0000-4000-8000-000000000000"])
def test_only_the_gpus_that_it_is_shown(two_gpus: SimGpu, holders: Holders, chosen: str) -> None:
    process = holders.start(two_gpus, env={"CUDA_VISIBLE_DEVICES": chosen})
    assert line_of(process) == "hold_context: ready, GPUs: 1\n"
    assert living(two_gpus) == [1]


def test_it_ends_with_its_lifeline(gpu: SimGpu, holders: Holders) -> None:
    out, lifeline = os.pipe()
    environment = {"TANDEM_LIFELINE_FD": str(out)}
    process = holders.start(gpu, env=environment, pass_fds=[out])
    os.close(out)
    assert line_of(process).startswith("hold_context: ready")
    os.close(lifeline)
    assert process.wait(DEADLINE_S) == 0
    assert living(gpu) == []


def test_nothing_of_it_outlives_a_keeper_that_is_killed(gpu: SimGpu, holders: Holders) -> None:
    keeper = holders.start(gpu, *KEEP)
    assert line_of(keeper).startswith("hold_context: ready")
    keeper.kill()
    wait_for("the end of the context", lambda: not living(gpu))


@pytest.mark.parametrize(
    ("function", "code", "name"),
    [
        ("cuInit", 100, "CUDA_ERROR_NO_DEVICE"),
        ("cuDevicePrimaryCtxRetain", 2, "CUDA_ERROR_OUT_OF_MEMORY"),
        ("cuDevicePrimaryCtxRetain", 9999, "an error without a name"),
    ],
)
def test_it_says_in_one_line_what_failed(
    gpu: SimGpu, holders: Holders, function: str, code: int, name: str
) -> None:
    gpu.fail(code, function)
    process = holders.start(gpu)
    out, error = process.communicate(timeout=DEADLINE_S)
    assert (process.returncode, out) == (1, "")
    assert error == f"hold_context: error: {function}: error {code} ({name})\n"
    assert living(gpu) == []


def test_an_exclusive_board_with_somebody_on_it_lets_nobody_in(
    gpu: SimGpu, holders: Holders
) -> None:
    gpu.set(compute_mode="exclusive process")
    gpu.add(watts=100.0)
    _, error = holders.start(gpu).communicate(timeout=DEADLINE_S)
    assert "error 46 (CUDA_ERROR_DEVICE_UNAVAILABLE)" in error


def test_without_cuda_it_says_so(holders: Holders) -> None:
    done = subprocess.run(
        HOLD, env={}, check=False, capture_output=True, text=True, timeout=DEADLINE_S
    )
    assert done.returncode == 1
    assert done.stderr.startswith("hold_context: error: there is no libcuda.so.1")
    assert done.stderr.count("\n") == 1


def test_help_and_usage() -> None:
    shown = subprocess.run([*HOLD, "--help"], check=False, capture_output=True, text=True)
    wrong = subprocess.run([*HOLD, "0"], check=False, capture_output=True, text=True)
    assert (shown.returncode, wrong.returncode) == (0, 2)
    assert "Usage: hold_context.py" in shown.stdout
    assert wrong.stdout == ""
    assert wrong.stderr == "hold_context: error: it takes no arguments (--help)\n"


def test_what_fails_at_the_end_is_said_in_one_line_too(gpu: SimGpu, holders: Holders) -> None:
    gpu.fail(999, "cuDevicePrimaryCtxRelease_v2")
    process = holders.start(gpu)
    assert line_of(process).startswith("hold_context: ready")
    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 1
    assert error.startswith("hold_context: error: cuDevicePrimaryCtxRelease_v2: error 999 (")
    assert error.count("\n") == 1
    assert living(gpu) == []
