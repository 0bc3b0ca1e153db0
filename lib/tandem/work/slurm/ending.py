"""The end of a job whose time is up before all groups have ended: it is queued again."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path

from tandem.base.paths import how_to_go_on
from tandem.results.shared.commit import standing_try
from tandem.results.shared.worker_name import parsed
from tandem.work.slurm.client import answer_of
from tandem.work.slurm.job import Job

_LIMIT_S = 60.0  # for the answer of a slurmctld that is busy
PAUSES_S = (2.0, 5.0, 10.0, 20.0)  # between two tries while it is; USR1 comes 180 s before the end


def queue_again(
    job: Job, run: Path, say: Callable[[str], None], pause: Callable[[float], None] = time.sleep
) -> None:
    """Have Slurm end this job, and start it again later; say what to type where it refuses.

    It is the last thing that a worker does: Slurm ends all processes of the job. While Slurm is
    busy, or is just started again, it is asked again.
    """
    say(f"job {job.name} is queued again for the groups that are left")
    said = answer_of(["scontrol", "requeue", job.name], _LIMIT_S)
    for pause_s in PAUSES_S:
        if not said.is_busy:
            break
        say(f"Slurm is busy ({said.problem}); the next try is in {pause_s:g} s")
        pause(pause_s)
        said = answer_of(["scontrol", "requeue", job.name], _LIMIT_S)
    if said.problem and not said.was_killed:
        say(f"not queued again: {said.problem} (type: {how_to_go_on(run)})")


def is_of(job: Job, worker: str) -> bool:
    """Whether a worker is of a job, by its name: to queue the job again ends that one, too."""
    name = parsed(worker)
    return name is not None and name.ident == job.worker_id


def has_ended_any(job: Job, run: Path, names: Iterable[str]) -> bool:
    """Whether a try stands, of one of these experiments, that the job has made since its start.

    OSError: it cannot be told.
    """
    tries = (standing_try(run, name) or "/" for name in names)
    workers = (parsed(each.split("/")[1]) for each in tries)
    now = job.worker_id, job.restart
    return any(each is not None and (each.ident, each.restart) == now for each in workers)
