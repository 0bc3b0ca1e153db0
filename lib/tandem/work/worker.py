"""A worker: one process that takes groups of a plan and runs each whole, on its own board."""

from __future__ import annotations

import os
import re
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass

from tandem.base.sudo import give_to_caller
from tandem.processes.watch import Watch
from tandem.results.worker_folder import WorkerFolder, make_worker_folder
from tandem.run.groups import add_invalid
from tandem.run.run import Run, refuse_odd_name
from tandem.run.sweep import Sweep
from tandem.work.claims import EXPIRES_S, Claims
from tandem.work.drain import GroupOrder
from tandem.work.slurm.job import job_of
from tandem.work.together import put_together


@dataclass
class Worker(Run):
    """Runs groups of the run in `path` until none is left, or the time is over.

    `most_groups` is how many it takes at most.
    """

    most_groups: int | None = None
    claim_expires_s: float = EXPIRES_S

    def run_missing(self, watch: Watch, stack: ExitStack) -> None:
        """Take all locks, see that the machine is ready, run; `stack` gives everything back."""
        assert self.path
        refuse_odd_name(self.path)
        if not self.lock_gpus(watch, stack):
            return
        job = job_of(os.environ)
        name = worker_name(job.worker_id, job.restart) if job else worker_name()
        own = make_worker_folder(self.path, name)
        stack.callback(give_to_caller, own)
        folder = WorkerFolder(self.path, own, self.plan, self.progress.event)
        self.folder = stack.enter_context(closing(folder))
        if self.options.rerun_invalid:
            add_invalid(folder)
        if not self.missing():
            self.progress.event("nothing is missing: all experiments have ended")
            return
        machine, around = self.prepared(watch, stack)
        claims = Claims(self.path, own.name, self.claim_expires_s)
        order = GroupOrder(folder, claims=claims, most_groups=self.most_groups)
        self.sweep = Sweep(folder, around, machine, self.options, watch, self.progress, order)
        self.sweep.run(is_new=False)
        put_together(folder, claims.taken())


def worker_name(ident: str | None = None, restart: int = 0) -> str:
    """Return the name of this worker: host, what it is known by there, and which restart it is."""
    ident = ident or f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{os.getpid()}"
    host = re.sub(r"[^A-Za-z0-9.-]", "-", os.uname().nodename)
    return f"{host}_{ident}_r{restart}"
