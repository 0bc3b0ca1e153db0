"""What squeue says of a run's workers: asked once a minute at most, and less often while it fails.

Whoever only looks gets an answer or a reason, never an error. What squeue does not know has ended:
Slurm forgets a job some minutes after its end, and not every site keeps accounts.
"""

from __future__ import annotations

import json
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tandem.base.files import write_whole
from tandem.base.json_object import json_object
from tandem.base.text import printable
from tandem.results.shared.jobs import (
    FOLDER,
    LAST_ANSWER,
    SUBMITTED,
    Queue,
    Started,
    Submitted,
    Waiting,
    jobs_of,
)
from tandem.work.slurm.client import answer_of

PERIOD_S = 60.0
LONGEST_PERIOD_S = 900.0  # while squeue fails, the period doubles up to this
LIMIT_S, LOOKING_LIMIT_S = 10.0, 3.0  # who only looks waits less
_FORMAT = "%F|%K|%T|%N|%r|%j"
_WAITS = {"PENDING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "RESV_DEL_HOLD", "SPECIAL_EXIT"}
_HAS_ENDED = {
    *("COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL"),
    *("DEADLINE", "PREEMPTED", "REVOKED"),
}


@dataclass(frozen=True)
class _Kept:
    """The last answer, when (in seconds of UTC) squeue was asked last, and when it answered.

    `failures` counts those since then, and `jobs` is how many had been submitted.
    """

    asked_s: float = 0.0
    answered_s: float | None = None
    failures: int = 0
    jobs: int = 0
    reason: str | None = None
    pending: tuple[Waiting, ...] = ()
    running: tuple[Started, ...] = ()

    @property
    def period_s(self) -> float:
        """How long it is good for."""
        return min(PERIOD_S * 2.0 ** min(self.failures, 10), LONGEST_PERIOD_S)

    def after(self, answer: Queue, now_s: float, jobs: int) -> _Kept:
        """Return what is kept after an answer, or after none."""
        if answer.reason:
            failures = self.failures + 1
            return replace(self, asked_s=now_s, failures=failures, jobs=jobs, reason=answer.reason)
        return _Kept(now_s, now_s, 0, jobs, None, answer.pending, answer.running)

    def queue(self, now_s: float) -> Queue:
        age_s = None if self.answered_s is None else max(0.0, now_s - self.answered_s)
        return Queue(self.pending, self.running, self.reason, age_s)


def queue_of(run: Path) -> Queue | None:
    """Return what squeue said of a run's workers, at most a minute ago if it answers.

    None: no job was submitted for this run.
    """
    try:
        jobs = jobs_of(run)
    except OSError as error:
        return Queue(reason=f"{run / FOLDER / SUBMITTED}: {error.strerror}")
    if not jobs:
        return None
    file = run / FOLDER / LAST_ANSWER
    kept, now_s = _kept(file), time.time()
    is_new = kept.jobs == len(jobs) and 0 <= now_s - kept.asked_s < kept.period_s
    if not is_new:
        _keep(file, replace(kept, asked_s=now_s, jobs=len(jobs)))  # who looks now need not ask
        kept = kept.after(ask(jobs, LOOKING_LIMIT_S), now_s, len(jobs))
        _keep(file, kept)
    return kept.queue(now_s)


def ask(jobs: Sequence[Submitted], limit_s: float = LIMIT_S) -> Queue:
    """Ask squeue now; `reason` says why it gave no answer."""
    command = ["squeue", "--noheader", "--array", "--states=all", f"--format={_FORMAT}"]
    command.append("--users=" + ",".join(sorted({job.user for job in jobs})))
    if clusters := sorted({job.cluster for job in jobs if job.cluster}):
        command.append("--clusters=" + ",".join(clusters))
    answer = answer_of(command, limit_s)
    if answer.problem:
        return Queue(reason=answer.problem)
    lines = [line.split("|", 5) for line in answer.stdout.splitlines()]
    known = {job.job for job in jobs if job.job}, {job.name for job in jobs}
    return _queue_in([each for each in lines if len(each) == 6], *known)


def _queue_in(lines: list[list[str]], ids: Collection[str], names: Collection[str]) -> Queue:
    """Return those of some lines that are of a run: by their job, or by their job's name.

    The name tells what was submitted by hand with the same script.
    """
    pending, running = list[Waiting](), list[Started]()
    for job, task, state, node, reason, name in lines:
        if (job not in ids and name not in names) or state in _HAS_ENDED:
            continue
        worker = f"{job}_{task}" if task.isdecimal() else job
        if state in _WAITS:
            pending.append(Waiting(worker, printable(reason)))
        else:
            running.append(Started(worker, printable(node)))
    return Queue(tuple(pending), tuple(running), age_s=0.0)


# Where the run's folder is not to be written, this process alone knows.
_in_memory: dict[Path, _Kept] = {}


def _kept(file: Path) -> _Kept:
    """Return what is kept; nothing where the file is not there, or is damaged."""
    found = json_object(file)
    try:
        values: dict[str, Any] = {**(found or {})}
        values["pending"] = tuple(Waiting(*map(str, each)) for each in values["pending"])
        values["running"] = tuple(Started(*map(str, each)) for each in values["running"])
        kept = _Kept(**values)
        kept.queue(kept.asked_s + kept.period_s)
        return kept
    except (KeyError, TypeError, ValueError):
        return _in_memory.get(file, _Kept())


def _keep(file: Path, kept: _Kept) -> None:
    values = {**vars(kept)}
    for name in ("pending", "running"):
        values[name] = [[*vars(each).values()] for each in values[name]]
    try:
        write_whole(str(file), json.dumps(values).encode())
    except OSError:
        _in_memory[file] = kept
