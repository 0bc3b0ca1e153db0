"""What is different inside a job: its boards by UUID, its end, who else may be on its node."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, MutableMapping
from dataclasses import replace

from tandem.base.variables import VISIBLE
from tandem.machine.gpu_locks import CPUS
from tandem.run.options import Options
from tandem.work.slurm.boards import has_boards, name_boards
from tandem.work.slurm.job import Job, job_of
from tandem.work.slurm.questions import Answers, ask

MARGIN_S = 240.0  # USR1 is asked for 180 s before the end, and may come 60 s early
_MARGIN_SHARE = 0.25  # of the time that is left, at most


def in_job(options: Options, say: Callable[[str], None]) -> Options:
    """Return the options as the job demands in which this process is; outside a job, as they are.

    From now on CUDA_VISIBLE_DEVICES holds UUIDs. NotReadyError: the job's boards are not known.
    """
    job = job_of(os.environ)
    if job is None:
        return options
    if job.node:
        name_boards(os.environ, say)
    else:  # it is not Slurm that has set CUDA_VISIBLE_DEVICES
        say(f"warning: this process runs on no node of job {job.name} (srun starts one there)")
    answers = ask(job)
    if job.node and not job.gpus and VISIBLE not in os.environ:
        hide_boards(os.environ, answers, say)
    return replace(
        options,
        cpus_lock=f"{CPUS}-{job.number}",  # Slurm gives no CPU to two jobs
        until_s=until(job, answers, options.until_s, say),
        sharing=answers.sharing(job),
        kill_wait_s=answers.kill_wait_s,
    )


def hide_boards(
    environment: MutableMapping[str, str], answers: Answers, say: Callable[[str], None]
) -> None:
    """Let nobody use boards that Slurm has not given to this job, and gives to others."""
    if answers.node_gpus:
        say(f"this job has no GPU: its trainings see none ({VISIBLE} is empty)")
    if answers.node_gpus or not has_boards():
        environment[VISIBLE] = ""


def until(
    job: Job, answers: Answers, until_s: float | None, say: Callable[[str], None]
) -> float | None:
    """Return when all is to have ended: before the job's end, or earlier where that is asked for.

    A margin is left for the ending.
    """
    end_s = job.end_s or answers.end_s
    if end_s is None:
        say(f"warning: when job {job.name} ends is not known (--until TIME says it)")
        return until_s
    left_s = max(0.0, end_s - time.time())
    ours_s = end_s - min(MARGIN_S, _MARGIN_SHARE * left_s)
    if until_s is not None and until_s <= ours_s:
        return until_s
    say(
        f"job {job.name} ends {_moment(end_s)}: as with --until {_moment(ours_s)}, nothing is"
        " started that will probably not end by then"
    )
    return ours_s


def _moment(when_s: float) -> str:
    """Return a moment in local time as --until takes it."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(when_s))
