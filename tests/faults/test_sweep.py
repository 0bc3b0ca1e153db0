"""Whatever is killed, and whenever: nothing that is finished is lost, or run twice."""

from __future__ import annotations

from random import Random

import pytest
from stage import Stage
from sweep import Sweep, until_killed


@pytest.mark.timeout(400)
def test_a_sweep_that_is_killed_again_and_again(stage: Stage) -> None:
    sweep = Sweep(stage, 8, Random(1))
    sweep.build()
    until_killed(sweep, 8, 1.8)
    assert sum(sweep.kills.values()) == 8
    found = sweep.sum()
    assert 0 < found.pop("cut off and kept") <= 8
    assert found.pop("processes") == 0
    assert set(found.values()) == {8}, found
