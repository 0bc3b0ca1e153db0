"""What this machine does not let trainings share is refused before anything starts."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest
from simgpu import DRIVER_NOT_LOADED, INIT, NO_PERMISSION, OF_THE_BOARD, SimGpu
from support import ROOT

PROGRAM = """
import json, sys
from dataclasses import replace
sys.path[:0] = sys.argv[1:3]
from support.plans import experiment, training
from tandem.base.errors import NotReadyError
from tandem.config.options import Dose, GpuSetup
from tandem.plan.model import Background
from tandem.run.shared_gpus import see_sharing

def made(gpus, device="auto", mib=(), fraction=None, **setup):
    visible = [{} if each is None else {"CUDA_VISIBLE_DEVICES": each} for each in gpus]
    first, *others = (training(environment=each, device=device) for each in visible)
    doses = [Dose(gpu_memory_mib=each) for each in mib] or [Dose(gpu_memory_fraction=fraction)]
    doses += [Dose()] * len(others)
    backgrounds = tuple(map(Background, others, doses))
    return experiment(foreground=first, backgrounds=backgrounds, gpu_setup=GpuSetup(**setup))

def answer(case):
    try:
        see_sharing([made(**case)])
    except NotReadyError as error:
        return str(error)

print(json.dumps([answer(case) for case in json.load(sys.stdin)]))
"""
A, B = (f"MIG-51500000-0000-4000-8000-00000000000{each}" for each in (0, 1))
C = "MIG-51500001-0000-4000-8000-000000000000"
START = "experiments[0]: "
TURNS = "no two trainings can take turns on GPU"


def answers(gpu: SimGpu, *cases: dict[str, Any], **more: str) -> list[str | None]:
    """Return what is said against each experiment; `gpus` has foreground and backgrounds."""
    folders = str(ROOT / "tests"), str(ROOT / "lib")
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *folders],
        env=gpu.environment() | more,
        input=json.dumps(cases),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: list[str | None] = json.loads(ran.stdout)
    return found


def test_of_two_on_an_exclusive_board_only_mps_lets_both_in(gpu: SimGpu) -> None:
    gpu.set(compute_mode="exclusive process")
    solo, both = [None], [None, None]
    free = answers(
        *(gpu, {"gpus": solo}, {"gpus": both, "sharing": "mps"}, {"gpus": both, "device": "cpu"}),
        {"gpus": ["0", "-1"]},
    )
    assert free == [None] * 4
    refused = answers(
        gpu,
        *({"gpus": both}, {"gpus": both, "sharing": "time_slicing"}, {"gpus": ["0", None]}),
        *({"gpus": solo, "sharing": "time_slicing"}, {"gpus": ["-1", None, None]}),
    )
    for each in refused:
        assert each and each.startswith(f"{START}{TURNS} 0: its compute mode is exclusive process")
        assert "nvidia-smi -i 0 -c DEFAULT" in each and '"sharing" to "mps"' in each


def test_a_prohibited_board_takes_nobody(gpu: SimGpu) -> None:
    gpu.set(compute_mode="prohibited")
    alone, mps, cpu = answers(
        *(gpu, {"gpus": [None]}, {"gpus": [None, None], "sharing": "mps"}),
        {"gpus": [None], "device": "cpu"},
    )
    assert alone and alone.startswith(f"{START}the foreground cannot use GPU 0: its compute mode")
    assert mps and "the background cannot use GPU 0" in mps
    assert cpu is None


def test_a_board_that_nobody_uses_may_be_in_any_mode(two_gpus: SimGpu) -> None:
    two_gpus.set(1, compute_mode="prohibited")
    assert answers(two_gpus, {"gpus": [None, None]}, {"gpus": ["0", "0"]}) == [None, None]
    [given] = answers(two_gpus, {"gpus": ["1", "0"]})
    assert given and given.startswith(f"{START}the foreground cannot use GPU 1")


def test_mig_wants_a_slice_of_one_board_for_each(two_gpus: SimGpu) -> None:
    two_gpus.set(0, mig=1, mig_profiles="4g.40gb 2g.20gb")
    two_gpus.set(1, mig=1, mig_profiles="1g.10gb")
    mig = {"sharing": "mig"}
    fine = {"gpus": [A, B]} | mig, {"gpus": [A]} | mig, {"gpus": [A[:-1] + "0", B]} | mig
    assert answers(two_gpus, *fine) == [None, None, None]
    one, apart, none, board = answers(
        two_gpus,
        *({"gpus": [A, A]} | mig, {"gpus": [A, C]} | mig),
        *({"gpus": [A, None]} | mig, {"gpus": ["0", B]} | mig),
    )
    there = f"there is {A} (4g.40gb of GPU 0), {B} (2g.20gb of GPU 0), {C} (1g.10gb of GPU 1)"
    start = f'{START}"sharing" is "mig", and '
    assert one == (
        f"{start}foreground and background are given one slice, {A}"
        f" (give each a slice of its own; {there})"
    )
    assert apart == (
        f"{start}foreground and background are given slices of GPU 0 and GPU 1"
        f" (give them slices of one board; {there})"
    )
    assert none == (
        f"{start}the background is given no GPU of its own: it needs one MIG slice"
        f' ("gpus": "MIG-..."; {there})'
    )
    assert board and f"the foreground is given {A} (4g.40gb of GPU 0), {B}" in board


def test_mig_where_no_board_is_divided(gpu: SimGpu) -> None:
    [said] = answers(gpu, {"gpus": ["0", "0"], "sharing": "mig"})
    assert said and "the foreground is given GPU 0: it needs one MIG slice" in said
    assert "there is none: an administrator makes them, see docs/sharing.md" in said


def test_who_takes_turns_has_a_gpu_in_common(two_gpus: SimGpu) -> None:
    turns = {"sharing": "time_slicing"}
    both = {"gpus": ["0", "0,1"]} | turns, {"gpus": [None, None]} | turns, {"gpus": ["0"]} | turns
    assert answers(two_gpus, *both, {"gpus": ["0", "1"]}) == [None] * 4
    [apart] = answers(two_gpus, {"gpus": ["0", "1"]} | turns)
    assert apart == (
        f'{START}"sharing" is "time_slicing", and they share no GPU: the foreground is given'
        ' GPU 0, the background GPU 1 (change "gpus")'
    )


@pytest.mark.parametrize(
    ("mig", "has"),
    [(0, "GPU 0 has 81559 MiB"), (1, f"{A} (3g.40gb of GPU 0) has 40779 MiB")],
)
def test_more_memory_than_there_is(gpu: SimGpu, mig: int, has: str) -> None:
    gpu.set(mig=mig)
    gpu.fail(NO_PERMISSION, *(OF_THE_BOARD if mig else ()))
    place = A if mig else "0"
    fits, much, share = answers(
        gpu,
        {"gpus": [place] * 3, "mib": [20000, 20000]},
        {"gpus": [place] * 3, "mib": [50000, 40000]},
        {"gpus": [place] * 2, "fraction": 1.0},
    )
    assert (fits, share) == (None, None)
    asked = f"{START}50000 + 40000 MiB of GPU memory are asked for"
    assert much == f"{asked}, and {has} (ask for less)"


def test_without_nvml_nobody_guesses(gpu: SimGpu) -> None:
    gpu.fail(DRIVER_NOT_LOADED, *INIT)
    plain, *asked = answers(
        *(gpu, {"gpus": [None, None]}, {"gpus": [None, None], "sharing": "time_slicing"}),
        {"gpus": [None], "power_limit_w": 300.0},
    )
    assert plain is None
    for key, said in zip(("sharing", "power_limit_watts"), asked, strict=True):
        start = f"experiments[0].{key}: no GPU can be seen: NVML: Driver Not Loaded"
        assert said and said.startswith(start)


def test_sharing_where_no_gpu_is_shown(gpu: SimGpu) -> None:
    case = {"gpus": [None, None], "sharing": "mps"}
    [said] = answers(gpu, case, CUDA_VISIBLE_DEVICES="")
    assert (
        said == f'{START}"sharing" is "mps", and none of its trainings is given a GPU that is here'
    )
