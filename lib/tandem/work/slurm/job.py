"""The Slurm job that this process is in, by its environment variables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Job:
    """A job, or one task of an array of jobs.

    `number` is its own, `array` and `task` those of its array; `restart` counts how often it was
    queued again. `node` is what Slurm calls this machine; None: this process runs on no node of the
    job, but where somebody typed `salloc`. `cpus` and `gpus` are what the job has of the node.
    """

    number: str
    array: str | None = None
    task: str | None = None
    restart: int = 0
    node: str | None = None
    cpus: int | None = None
    gpus: int = 0
    end_s: float | None = None

    @property
    def name(self) -> str:
        """Return how scontrol and scancel call it: 12, or 12_3."""
        return f"{self.array}_{self.task}" if self.array and self.task else self.number

    @property
    def worker_id(self) -> str:
        """Return how its worker is called in a run's folder: 12, or 12-3."""
        return self.name.replace("_", "-")


def job_of(environment: Mapping[str, str]) -> Job | None:
    """Return the job that an environment tells of; None: it tells of none."""
    if not (number := environment.get("SLURM_JOB_ID")):
        return None
    count = {name: count_in(environment.get(name)) for name in _COUNTS}
    return Job(
        number,
        environment.get("SLURM_ARRAY_JOB_ID"),
        environment.get("SLURM_ARRAY_TASK_ID"),
        count["SLURM_RESTART_COUNT"] or 0,
        environment.get("SLURMD_NODENAME"),
        count["SLURM_CPUS_ON_NODE"],
        count["SLURM_GPUS_ON_NODE"] or 0,
        count["SLURM_JOB_END_TIME"],  # not before Slurm 23.02
    )


_COUNTS = ("SLURM_RESTART_COUNT", "SLURM_CPUS_ON_NODE", "SLURM_GPUS_ON_NODE", "SLURM_JOB_END_TIME")


def count_in(text: str | None) -> int | None:
    """Return the number in a word of Slurm's; None: it has none."""
    return int(text) if text and text.isdecimal() else None
