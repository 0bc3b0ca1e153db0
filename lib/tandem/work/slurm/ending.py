"""The end of a job whose time is up before all groups have ended: it is queued again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from tandem.base.paths import how_to_go_on
from tandem.work.slurm.client import answer_of
from tandem.work.slurm.job import Job

_LIMIT_S = 60.0  # for the answer of a slurmctld that is busy


def queue_again(job: Job, run: Path, say: Callable[[str], None]) -> None:
    """Have Slurm end this job, and start it again later; say what to type where it refuses.

    It is the last thing that a worker does: Slurm ends all processes of the job.
    """
    say(f"job {job.name} is queued again for the groups that are left")
    said = answer_of(["scontrol", "requeue", job.name], _LIMIT_S)
    if said.problem and not said.was_killed:
        say(f"not queued again: {said.problem} (type: {how_to_go_on(run)})")


def has_others(job: Job, workers: Iterable[str]) -> bool:
    """Whether one of these workers is of the same job: to queue it again would end that one."""
    own = f"_{job.worker_id}_r", f"_{job.worker_id}."
    return any(each in worker for worker in workers for each in own)
