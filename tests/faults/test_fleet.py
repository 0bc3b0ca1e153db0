"""Workers, and whatever befalls them: every group is recorded once, and nothing is lost."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from support.fleet import Fleet
from support.fleet_checks import see_that_all_is_well
from support.stage import Stage
from support.storm import Storm, may_mount

SEED = os.environ.get("TANDEM_TEST_SEED", "1")


@pytest.fixture
def fleet(stage: Stage, simgpu_library: Path) -> Iterator[Fleet]:
    """Six boards on two hosts."""
    made = Fleet(stage, simgpu_library)
    yield made
    made.clean_up()


@pytest.mark.parametrize(
    ("repeats", "faults"),
    [
        pytest.param(5, 8, marks=pytest.mark.long),
        pytest.param(15, 40, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
def test_workers_in_a_storm(fleet: Fleet, repeats: int, faults: int) -> None:
    fleet.build(repeats)
    ways = ["kill", "kill tree", "stop", *(["read-only"] if may_mount(fleet.stage.folder) else [])]
    storm = Storm(fleet, Random(SEED), (ways * faults)[:faults])
    begin_s = time.monotonic()
    try:
        fleet.start()
        storm.rage(20 * faults + 100)
    finally:
        storm.end_all()
    print(f"seed {SEED}, {time.monotonic() - begin_s:.0f} s: {dict(storm.done)}")
    assert storm.done.total() == faults
    see_that_all_is_well(fleet)
