"""RUN/jobs: the batch script, the logs and the list of the jobs whose workers drain a run.

jobs.jsonl has a line for each job that was submitted. queue.json is what Slurm said of them last.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tandem.base.files import read_regular

FOLDER = "jobs"
SCRIPT = "worker.sbatch"
SUBMITTED = "jobs.jsonl"
LAST_ANSWER = "queue.json"
WORKERS = 4  # are submitted where nobody says how many
LOG = "%A_%a.log"  # as Slurm fills it in: the job's number and that of its worker


@dataclass(frozen=True)
class Submitted:
    """One job that was submitted: an array of workers.

    `name` is unique to this submission, and `user` the number of whoever submitted it. `job` is
    None where Slurm's answer was lost, `cluster` where Slurm has one alone. `asked` are the options
    of `tandem submit`, by their names, and `arguments` is the command as it was.
    """

    job: str | None
    name: str
    user: str
    utc: str
    workers: int
    asked: Mapping[str, Any] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    cluster: str | None = None


@dataclass(frozen=True)
class Waiting:
    """A worker that waits for its start ("1234_0"), and why, in Slurm's words."""

    worker: str
    reason: str


@dataclass(frozen=True)
class Started:
    """A worker that Slurm has started ("1234_0"), and on which node."""

    worker: str
    node: str


@dataclass(frozen=True)
class Queue:
    """Which workers of a run wait and which run, as squeue said `age_s` seconds ago.

    `reason` says why squeue gave no newer answer; None: it did. `age_s` None: it never answered.
    """

    pending: tuple[Waiting, ...] = ()
    running: tuple[Started, ...] = ()
    reason: str | None = None
    age_s: float | None = None


def log_pattern(run: Path) -> str:
    """Return where the log of each worker is, as Slurm's --output takes it."""
    return f"{run / FOLDER}/".replace("%", "%%") + LOG


def jobs_of(run: Path) -> list[Submitted]:
    """Return the jobs that were submitted for a run, oldest first; a damaged line is passed over.

    OSError: the list cannot be read.
    """
    try:
        text = read_regular(run / FOLDER / SUBMITTED)
    except FileNotFoundError:
        return []
    return list(_jobs_in(text))


def _jobs_in(text: bytes) -> Iterator[Submitted]:
    for line in text.splitlines():
        with suppress(ValueError, TypeError, KeyError, RecursionError):
            found = json.loads(line)
            found["arguments"] = tuple(map(str, found["arguments"]))
            known = {name: found[name] for name in Submitted.__dataclass_fields__}
            if isinstance(known["asked"], dict):
                yield Submitted(**known)


def note_job(run: Path, job: Submitted) -> None:
    """Add a job to the list, on the disk; OSError: it could not be written."""
    line = json.dumps(asdict(job), ensure_ascii=False)
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    file = os.open(run / FOLDER / SUBMITTED, flags, 0o666)
    try:
        os.write(file, f"{line}\n".encode(errors="backslashreplace"))
        os.fsync(file)
    finally:
        os.close(file)
