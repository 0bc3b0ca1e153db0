"""Whatever is killed, and whenever: nothing that is finished is lost, or run twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from support import ROOT
from support.stage import DEADLINE_S, Stage
from support.sweep import Sweep, until_killed

KILLER = ROOT / "tests" / "support" / "killer.py"
FRONT = "echo Test Accuracy: 50; sleep 0.1"


SEED = os.environ.get("TANDEM_TEST_SEED", "1")


@pytest.mark.parametrize(
    ("count", "kills"),
    [
        pytest.param(8, 8, marks=pytest.mark.long),
        pytest.param(20, 60, marks=[pytest.mark.soak, pytest.mark.timeout(1200)]),
    ],
)
def test_a_sweep_that_is_killed_again_and_again(stage: Stage, count: int, kills: int) -> None:
    """As often as it was asked for, unless all was done before: a busy machine is slow to start."""
    sweep = Sweep(stage, count, Random(SEED))
    sweep.build()
    until_killed(sweep, kills, 1.8)
    assert sweep.kills
    found = sweep.sum()
    assert 0 < found.pop("cut off and kept") <= kills
    assert found.pop("processes") == 0
    assert set(found.values()) == {count}, found


def run_killed(stage: Stage, kill_at: int) -> str:
    done = subprocess.run(
        [sys.executable, str(KILLER), *stage.command()[2:]],
        env={**stage.environment, "KILL_AT": str(kill_at)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == (-9 if kill_at else 0), done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "trials",
    [
        pytest.param(10, marks=pytest.mark.long),
        pytest.param(100, marks=[pytest.mark.soak, pytest.mark.timeout(3000)]),
    ],
)
def test_killed_at_any_line_that_writes(tmp_path: Path, trials: int) -> None:
    """A random instant hardly ever lies in the milliseconds in which a run's files are written."""
    count = 0
    random = Random(SEED)
    for trial in range(trials):
        stage = Stage(tmp_path / str(trial))
        stage.folder.mkdir()
        controls = {"solo": True, "order": "parallel_first"}
        sweep = Sweep(stage, 1, random)
        sweep.build(FRONT, controls=controls)
        try:
            if trial == 0:
                count = int(run_killed(stage, 0).split()[-2])
                assert count > 500  # or the lines of what writes are not counted
                continue
            kill_at = random.randint(count // 3, count)  # by then there is a plan
            run_killed(stage, kill_at)
            sweep.run_to_end()
            found = sweep.sum()
        finally:
            stage.clean_up()
        assert found.pop("experiments") == 1
        assert found.pop("processes") == 0
        assert found.pop("cut off and kept") <= 1
        assert set(found.values()) == {2}, (kill_at, found)
