"""What a job asks Slurm about itself, once, at its start; an older Slurm says less by itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tandem.machine.sharing import Sharing
from tandem.work.slurm.client import answer_of
from tandem.work.slurm.job import Job, count_in

KILL_WAIT_S = 30.0  # Slurm's own default
_LIMIT_S = 10.0  # for an answer of a slurmctld that is busy

_PAIR = re.compile(r"(\S+?)=(\S*)")
_KILL_WAIT = re.compile(r"^KillWait\s*=\s*(\d+) sec", re.MULTILINE)
_GPUS = re.compile(r"\bgpu(?::[^:,()]+)?:(\d+)")


@dataclass(frozen=True)
class Answers:
    """What Slurm says of a job and of its node, by its own words; {}: it did not answer."""

    job: Mapping[str, str] = field(default_factory=dict)
    node: Mapping[str, str] = field(default_factory=dict)
    kill_wait_s: float = KILL_WAIT_S

    @property
    def end_s(self) -> float | None:
        """Return when the job ends, in seconds of UTC; None: not known."""
        try:
            return datetime.fromisoformat(self.job["EndTime"]).timestamp()
        except (KeyError, ValueError, OverflowError, OSError):
            return None

    def sharing(self, job: Job) -> Sharing:
        """Return whether other jobs may run on the node meanwhile."""
        if job.node is None:
            return Sharing(None, "this process runs on no node of its job (use srun)")
        kind = self.job.get("OverSubscribe")
        if kind == "NO":  # --exclusive, or a partition whose jobs get whole nodes
            return Sharing()
        if kind == "YES":
            return Sharing(True, "Slurm may give CPUs of this job to another one as well")
        cpus = count_in(self.node.get("CPUEfctv")) or count_in(self.node.get("CPUTot"))
        for what, ours, all_ in (("CPUs", job.cpus, cpus), ("GPUs", job.gpus, self.node_gpus)):
            if ours is not None and all_ is not None and ours < all_:
                return Sharing(True, f"this job has {ours} of the {all_} {what} of its node")
        if kind is None or job.cpus is None or cpus is None:
            return Sharing(
                None, "whether other jobs are on this node is not known: Slurm is silent"
            )
        return Sharing()

    @property
    def node_gpus(self) -> int | None:
        """Return how many GPUs Slurm gives away on the node; None: not known."""
        if not self.node:
            return None
        return sum(map(int, _GPUS.findall(self.node.get("Gres", ""))))


def ask(job: Job) -> Answers:
    """Ask Slurm about a job, its node and how long a TERM comes before a KILL.

    Where it does not answer the first question, there is no second one.
    """
    said = answer_of(["scontrol", "show", "job", job.number], _LIMIT_S)
    if said.problem:
        return Answers()
    node = answer_of(["scontrol", "show", "node", job.node], _LIMIT_S).stdout if job.node else ""
    config = answer_of(["scontrol", "show", "config"], _LIMIT_S).stdout
    found = _KILL_WAIT.search(config)
    kill_wait_s = float(found[1]) if found else KILL_WAIT_S
    return Answers(pairs(said.stdout), pairs(node), kill_wait_s)


def pairs(text: str) -> dict[str, str]:
    """Return the pairs NAME=VALUE of what scontrol shows; the first of a name counts."""
    found: dict[str, str] = {}
    for name, value in _PAIR.findall(text):
        found.setdefault(name, value)
    return found
