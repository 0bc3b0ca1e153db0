"""A worker in a job: what its node lacks, and what becomes of the job when its time is up."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from simgpu import SimGpu
from support import ROOT
from support.job import REFUSED, asked, job_environment
from support.stage import Stage, wait_for
from tandem.results.record_file import read_record


class JobStage:
    """A run of two experiments, and a job that drains it: `slurm` is the folder of its scontrol.

    The first experiment ends at once, the second when the file `go` is there.
    """

    def __init__(self, stage: Stage, front: str = "") -> None:
        self.stage, self.slurm = stage, stage.folder / "slurm"
        first = f'cd "{stage.folder}"\nif mkdir begun 2>/dev/null; then exit 0; fi\n'
        stage.build(front or first + stage.worker("go"), None, runs_per_config=2)
        planned = stage.run("--plan-only")
        assert planned.returncode == 0, planned.stdout
        [self.run] = stage.folder.glob("results/run_*")

    def submit(self, *options: str, **scontrol: Any) -> subprocess.Popen[str]:
        """Start a worker in the job."""
        words = job_environment(self.slurm, os.environ["PATH"], **scontrol)
        self.stage.more_environment |= words
        command = [sys.executable, str(ROOT / "driver.py"), "work", "--no-report", str(self.run)]
        command += ["--proc", str(self.stage.folder / "no_proc"), *options]
        return self.stage.start(command, start_new_session=True)

    def wait_for_second(self) -> None:
        wait_for("one has ended", lambda: len(self.committed()) == 1)
        log = "workers/*/*/attempts/1/training.log"
        wait_for("the second works", lambda: any(it.stat().st_size for it in self.logs(log)))

    def committed(self) -> set[str]:
        return {it.name for it in self.run.iterdir() if it.is_symlink()}

    def logs(self, pattern: str) -> list[Path]:
        ended = self.committed()
        return [it for it in self.run.glob(pattern) if it.parents[2].name not in ended]


def test_a_job_whose_time_is_up_is_queued_again(stage: Stage) -> None:
    job = JobStage(stage)
    worker = job.submit()
    job.wait_for_second()
    worker.send_signal(signal.SIGUSR1)
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGUSR1, output
    assert asked(job.slurm)[-1] == "requeue 14962542"
    assert "job 14962542 is queued again for the groups that are left" in output
    assert len(job.committed()) == 1  # what was cut off is none
    [attempt] = job.run.glob("workers/*_14962542_r0/front_default_002")
    assert read_record(attempt)["status"] == "interrupted"
    stage.wait_until_nothing_lives()


def test_where_slurm_refuses_it_says_what_to_type(stage: Stage) -> None:
    job = JobStage(stage)
    worker = job.submit(refused=REFUSED)
    job.wait_for_second()
    worker.send_signal(signal.SIGUSR1)
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGUSR1, output
    assert f"not queued again: {REFUSED} (type: make" in output
    assert f"resume RUN={job.run})" in output


def test_a_job_in_which_nothing_ends_is_not_queued_for_ever(stage: Stage) -> None:
    job = JobStage(stage, stage.worker("go"))
    worker = job.submit()
    log = "workers/*/*/attempts/1/training.log"
    wait_for("it works", lambda: any(it.stat().st_size for it in job.run.glob(log)))
    worker.send_signal(signal.SIGUSR1)
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGUSR1, output
    assert not any(words.startswith("requeue") for words in asked(job.slurm))
    assert "is not queued again: no experiment ended in its time" in output


def test_scancel_is_no_reason_to_go_on(stage: Stage) -> None:
    job = JobStage(stage)
    worker = job.submit()
    job.wait_for_second()
    worker.send_signal(signal.SIGTERM)
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGTERM, output
    assert not any(words.startswith("requeue") for words in asked(job.slurm))


def test_doctor_comes_first_and_what_the_plan_lacks_ends_it(stage: Stage) -> None:
    """One sentence, exit code 3, and no group has failed."""
    job = JobStage(stage, "exit 0")
    (stage.folder / "repos" / "front" / "train.sh").unlink()
    worker = job.submit()
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == 3, output
    assert (
        output.index("bash") < output.index("RAPL") < output.index("node n1 cannot run this plan")
    )
    error = output.splitlines()[-1]
    assert "repos/front" in error
    assert not list(job.run.glob("workers/*"))


def test_a_job_with_a_gpu_that_nobody_can_use_ends_at_once(stage: Stage) -> None:
    job = JobStage(stage, "exit 0")
    nowhere = stage.folder / "nowhere"
    nowhere.mkdir()
    stage.more_environment |= {"LD_LIBRARY_PATH": str(nowhere)}
    worker = job.submit(gpus=1)
    output, _ = worker.communicate(timeout=60)
    if worker.returncode == 0:
        pytest.skip("this machine has a GPU")
    assert worker.returncode == 3, output
    assert "the GPU of this job cannot be used or measured: NVML" in output.splitlines()[-1]


@pytest.mark.long
def test_of_several_workers_of_a_job_the_last_has_it_queued_again(
    stage: Stage, two_gpus: SimGpu
) -> None:
    """Before, that would have ended the others; and what any of them has ended is progress."""
    stage.more_environment |= two_gpus.environment({})
    job = JobStage(stage)
    worker = job.submit("--gpus", "all", gpus=2)
    job.wait_for_second()
    worker.send_signal(signal.SIGUSR1)
    output, _ = worker.communicate(timeout=60)
    assert worker.returncode == -signal.SIGUSR1, output
    assert asked(job.slurm).count("requeue 14962542") == 1, output
    assert len(list(job.run.glob("workers/*_14962542*_r0"))) == 2
    stage.wait_until_nothing_lives()
