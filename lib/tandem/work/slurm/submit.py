"""Submit workers: for a plan that gets a new run, or for what is missing in a run."""

from __future__ import annotations

import os
import re
import secrets
import shlex
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tandem.base.clock import iso_utc
from tandem.base.errors import NotReadyError
from tandem.base.output import complain, say
from tandem.base.paths import as_seen_from_here, how_to_type
from tandem.base.sudo import give_to_caller
from tandem.base.text import aligned, counted
from tandem.plan.model import Experiment, Plan
from tandem.plan.tries import newest_try, still_to_run
from tandem.results.folder import make_run_folder
from tandem.results.journal import ended_in, events_in
from tandem.results.latest import point_at
from tandem.results.record_file import is_there
from tandem.results.shared.jobs import WORKERS, Submitted, jobs_of, note_job
from tandem.results.shared.left_to_others import left_to_others
from tandem.results.shared.workers import journal_of
from tandem.results.standing import standing_plan
from tandem.work.slurm.handover import Accepted, LostError, RefusedError, hand_over
from tandem.work.slurm.queue import ask
from tandem.work.slurm.refusals import NO_SBATCH
from tandem.work.slurm.sbatch import Asked, Submission, gpus_needed, refuse_odd_folder


@dataclass(frozen=True)
class Wanted:
    """What is asked of Slurm, and for how many workers; `is_dry`: print it and do nothing."""

    asked: Asked
    workers: int | None = None
    is_dry: bool = False


def submit_new(plan: Plan, copies: Mapping[str, bytes], results: Path, wanted: Wanted) -> None:
    """Make the run of a plan and submit its workers.

    RefusedError: Slurm did not take them, and the new folder is gone again. LostError: nobody knows
    whether it did. NotReadyError: there can be no folder.
    """
    refuse_odd_folder(results)
    if wanted.is_dry:
        run = results / time.strftime("run_%Y%m%d_%H%M%S")
        show(submission_of(run, plan.experiments, wanted, wanted.workers or WORKERS))
        return
    refuse_without_slurm()
    run = make_run_folder(results, plan, copies)
    try:
        send(submission_of(run, plan.experiments, wanted, wanted.workers or WORKERS))
    except RefusedError:
        shutil.rmtree(run)  # a minute old, and nothing has run
        raise
    finally:
        give_to_caller(run)


def submit_missing(run: Path, wanted: Wanted) -> None:
    """Submit workers for what is missing in a run, with the options that it was submitted with.

    RefusedError, LostError: as for a new run, but the folder stays.
    """
    refuse_odd_folder(run)
    jobs, missing = jobs_of(run), missing_in(run)
    if not missing:
        say("nothing is missing: all experiments have ended")
        return
    at_work = workers_now(jobs)
    earlier = jobs[-1] if jobs else None
    usual = max((job.workers for job in jobs), default=WORKERS) - at_work
    workers = min(wanted.workers or usual, len(groups_of(missing)) - at_work)
    if workers < 1:
        say(nothing_submitted(at_work, len(groups_of(missing))))
        return
    wanted = Wanted(wanted.asked.over(earlier.asked if earlier else {}), wanted.workers)
    submission = submission_of(run, missing, wanted, workers)
    if wanted.is_dry:
        show(submission)
    else:
        refuse_without_slurm()
        send(submission)


def nothing_submitted(at_work: int, groups: int) -> str:
    """Return why no more workers are submitted for so many groups, and how to have more."""
    text = f"nothing was submitted: {counted(at_work, 'worker')} of this run"
    text += " waits or runs" if at_work == 1 else " wait or run"
    if at_work < groups:
        return f"{text} already (--workers K submits K more)"
    return f"{text} already, and no more than {counted(groups, 'group')} are left"


def missing_in(run: Path) -> list[Experiment]:
    """Return what is still to run, with the groups that failed on a host and want another one.

    A link stands for a try that was committed whole.
    """
    text, plan = journal_of(run), standing_plan(run)
    ended = ended_in(text)
    whole = {
        each.id
        for each in plan.experiments
        if (each.id in ended or (run / each.id).is_symlink()) and is_there(each.id, run)
    }
    missing = still_to_run(plan, whole)
    for host, groups in left_to_others(list(events_in(text)), plan.by_id).items():
        missing += [each for group in groups for each in newest_try(plan.groups[group])]
        complain(
            f"tandem: {counted(len(groups), 'group')} failed on {host} and will run on another host"
            f" (--sbatch-args=--exclude={host} keeps workers away from it)"
        )
    return missing


def workers_now(jobs: Sequence[Submitted]) -> int:
    """Return how many workers of a run wait or run, as far as squeue says."""
    queue = ask(jobs) if jobs else None
    if queue and queue.reason:
        complain(f"tandem: which workers wait or run is not known: {queue.reason}")
    return len((*queue.pending, *queue.running)) if queue else 0


def groups_of(experiments: Sequence[Experiment]) -> set[str]:
    return {each.group for each in experiments}


def submission_of(
    run: Path, experiments: Sequence[Experiment], wanted: Wanted, workers: int
) -> Submission:
    """Return what is submitted for some experiments: at most one worker for each group."""
    groups = len(groups_of(experiments))
    if wanted.workers and wanted.workers > groups:
        complain(f"tandem: {counted(groups, 'group')} to run, so not more workers than these")
    plain = re.sub(r"[^\w.-]", "_", run.name, flags=re.ASCII)[:60]
    name = f"tandem-{plain}-{secrets.token_hex(3)}"
    gpus = 0 if wanted.asked.gpus == "none" else gpus_needed(experiments)
    return Submission(run, name, min(workers, groups), gpus, wanted.asked)


def refuse_without_slurm() -> None:
    if shutil.which("sbatch") is None:
        raise NotReadyError(NO_SBATCH)


def send(submission: Submission) -> None:
    """Write the script, submit it, note the job, and say what to type next."""
    submission.write()
    try:
        accepted = hand_over(submission, lambda line: complain(f"tandem: {line}"), time.sleep)
    except LostError:
        note_job(submission.run, submitted(submission, None))  # squeue may know it by its name
        raise
    try:
        note_job(submission.run, submitted(submission, accepted))
        point_at(submission.run, complain)
    finally:
        say("\n".join(next_lines(submission, accepted)))


def submitted(submission: Submission, accepted: Accepted | None) -> Submitted:
    return Submitted(
        job=accepted.job if accepted else None,
        cluster=accepted.cluster if accepted else None,
        name=submission.name,
        user=str(os.getuid()),
        utc=iso_utc(time.time()),
        workers=submission.workers,
        asked=submission.asked.given(),
        arguments=tuple(submission.command()),
    )


def next_lines(submission: Submission, accepted: Accepted) -> list[str]:
    """Return what was submitted, and what a person here would type next."""
    run = str(as_seen_from_here(submission.run))
    commands = {
        "to look": how_to_type("status", run),
        "to watch": how_to_type("watch", run),
        "at the end": how_to_type("report", run),
        "to cancel": shlex.join(accepted.cancelling),
    }
    where = f" on {accepted.cluster}" if accepted.cluster else ""
    return [
        f"submitted job {accepted.job}{where}: {counted(submission.workers, 'worker')}",
        f"results: {run}",
        *aligned([("", *each) for each in commands.items()]),
    ]


def show(submission: Submission) -> None:
    """Print what would be submitted."""
    say(f"{as_seen_from_here(submission.script)}:\n\n{submission.text()}")
    say(f"{shlex.join(submission.command())}\n\nnothing was made, nothing was submitted")
