"""Hand a run's workers to Slurm, once, whatever becomes of its answer."""

from __future__ import annotations

import re
import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tandem.base.errors import NotReadyError
from tandem.base.paths import as_seen_from_here, how_to_type
from tandem.base.text import printable
from tandem.work.slurm.client import Answer, answer_of, run
from tandem.work.slurm.refusals import refusal
from tandem.work.slurm.sbatch import Submission

PAUSES_S = (2.0, 5.0, 10.0, 20.0, 40.0)  # between two tries while Slurm is busy
LIMIT_S = 60.0  # for one look at the queue
# With these of sbatch the job has another name, or is elsewhere.
_LOST_BY = ("-J", "--job", "-M", "--cluster")
_STOP = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_JOB = re.compile(r"(\d+)(?:;(\S+))?")

Say = Callable[[str], None]


class RefusedError(NotReadyError):
    """Slurm has not taken the job."""


class LostError(NotReadyError):
    """Slurm's answer was lost: it may have taken the job, or not."""


@dataclass(frozen=True)
class Accepted:
    """The number of a job that Slurm has taken, and its cluster where there are several."""

    job: str
    cluster: str | None = None

    @property
    def cancelling(self) -> list[str]:
        """The command that cancels it."""
        return ["scancel", *([f"--clusters={self.cluster}"] if self.cluster else []), self.job]


def hand_over(submission: Submission, say: Say, pause: Callable[[float], None]) -> Accepted:
    """Submit the workers; RefusedError: sbatch is not there, or says no.

    While Slurm is busy it is tried again, each time after a look whether the job was taken: its
    answer may be lost. LostError: it stayed busy, or a signal came, and nobody knows.
    """
    with stopped_by_signals(submission):
        return handed_over(submission, say, pause)


@contextmanager
def stopped_by_signals(submission: Submission) -> Iterator[None]:
    """Have a signal that ends this process raise LostError meanwhile."""

    def stop(signum: int, _frame: object) -> None:
        error = lost(f"stopped by {signal.Signals(signum).name}", submission)
        error.exit_code = 128 + signum
        raise error

    heard = [each for each in _STOP if signal.getsignal(each) is not signal.SIG_IGN]
    earlier = {each: signal.signal(each, stop) for each in heard}
    try:
        yield
    finally:
        for each, handler in earlier.items():
            signal.signal(each, handler)


def handed_over(submission: Submission, say: Say, pause: Callable[[float], None]) -> Accepted:
    answer = run(submission.command(), submission.environment())
    if not answer.is_busy:
        return accepted_in(answer, submission)
    for pause_s in PAUSES_S:
        say(f"Slurm gave no answer ({answer.problem}); the next try is in {pause_s:g} s")
        pause(pause_s)
        found = taken(submission)
        if found:
            return found[0]
        if found is not None:
            answer = run(submission.command(), submission.environment())
            if not answer.is_busy:
                return the_only_one(accepted_in(answer, submission), submission, say)
    raise lost(str(answer.problem), submission)


def lost(problem: str, submission: Submission) -> LostError:
    again = how_to_type("submit", "--resume", str(as_seen_from_here(submission.run)))
    return LostError(
        f"{problem}\nwhether Slurm has taken the job is not known: look with `squeue --me`;"
        f" if it has not: {again}"
    )


def accepted_in(answer: Answer, submission: Submission) -> Accepted:
    """Return the job that sbatch names, or that squeue does where sbatch was told to be quiet.

    RefusedError: neither names one, or there is no sbatch. LostError: squeue does not answer.
    """
    if answer.problem:
        raise RefusedError(refusal(answer))
    lines = answer.stdout.strip().splitlines()
    if lines and (match := _JOB.fullmatch(lines[-1].strip())):
        return Accepted(match[1], match[2])
    problem = f"sbatch named no job; it said: {printable(lines[0]) if lines else 'nothing'}"
    found = taken(submission)
    if found is None:
        raise lost(problem, submission)
    if not found:
        raise RefusedError(problem)
    return found[0]


def taken(submission: Submission) -> list[Accepted] | None:
    """Return the jobs of this submission that Slurm knows, by their name; None: it does not say."""
    if any(word.startswith(_LOST_BY) for word in submission.asked.arguments or ()):
        return None
    options = ["--noheader", "--me", "--states=all", f"--name={submission.name}", "--format=%F"]
    answer = answer_of(["squeue", *options], LIMIT_S)
    if answer.problem:
        return None
    return [Accepted(job) for job in dict.fromkeys(answer.stdout.split()) if job.isdecimal()]


def the_only_one(accepted: Accepted, submission: Submission, say: Say) -> Accepted:
    """Cancel what was taken of the same submission before, and return the last."""
    for other in taken(submission) or ():
        if other.job != accepted.job:
            say(f"Slurm had taken job {other.job} after all: {shlex.join(other.cancelling)}")
            answer_of(other.cancelling, LIMIT_S)
    return accepted
