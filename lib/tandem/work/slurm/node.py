"""The first thing in a job: what its node has, and whether that is enough for the plan."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from tandem.base.errors import NotReadyError
from tandem.base.output import say
from tandem.machine import doctor
from tandem.nvml.binding import NvmlError, opened
from tandem.nvml.devices import boards
from tandem.plan.model import Experiment
from tandem.run.ready import see_trainings, trainings_of
from tandem.work.slurm.job import Job

_WORD = b"Tandem\n"


def see_node(job: Job, run: Path, experiments: Sequence[Experiment]) -> None:
    """Print what the node has; NotReadyError: the experiments would fail on it, one and all.

    RAPL, and whatever else is only measured, may be missing.
    """
    say(f"job {job.name} on {job.node or os.uname().nodename}")
    say(doctor.text(doctor.examine(run)))
    flaws = [*_folder_flaws(run), *_program_flaws(experiments), *_gpu_flaws(job, experiments)]
    if flaws:
        node = job.node or os.uname().nodename
        raise NotReadyError(f"node {node} cannot run this plan: {'; '.join(flaws)}")


def _folder_flaws(run: Path) -> Iterator[str]:
    """Yield why nothing can be written into the run's folder, as only writing shows."""
    try:
        with tempfile.TemporaryFile(dir=run) as file:
            file.write(_WORD)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        yield f"{run} cannot be written: {error.strerror}"


def _program_flaws(experiments: Sequence[Experiment]) -> Iterator[str]:
    try:
        see_trainings(experiments)
    except NotReadyError as error:
        yield from str(error).splitlines()


def _gpu_flaws(job: Job, experiments: Sequence[Experiment]) -> Iterator[str]:
    """Yield why trainings that need a GPU, or may use the one of the job, can use none."""
    devices = {each.device: f"{each.repo}/{each.model}" for each in trainings_of(experiments)}
    if not job.gpus:
        if "gpu" in devices:
            yield f"{devices['gpu']} needs a GPU, and this job has none (--gres=gpu:1 asks for one)"
        return
    if devices.keys() <= {"cpu"}:
        return
    try:
        with opened():
            if not boards():
                yield "this job has a GPU, and NVML shows none"
    except NvmlError as error:
        yield f"the GPU of this job cannot be used or measured: {error.with_hint()}"
