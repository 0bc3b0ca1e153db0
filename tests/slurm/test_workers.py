"""Workers that Slurm starts, places and ends: `tandem submit` on a cluster of two nodes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from support.slurm import NODES, Slurm, slurm_started
from support.stage import DEADLINE_S, Stage, wait_for
from support.submitted import SEED, Submitted, answer, build_pairs, driver
from support.summary import Cells, rows_of

PAIRS = 4
SHORT = "echo Test Accuracy: 50; exec sleep 0.5"
BACK = "echo at work; exec sleep 1000"
FAILS_WHEN_ASKED_TO_END = "trap 'exit 1' TERM; echo Epoch 1/9; while true; do sleep 0.1; done"
OF_BOTH: tuple[str, ...] = (
    "experiment_id",
    "hyperparam_learning_rate",
    "perf_accuracy",
    "retries",
    "mode",
    "status",
)
OF_BOTH += ("repository", "model", "seed", "twin", "control", "group", "counts", "valid")


def ends_once(stage: Stage) -> str:
    """Return a training that soon ends, and each further time only when it is released."""
    first = f"if mkdir {stage.folder / 'has_ended_once'}; then echo Test Accuracy: 50; exit; fi"
    return f"{first}\n{stage.worker('front')}"


def values_of(row: Cells) -> list[str]:
    """Return of a row what is the same wherever it was measured."""
    return [row[name] for name in OF_BOTH]


def pairs_of(run: Path) -> list[tuple[str, str]]:
    """Return which parallel experiment stands beside which control."""
    files = [json.loads(path.read_text()) for path in run.glob("*/interference.json")]
    return sorted((each["experiment_id"], each["twin"]) for each in files)


def compared(run: Path, environment: dict[str, str]) -> list[list[Any]]:
    """Return what `compare` puts together, and of how many it is."""
    names = ("foreground", "background", "hardware", "configurations", "experiments")
    groups = json.loads(answer(driver("compare", "--format", "json", run), environment))["groups"]
    return [[group[name] for name in names] for group in groups]


# -- the main path ---------------------------------------------------------------------------


def test_two_nodes_measure_what_one_machine_measures(
    stage: Stage, slurm: Slurm, gpu: SimGpu
) -> None:
    locks = stage.folder / "locks_of_one_machine"
    locks.mkdir()
    stage.more_environment = gpu.environment({"TANDEM_LOCKS": str(locks)})
    gpu.set(c_per_w=0.0)  # no cool-down
    build_pairs(stage, gpu, PAIRS)
    alone = stage.start(stage.command(*SEED), stderr=None)
    there = Submitted.of(stage, slurm, *SEED, "--workers=2")
    there.wait_until_over()
    output, _ = alone.communicate(timeout=DEADLINE_S)
    assert alone.returncode == 0, output
    (here,) = stage.folder.glob("results/run_*")
    assert there.states() == ["COMPLETED"] * 2, there.logs()

    plans = [json.loads((run / "plan.json").read_text()) for run in (here, there.run)]
    assert plans[0]["experiments"] == plans[1]["experiments"]
    rows, ours = rows_of(there.run), rows_of(here)
    assert [values_of(row) for row in rows] == [values_of(row) for row in ours]
    assert [row["valid"] for row in rows] == ["True"] * 2 * PAIRS
    assert len(pairs_of(here)) == PAIRS
    assert pairs_of(there.run) == pairs_of(here)
    together = [["front/default", "back/default", "Simulated GPU", PAIRS, PAIRS]]
    assert compared(there.run, slurm.environment) == compared(here, stage.environment) == together

    groups: dict[str, set[tuple[str, str]]] = {}
    for row in rows:
        groups.setdefault(row["group"], set()).add((row["host"], row["board"]))
    assert [len(places) for places in groups.values()] == [1] * PAIRS
    used = {place for places in groups.values() for place in places}
    assert len(used) == len(NODES)
    assert len({board for _, board in used}) == len(NODES)
    assert "8 valid" in there.status()
    there.wait_until_nothing_lives()


def test_status_knows_a_run_that_slurm_has_forgotten(
    stage: Stage, boards: dict[str, SimGpu]
) -> None:
    """Jobs are gone from squeue and scontrol MinJobAge after their end, and sacct is not there."""
    with slurm_started("MinJobAge=5") as slurm:
        slurm.put_boards(boards)
        stage.build(SHORT, None)
        run = Submitted.of(stage, slurm)
        wait_for("it is forgotten", lambda: slurm.state(run.job) == "forgotten")
        said = run.status()
        assert "ended" in said.splitlines()[0]
        assert "1 experiment" in said
        assert "still at work" not in said
        command = driver("submit", "--resume", run.run)
        assert "nothing is missing" in answer(command, slurm.environment)


def test_a_run_inside_salloc_keeps_to_the_end_of_its_allocation(
    stage: Stage, slurm: Slurm, gpu: SimGpu
) -> None:
    """The command of salloc runs where salloc was typed, and has no GPU of the job's node there."""
    stage.build(SHORT, None)
    stage.more_environment = gpu.environment(slurm.environment)
    done = stage.run_command(["salloc", "--gres=gpu:1", "--time=1", *stage.command()])
    assert done.returncode == 0, done.stdout
    assert "as with --until" in done.stdout
    assert "1 valid" in done.stdout


def test_what_sbatch_refuses_is_shown_and_no_run_is_left(stage: Stage, slurm: Slurm) -> None:
    stage.build(SHORT, None)
    stage.more_environment = slurm.environment
    done = stage.run_command(Submitted.command(stage, "--partition=nowhere"))
    assert done.returncode == 3
    assert "invalid partition specified: nowhere" in done.stdout
    assert not [*stage.folder.glob("submitted/run_*")]


# -- ends ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["cgroups", "parents"])
@pytest.mark.parametrize("front", ["obeys", "fails"])
def test_scancel_in_mid_experiment_leaves_nothing_alive(
    stage: Stage, request: pytest.FixtureRequest, front: str, how: str
) -> None:
    """What was cut off is no failure, also where TERM reaches the training before the worker acts.

    Without cgroups it does: Slurm sends it to all processes of the job at the same moment.
    """
    slurm: Slurm = request.getfixturevalue("slurm" if how == "cgroups" else "slurm_of_parents")
    line = stage.worker("front") if front == "obeys" else FAILS_WHEN_ASKED_TO_END
    stage.build(line, BACK)
    run = Submitted.of(stage, slurm)
    run.wait_for_foreground()
    slurm.run("scancel", run.job)
    run.wait_until_over()
    run.wait_until_nothing_lives()
    assert run.states() == ["CANCELLED"]
    assert run.records() == {}
    assert run.cut_off() == ["interrupted"], run.logs()
    assert [*run.events("ended")] == []
    assert not any((run.run / "claims").glob("[!.]*"))


@pytest.mark.parametrize("how", ["requeued", "driven out"])
def test_a_worker_that_is_queued_again_runs_what_was_cut_off(
    stage: Stage, slurm: Slurm, how: str
) -> None:
    stage.build(stage.worker("front"), BACK)
    run = Submitted.of(stage, slurm)
    run.wait_for_foreground()
    if how == "requeued":
        slurm.run("scontrol", "requeue", run.job)
    else:
        node = slurm.job(run.job)["NodeList"]
        slurm.submit("true", "--gres=gpu:1", "--partition=urgent", f"--nodelist={node}")
    run.wait_for_restart()
    stage.release("front")
    run.wait_until_over()
    assert [record["status"] for record in run.records().values()] == ["finished"], run.logs()
    assert run.cut_off() == ["interrupted"]
    assert len([*run.events("ended")]) == 1
    assert slurm.job(run.job)["Restarts"] == "1"
    run.wait_until_nothing_lives()


def test_what_a_killed_job_had_begun_runs_again(stage: Stage, slurm: Slurm) -> None:
    stage.build(stage.worker("front"), BACK)
    run = Submitted.of(stage, slurm, "--sbatch-args=--nodelist=n1")
    run.wait_for_foreground()
    slurm.run("scancel", "--full", "--signal=KILL", run.job)
    run.wait_until_over()
    run.wait_until_nothing_lives()
    assert run.records() == {}
    run.submit_missing()
    wait_for("another worker begins", lambda: len([*run.events("started")]) == 2)
    stage.release("front")
    run.wait_until_over()
    assert [record["status"] for record in run.records().values()] == ["finished"], run.logs()
    assert len([*run.run.glob("workers/*")]) == 2


def test_before_its_time_limit_a_worker_has_itself_queued_again(stage: Stage, slurm: Slurm) -> None:
    """USR1: what runs is cut off and kept, and the rest runs when the job has begun again."""
    stage.build(ends_once(stage), None, runs_per_config=2)
    run = Submitted.of(stage, slurm, "--workers=1", "--sbatch-args=--time=1 --signal=B:USR1@50")
    wait_for("the second one runs", lambda: len([*run.events("started")]) == 2)
    run.wait_for_restart()
    stage.release("front")
    run.wait_until_over()
    assert run.states() == ["COMPLETED"], run.logs()
    assert [record["status"] for record in run.records().values()] == ["finished"] * 2, run.logs()
    assert run.cut_off() == ["interrupted"]
    assert "TIME LIMIT" not in run.logs()
    run.wait_until_nothing_lives()


def test_nothing_that_is_deaf_or_hides_outlives_a_cancelled_job(
    stage: Stage, slurm_of_parents: Slurm
) -> None:
    """Tandem ends all of it within KillWait: without cgroups Slurm itself finds no daemon."""
    slurm = slurm_of_parents
    stage.build(stage.worker("front", "ignores", "setsid+daemon+bare"), stage.worker("back"))
    run = Submitted.of(stage, slurm)
    run.wait_for_foreground()
    slurm.run("scancel", run.job)
    run.wait_until_over()
    run.wait_until_nothing_lives()
    assert run.cut_off() == ["interrupted"], run.logs()
    assert run.records() == {}


def test_a_group_that_goes_on_at_another_node_runs_again_whole(stage: Stage, slurm: Slurm) -> None:
    """Half of it was measured on a board that is not to be had any more, and boards differ."""
    stage.build(ends_once(stage), BACK, controls={"solo": True})
    run = Submitted.of(stage, slurm)
    wait_for("half of the group has ended", run.records)
    wait_for("the other half runs", lambda: len([*run.events("started")]) == 2)
    drained = slurm.job(run.job)["NodeList"]
    slurm.run("scontrol", "update", f"nodename={drained}", "state=drain", "reason=test")
    slurm.run("scontrol", "requeue", run.job)
    run.wait_for_restart()
    stage.release("front")
    run.wait_until_over()
    counting = [row for row in rows_of(run.run) if row["counts"] == "True"]
    (other,) = {*NODES} - {drained}
    assert [(row["host"], row["try_number"]) for row in counting] == [(other, "2")] * 2, run.logs()
    assert len(run.records()) == 3
    run.wait_until_nothing_lives()
