"""A real Slurm for tests: the cluster of tests/slurm/cluster, and what to ask it.

with slurm_started("MinJobAge=5") as slurm:
    job = slurm.submit("sleep 5", "--gres=gpu:1")
    slurm.wait_for_state(job, "RUNNING")
    slurm.run("scancel", job)
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from simgpu import SimGpu

from support import ROOT
from support.stage import wait_for

CLUSTER = ROOT / "tests" / "slurm" / "cluster"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch")
NODES = ("n1", "n2")
ENDED = {"COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "PREEMPTED", "forgotten"}


def need_slurm() -> None:
    """Skip where there is no Slurm; in .ci/run, where all is to be tested, fail instead."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    if all(shutil.which(program, path=path) for program in PROGRAMS):
        return
    what = (
        "needs Slurm (Debian, Ubuntu: apt-get install munge slurm-client slurmctld slurmd;"
        " nothing of it need be configured or run)"
    )
    if os.environ.get("NEEDS_SLURM"):
        pytest.fail(what)
    pytest.skip(what)


def outside_of_jobs() -> dict[str, str]:
    """Return the environment without what Slurm gives a job, if the tests run in one."""
    return {name: text for name, text in os.environ.items() if not name.startswith("SLURM_")}


@dataclass
class Slurm:
    """A cluster that runs; jobs get the variables of `environment` and those of their node."""

    folder: Path
    environment: dict[str, str] = field(default_factory=outside_of_jobs)

    def __post_init__(self) -> None:
        self.environment["SLURM_CONF"] = str(self.folder / "slurm.conf")

    def run(self, *words: str) -> str:
        """Run one of Slurm's commands, and return what it prints."""
        done = self.tried(*words)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def tried(self, *words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            words, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )

    def submit(self, lines: str, *options: str) -> str:
        """Submit a batch script of some lines of Bash; return the job's number.

        Its output goes to `log(job)`, that of a job which is queued again to the end of it.
        """
        script = self.folder / "script.sh"
        script.write_text(f"#!/bin/bash\n{lines}\n")
        output = ("--output", str(self.folder / "job_%j.log"), "--open-mode=append")
        return self.run("sbatch", "--parsable", *output, *options, str(script)).strip()

    def log(self, job: str) -> str:
        """Return what a job has printed so far."""
        file = self.folder / f"job_{job}.log"
        return file.read_text() if file.exists() else ""

    def wait_for_log(self, job: str, text: str) -> None:
        wait_for(f"the log of job {job} has {text!r}", lambda: text in self.log(job))

    def job(self, job: str) -> dict[str, str]:
        """Return what `scontrol show job` says of a job: nothing once it is forgotten."""
        said = self.tried("scontrol", "--oneliner", "show", "job", job).stdout
        return dict(re.findall(r"(\S+?)=(\S*)", said))

    def state(self, job: str) -> str:
        return self.job(job).get("JobState", "forgotten")

    def wait_for_state(self, job: str, *states: str) -> str:
        """Wait until a job is in one of these states; return which. One that ends in none fails."""

        def reached() -> str | None:
            state = self.state(job)
            assert state in states or state not in ENDED, f"job {job}: {state}\n{self.log(job)}"
            return state if state in states else None

        state: str = wait_for(f"job {job} is {' or '.join(states)}", reached)
        return state

    def daemon(self, name: str) -> int:
        """Return the pid of a daemon: munged, slurmctld, n1, n2."""
        return int((self.folder / f"{name}.pid").read_text())

    def set_variables(self, node: str, variables: Mapping[str, str]) -> None:
        """Let each job that starts on a node from now on have these variables."""
        lines = "".join(f"{name}={text}\n" for name, text in variables.items())
        (self.folder / f"{node}.env").write_text(lines)

    def put_boards(self, boards: Mapping[str, SimGpu]) -> None:
        """Let the jobs of each node see the simulated machine of that node."""
        for node, gpu in boards.items():
            self.set_variables(node, gpu.environment({}))

    def clear(self) -> None:
        """End all jobs, however deaf, and wait until both nodes are idle."""
        for job in self.run("squeue", "--noheader", "--array", "--format=%A").split():
            self.tried("scancel", "--full", "--signal=KILL", job)
            self.tried("scancel", job)
        for node in NODES:
            (self.folder / f"{node}.env").unlink(missing_ok=True)
            self.tried("scontrol", "update", f"nodename={node}", "state=resume")
        wait_for("both nodes are idle again", self.is_idle)

    def is_idle(self) -> bool:
        ask = ("sinfo", "--Node", "--partition=main", "--noheader", "--format=%T")
        return self.run(*ask).split() == ["idle", "idle"] and not self.run("squeue", "--noheader")


@contextmanager
def slurm_started(*lines: str) -> Iterator[Slurm]:
    """Run a cluster with these lines of slurm.conf besides, in a folder with a short name."""
    need_slurm()
    with TemporaryDirectory(prefix="slurm_", ignore_cleanup_errors=True) as parent:
        folder = Path(parent) / "cluster"
        process = subprocess.Popen([CLUSTER, folder, *lines], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        with process, process.stdout:
            try:
                if not process.stdout.readline().startswith("SLURM_CONF="):
                    said = [path.read_text()[-2000:] for path in sorted(folder.glob("*.out"))]
                    pytest.fail("the Slurm of the tests did not start\n" + "\n".join(said))
                yield Slurm(folder)
            finally:
                process.terminate()
