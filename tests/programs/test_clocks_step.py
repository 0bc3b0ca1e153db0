"""Clocks that a step of a Slurm job holds: set by Slurm, read back, put back at the step's end."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from simgpu_state import State
from support.board_rights import srun_in
from support.stage import wait_for
from tandem.base.paths import ROOT

HOLD = """
import json, sys
from dataclasses import asdict
from tandem.base.errors import NotReadyError
from tandem.machine.clocks.held import hold
from tandem.machine.clocks.kinds import Wanted
from tandem.nvml.binding import opened
from tandem.nvml.devices import boards
with opened():
    try:
        held = hold(boards(), Wanted(*json.loads(sys.argv[1])), print)
    except NotReadyError as error:
        sys.exit(str(error))
    print("held", flush=True)
    sys.stdin.readline()
    held.end(print)
[board] = held.boards
print(json.dumps([board.set_by, {key: asdict(each) for key, each in board.settings.items()}]))
"""


def started(gpu: SimGpu, rights: dict[str, str], *wanted: float | None) -> subprocess.Popen[str]:
    environment = gpu.environment(os.environ) | rights | {"PYTHONPATH": str(ROOT / "lib")}
    return subprocess.Popen(
        [sys.executable, "-c", HOLD, json.dumps(wanted)],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def clocks(gpu: SimGpu) -> tuple[int, int]:
    board = State(gpu.environment()["SIMGPU_STATE"]).layout.devices[0]
    return board.sm_application_mhz, board.memory_application_mhz


def left(tmp_path: Path) -> list[str]:
    return [path.name for path in tmp_path.glob("locks/tandem-clocks-*.json")]


@pytest.fixture
def rights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    return srun_in(tmp_path / "bin", works=True)


def test_slurm_sets_clocks_where_nobody_else_may(gpu: SimGpu, rights: dict[str, str]) -> None:
    holding = started(gpu, rights, None, 900, 1593)
    assert holding.stdout
    assert holding.stdout.readline() == "held\n"
    assert clocks(gpu) == (900, 1593)
    said, wrong = holding.communicate("\n")
    assert (holding.returncode, wrong) == (0, "")
    set_by, settings = json.loads(said.splitlines()[-1])
    usual: dict[str, Any] = {"before": None, "reason": None}
    assert set_by == "slurm"
    assert settings == {
        "memory_clock_mhz": {**usual, "requested": 1593, "enforced": 1593, "after": 2619},
        "sm_clock_mhz": {**usual, "requested": 900, "enforced": 900, "after": 1755},
    }
    assert clocks(gpu) == (0, 0)


def test_a_step_ends_with_its_owner(gpu: SimGpu, rights: dict[str, str]) -> None:
    holding = started(gpu, rights, None, 900, None)
    assert holding.stdout
    assert holding.stdout.readline() == "held\n"
    holding.kill()
    holding.communicate()
    wait_for("the clocks are put back", lambda: clocks(gpu) == (0, 0))


@pytest.mark.parametrize(
    ("works", "wanted", "why"),
    [
        (False, (None, 900, None), "Slurm took --gpu-freq=900, but GPU 0 has 1755 MHz"),
        (True, (300, 900, None), "Slurm sets clocks (--gpu-freq), but no power limit"),
    ],
)
def test_what_slurm_does_not_set_is_an_error(
    gpu: SimGpu, tmp_path: Path, works: bool, wanted: tuple[float | None, ...], why: str
) -> None:
    holding = started(gpu, srun_in(tmp_path / "bin", works=works), *wanted)
    said, wrong = holding.communicate()
    assert (holding.returncode, why in wrong) == (1, True), wrong
    assert "not put back" not in said
    assert clocks(gpu) == (0, 0)
