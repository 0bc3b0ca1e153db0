"""Real workers on a file server whose answers are lost or wrong, and whose clock is an hour off."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from support import nfs
from support.planned_run import events_of, planned_run, worker_command
from support.stage import Stage
from tandem.experiment.verify import verify_run
from tandem.results.standing import standing_plan

FRONT = "echo $$ >>{runs}; echo Test Accuracy: 60"
# CALL WHEN ERRNO FROM COUNT FOLDER NAME: see support/nfs.c
FAULTS = """\
link after 17 1 1 /claims/ front
link before 116 3 1 /claims/ front
symlink after 17 1 1 /results/ front
symlink before 5 2 1 /results/ front
symlink after 116 4 1 /results/ front
symlink after 17 3 1 /workers/ energy
readlink before 116 5 1 /results/ front
open before 116 2 1 /workers/ .experiment.json
open after 5 3 1 /workers/ .experiment.json
rename after 2 4 1 /workers/ experiment.json
fsync before 5 3 1 /workers/ .experiment.json
fsync after 5 2 1 /workers/ journal.jsonl
rename after 2 2 1 /claims/ aside-
rename before 5 4 1 /claims/ aside-
"""


@pytest.fixture
def run(stage: Stage) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("the faults of a file server need a C compiler (cc)")
    front = FRONT.format(runs=stage.folder / "runs")
    stage.build(front, None, runs_per_config=6, cooldown_seconds=0)
    return planned_run(stage)


def environment(stage: Stage, number: int, **more: str) -> dict[str, str]:
    """Return that of a worker of its own machine, as far as locks tell."""
    locks = stage.folder / f"machine_{number}"
    locks.mkdir()
    shim = {"LD_PRELOAD": str(nfs.library(locks)), "NFS_LOG": str(stage.folder / "log")}
    return {**os.environ, "TANDEM_LOCKS": str(locks), **shim, **more}


def assert_all_is_recorded_once(stage: Stage, run: Path) -> None:
    plan = standing_plan(run)
    names = [each.id for each in plan.experiments]
    standing = {name: os.readlink(run / name) for name in names}
    assert len(standing) == 6
    assert verify_run(run).differences == []
    ended = Counter(each["experiment"] for each in events_of(run) if each["event"] == "ended")
    assert ended == dict.fromkeys(names, 1)
    assert not [each for each in events_of(run) if each["event"] == "lost"]
    assert len((stage.folder / "runs").read_text().splitlines()) == 6, "none ran twice"
    assert not list(run.rglob("*.tmp"))


@pytest.mark.long
def test_a_worker_that_meets_all_faults_ends_all(stage: Stage, run: Path) -> None:
    (stage.folder / "rules").write_text(FAULTS)
    own = environment(stage, 1, NFS_RULES=str(stage.folder / "rules"))
    done = subprocess.run(
        worker_command(stage, run), env=own, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    met = (stage.folder / "log").read_text().splitlines()
    assert len(met) == len(FAULTS.splitlines()), met
    assert_all_is_recorded_once(stage, run)


@pytest.mark.long
def test_a_server_whose_clock_is_an_hour_off(stage: Stage, run: Path) -> None:
    """Two machines, one an hour ahead of the server and one behind: neither takes what is taken."""
    served = {"NFS_FOLDER": str(run)}
    workers = [
        subprocess.Popen(
            worker_command(stage, run, "--claim-expires", "60"),
            env=environment(stage, number, **served, NFS_CLOCK_S=ahead_s),
        )
        for number, ahead_s in enumerate(("3600", "-3600"))
    ]
    assert [each.wait() for each in workers] == [0, 0]
    assert_all_is_recorded_once(stage, run)
    assert len({each["worker"] for each in events_of(run) if each["event"] == "ended"}) == 2
