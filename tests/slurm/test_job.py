"""What is different inside a job: its board, its end, who else may be on the node."""

from __future__ import annotations

import json

from simgpu import SimGpu
from support.slurm import Slurm
from support.stage import Stage, wait_for
from support.submitted import Submitted

FIRST_ENDS = 'cd "{folder}"; mkdir begun 2>/dev/null && exit 0\n'


def test_a_worker_whose_time_is_up_is_queued_again_and_ends_the_rest(
    stage: Stage, slurm: Slurm, boards: dict[str, SimGpu]
) -> None:
    """USR1 comes to the batch script, as --signal=B:USR1 has it; TERM of the requeue to all."""
    first = FIRST_ENDS.format(folder=stage.folder)
    stage.build(first + stage.worker("front"), None, runs_per_config=2)
    run = Submitted.of(stage, slurm, "--workers=1", "--sbatch-args=--nodelist=n2")
    wait_for("the first has ended", lambda: len(run.records()) == 1)
    wait_for("the second has begun", lambda: len([*run.events("started")]) == 2)
    stage_log = "workers/*/front_default_002/attempts/1/training.log"
    wait_for("it works", lambda: any(it.stat().st_size for it in run.run.glob(stage_log)))
    slurm.run("scancel", "--batch", "--signal=USR1", run.job)
    run.wait_for_restart()
    stage.release("front")
    run.wait_until_over()
    assert sorted(run.records()) == ["front_default_001", "front_default_002"], run.logs()
    assert run.cut_off() == ["interrupted"]
    assert slurm.job(run.job)["Restarts"] == "1"
    assert f"job {run.job}_0 is queued again for the groups that are left" in run.logs()
    assert "not queued again" not in run.logs()
    run.wait_until_nothing_lives()

    record = run.records()["front_default_002"]
    assert record["environment"]["node_shared"] is True
    reason = record["environment"]["node_shared_reason"]
    assert reason == "this job has 1 of the 4 CPUs of its node"
    [window] = record["windows"]
    assert window["cpu"]["reason"] == f"RAPL counts the whole machine, and {reason}"
    [gpu] = window["gpus"]
    assert gpu["uuid"].startswith("GPU-51500002")  # Slurm calls it 0
    assert f'CUDA_VISIBLE_DEVICES "0" of this job is Simulated GPU, {gpu["uuid"]}' in run.logs()
    assert run.logs().index("NVML") < run.logs().index("started")  # doctor comes first


def test_tandem_run_inside_a_job_keeps_to_its_end(stage: Stage, slurm: Slurm) -> None:
    """Slurm 22.05 sets no SLURM_JOB_END_TIME, and is asked. A whole node is nobody else's."""
    stage.build("echo Test Accuracy: 50; exec sleep 0.5", None)
    job = slurm.submit(f"exec {' '.join(stage.command())}", "--gres=gpu:1", "--exclusive")
    slurm.wait_for_state(job, "COMPLETED", "FAILED")
    end = slurm.job(job)["EndTime"]
    said = slurm.log(job)
    assert f"job {job} ends " in said
    assert ": as with --until " in said, end
    record = stage.record()
    assert record["status"] == "finished"
    assert record["environment"]["node_shared"] is False
    assert json.dumps(record["windows"][0]["cpu"]).count("RAPL counts") == 0


def test_a_node_without_what_the_plan_needs_runs_nothing(stage: Stage, slurm: Slurm) -> None:
    stage.build("exit 0", None)
    slurm.set_variables("n1", {"LD_LIBRARY_PATH": str(stage.folder)})
    run = Submitted.of(stage, slurm, "--workers=1", "--sbatch-args=--nodelist=n1")
    run.wait_until_over()
    assert run.states() == ["FAILED"]
    assert slurm.job(run.job)["ExitCode"] == "3:0"
    assert "node n1 cannot run this plan: the GPU of this job cannot be used" in run.logs()
    assert [*run.events("started")] == []


def test_a_slurm_that_sets_no_clocks_is_noticed_before_the_start(
    stage: Stage, slurm: Slurm, boards: dict[str, SimGpu]
) -> None:
    """Debian's Slurm has no plugin for NVML: it takes --gpu-freq, and does nothing."""
    stage.build("exit 0", None, sm_clock_mhz=900)
    slurm.set_variables("n1", boards["n1"].environment({"SIMGPU_UID": "1000"}))
    run = Submitted.of(stage, slurm, "--workers=1", "--sbatch-args=--nodelist=n1")
    run.wait_until_over()
    assert slurm.job(run.job)["ExitCode"] == "3:0", run.logs()
    assert "Slurm took --gpu-freq=900, but GPU 0 has 1755 MHz" in run.logs()
    assert [*run.events("started")] == []


def test_two_jobs_without_a_gpu_work_on_one_node(stage: Stage, slurm: Slurm) -> None:
    """Each has CPUs of its own, and sees no GPU; each knows of the other."""
    stage.build(stage.worker("front"), None, runs_per_config=2)
    options = ("--workers=2", "--sbatch-args=--gres=none --nodelist=n1 --mem=1000")
    run = Submitted.of(stage, slurm, *options)
    wait_for("both work", lambda: len([*run.events("started")]) == 2)
    stage.release("front")
    run.wait_until_over()
    assert [record["status"] for record in run.records().values()] == ["finished"] * 2, run.logs()
    assert run.logs().count("this job has no GPU: its trainings see none") == 2
    for record in run.records().values():
        assert record["environment"]["node_shared"] is True
        assert "shows none" in record["windows"][0]["gpus_reason"]


def test_what_salloc_starts_here_is_on_no_node_of_the_job(stage: Stage, slurm: Slurm) -> None:
    """Without LaunchParameters=use_interactive_step it runs where it was typed, and says so."""
    stage.build("echo Test Accuracy: 50; exec sleep 0.5", None)
    done = slurm.tried("salloc", "--time=10", *stage.command())
    assert "warning: this process runs on no node of job " in done.stderr, done.stderr
    assert ": as with --until " in done.stderr
    environment = stage.record()["environment"]
    assert environment["node_shared"] is None
    assert environment["node_shared_reason"] == "this process runs on no node of its job (use srun)"
