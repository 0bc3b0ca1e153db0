"""The same fleet as jobs of a real Slurm, and what befalls such jobs: nodes, daemons, orders."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from simgpu import SimGpu
from tandem.processes.tree import send

from support import ROOT
from support.fleet import Fleet
from support.slurm import NODES, Slurm
from support.stage import DEADLINE_S, Stage, wait_for
from support.storm import Storm, Undo, over

STOPPED_S, DOWN_S, SUBMIT_EACH_S = 20.0, 5.0, 5.0
AT_ONCE = len(NODES)


class SlurmFleet(Fleet):
    """Workers that `tandem submit` asks Slurm for, and asks for again where too few are left."""

    def __init__(self, stage: Stage, slurm: Slurm, boards: dict[str, SimGpu], workers: int) -> None:
        self.stage, self.slurm, self.wanted = stage, slurm, workers
        self.shared, self.log = stage.folder / "shared", stage.folder / "submit.log"
        self.places, self.gpu = [], boards[NODES[0]]
        self.submission: subprocess.Popen[bytes] | None = None
        self.submitted_s = 0.0
        for node, gpu in boards.items():
            locks = stage.folder / node
            locks.mkdir()
            gpu.set(c_per_w=0.0)
            slurm.set_variables(node, gpu.environment({}) | {"TANDEM_LOCKS": str(locks)})

    def start(self) -> None:
        self.submit(self.wanted)

    def submit(self, workers: int) -> None:
        """Ask for workers; Slurm may be silent, so nobody waits for its answer here."""
        words = ["submit", f"--workers={workers}", "--resume", str(self.run)]
        with open(self.log, "ab") as log:
            self.submission = subprocess.Popen(
                [sys.executable, str(ROOT / "driver.py"), *words],
                env=self.slurm.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def tend(self) -> None:
        if self.submission and self.submission.poll() is None:
            self.submitted_s = time.monotonic()
        is_due = time.monotonic() > self.submitted_s + SUBMIT_EACH_S
        if is_due and len(self.workers()) < AT_ONCE and not self.is_whole():
            self.submit(AT_ONCE)
            self.submitted_s = time.monotonic()

    def wait_for_end(self) -> None:
        wait_for("all jobs have ended", lambda: not self.jobs(), 2 * DEADLINE_S)
        assert self.submission
        self.submission.wait(DEADLINE_S)

    def clean_up(self) -> None:
        if self.submission:
            self.submission.kill()
            self.submission.wait()

    def jobs(self, *options: str) -> list[str] | None:
        """Return the jobs of this cluster that Slurm has; None: it does not answer."""
        done = self.slurm.tried("squeue", "--noheader", "--array", "--format=%i", *options)
        return None if done.returncode else done.stdout.split()

    def said(self) -> str:
        logs = sorted((self.run / "jobs").glob("*.log"), key=lambda log: log.stat().st_mtime)
        texts = [log.read_text(errors="replace")[-1500:] for log in logs[-4:]]
        return "\n".join([super().said(), *texts])


@dataclass
class SlurmStorm(Storm):
    """Faults of Slurm's own; those that need its controller wait while that is stopped."""

    slurm: Slurm = field(kw_only=True)
    is_silent: bool = False

    @property
    def ways(self) -> dict[str, Callable[[], Undo | None]]:
        of_workers = {"kill": self.kill, "kill tree": self.kill_tree}
        return of_workers | {
            "scancel": lambda: self.order("scancel"),
            "requeue": lambda: self.order("scontrol", "requeue"),
            "node down": self.node_down,
            "slurmd killed": self.kill_slurmd,
            "slurmctld stopped": self.stop_controller,
        }

    def order(self, *words: str) -> Undo | None:
        """Give Slurm an order about a job that runs."""
        fleet = self.fleet
        assert isinstance(fleet, SlurmFleet)
        jobs = None if self.is_silent else fleet.jobs("--states=running")
        if not jobs or self.slurm.tried(*words, self.random.choice(jobs)).returncode:
            return None
        return over

    def node_down(self) -> Undo | None:
        """Let Slurm take a node for broken, with the job that runs there, and then for mended."""
        node = self.random.choice(NODES)
        if self.is_silent or self.update(node, "down").returncode:
            return None
        end_s = time.monotonic() + DOWN_S

        def is_over() -> bool:
            if time.monotonic() < end_s or self.is_silent:
                return False
            done = self.update(node, "resume")  # its daemon may have said that all is well
            return done.returncode == 0 or "Invalid node state" in done.stderr

        return is_over

    def update(self, node: str, state: str) -> subprocess.CompletedProcess[str]:
        words = ("scontrol", "update", f"nodename={node}", f"state={state}", "reason=storm")
        return self.slurm.tried(*words)

    def kill_slurmd(self) -> Undo | None:
        """Kill the daemon of a node; it is started again after a second."""
        try:
            send(self.slurm.daemon(self.random.choice(NODES)), signal.SIGKILL)
        except FileNotFoundError:
            return None  # it is just being started
        return over

    def stop_controller(self) -> Undo | None:
        if self.is_silent:
            return None
        pid, end_s = self.slurm.daemon("slurmctld"), time.monotonic() + STOPPED_S
        os.kill(pid, signal.SIGSTOP)
        self.stopped.add(pid)
        self.is_silent = True

        def is_over() -> bool:
            if time.monotonic() < end_s:
                return False
            os.kill(pid, signal.SIGCONT)
            self.stopped.remove(pid)
            self.is_silent = False
            return True

        return is_over
