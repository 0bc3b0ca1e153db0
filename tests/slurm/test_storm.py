"""Workers that Slurm starts, and whatever befalls jobs, nodes and daemons: nothing is lost."""

from __future__ import annotations

import os
import time
from random import Random

import pytest
from simgpu import SimGpu
from support.fleet_checks import see_that_all_is_well
from support.slurm import Slurm
from support.slurm_fleet import SlurmFleet, SlurmStorm
from support.stage import Stage

SEED = os.environ.get("TANDEM_TEST_SEED", "1")
WAYS = ("scancel", "requeue", "node down", "slurmd killed", "kill", "kill tree")
RARE = ("slurmctld stopped",)


@pytest.mark.soak
@pytest.mark.timeout(2400)
@pytest.mark.parametrize(("repeats", "faults"), [(15, 40)])
def test_jobs_in_a_storm(
    stage: Stage,
    slurm: Slurm,
    boards: dict[str, SimGpu],
    repeats: int,
    faults: int,
) -> None:
    fleet = SlurmFleet(stage, slurm, boards, workers=6)
    fleet.build(repeats)
    kinds = [*RARE * 3, *(WAYS * faults)][:faults]
    storm = SlurmStorm(fleet, Random(SEED), kinds, slurm=slurm)
    begin_s = time.monotonic()
    try:
        fleet.start()
        storm.rage(30 * faults + 300)
    finally:
        storm.end_all()
        fleet.clean_up()
    print(f"seed {SEED}, {time.monotonic() - begin_s:.0f} s: {dict(storm.done)}")
    assert storm.done.total() == faults
    see_that_all_is_well(fleet)
