"""A worker: one process that takes groups of a plan and runs each whole, on its own board."""

from __future__ import annotations

import os
import re
import signal
import time
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from tandem.base.errors import NotReadyError
from tandem.base.paths import as_seen_from_here, how_to_go_on
from tandem.base.sudo import give_to_caller
from tandem.base.text import some_of
from tandem.experiment.live import NOTHING
from tandem.plan.model import Experiment
from tandem.processes.watch import Watch
from tandem.report.grid import screen_columns
from tandem.report.summary import counting_rows, counts_text, table_at_end
from tandem.results.columns import Row
from tandem.results.folder import TABLE, RunFolder
from tandem.results.journal import NAME as JOURNAL
from tandem.results.shared.disk import WAIT_S, Disk, SharedDisk
from tandem.results.shared.worker_folder import WorkerFolder, make_worker_folder
from tandem.results.shared.worker_name import WorkerName
from tandem.run.groups import add_invalid
from tandem.run.run import Run, refuse_odd_name
from tandem.run.sweep import Sweep
from tandem.work.boards import this_site
from tandem.work.claims import EXPIRES_S, Claims
from tandem.work.drain import GroupOrder
from tandem.work.left import MOST_NAMED, Left, left_by, own_rows
from tandem.work.slurm.ending import has_ended_any, is_of, queue_again
from tandem.work.slurm.job import Job, job_of
from tandem.work.together import put_together

_MOST_OF_A_JOB = 100  # workers


@dataclass
class Worker(Run):
    """Runs groups of the run in `path` until none is left, or the time is over.

    `most_groups` is how many it takes at most. `left` says, at the end, what is still to run.
    """

    most_groups: int | None = None
    claim_expires_s: float = EXPIRES_S
    wait_disk_s: float = WAIT_S
    order: GroupOrder | None = None
    left: Left | None = None

    def run_missing(self, watch: Watch, stack: ExitStack) -> None:
        """Take all locks, see that the machine is ready, run; `stack` gives everything back."""
        assert self.path
        refuse_odd_name(self.path)
        waiting = watch, self.progress.event, self.wait_disk_s
        own = own_folder(self.path, SharedDisk(self.path, self.path, *waiting))
        stack.push(lambda kind, *_: None if kind else remove_unused(own))
        stack.callback(give_to_caller, self.path)
        disk = SharedDisk(self.path, own, *waiting)
        folder = WorkerFolder(self.path, own, self.plan, self.progress.event, disk)
        self.folder = stack.enter_context(closing(folder))
        if self.options.rerun_invalid:
            add_invalid(folder)
        self.order = order = self.order_of(folder, watch)
        stack.callback(order.release)
        if not order.groups_to_run():
            self.progress.event("nothing is missing: all experiments have ended")
            return
        if not self.lock_gpus(watch, stack):
            return
        machine, around = self.prepared(watch, stack)
        self.sweep = Sweep(folder, around, machine, self.options, watch, self.progress, order)
        self.sweep.run(is_new=False)
        self.sweep.is_out_of_time |= order.is_out_of_time
        disk.patient(self.close_books)

    def close_books(self) -> None:
        """Put together what all workers have ended, and look what is left."""
        if isinstance(self.folder, WorkerFolder) and self.order:
            put_together(self.folder, self.order.claims.others())
            self.left = left_by(self.order)

    def order_of(self, folder: WorkerFolder, watch: Watch) -> GroupOrder:
        claims = Claims(folder.path, folder.own.name, self.claim_expires_s)
        folder.disk.patient(claims.open)

        def wait(seconds: float) -> None:
            if self.sweep:
                shown = self.sweep.shown
                facts = {"experiment": None, "phase": "waiting for other workers", **NOTHING}
                shown.show(replace(shown.state, **facts), at_once=True)
            watch.wait([], time.monotonic() + seconds)

        return GroupOrder(
            folder=folder,
            claims=claims,
            site=this_site(),
            left_s=self.options.left_s,
            wait=wait,
            most_groups=self.most_groups,
        )

    def may_run(self) -> list[Experiment]:
        assert self.order
        groups = self.standing_plan.groups
        return [each for group in self.order.groups_to_run() for each in groups[group]]

    def exit_code(self) -> int:
        """Return 0 if all that this worker ran is valid, and nobody else needs to be started.

        Where nothing is missing any more, all of the run is to be valid.
        """
        rows = self.rows_to_show()
        is_lost = bool(self.sweep and self.sweep.has_lost_record)
        is_all = bool(self.left and self.left.is_in_hand)
        return int(is_lost or not is_all or any(row["valid"] is not True for row in rows))

    def rows_to_show(self) -> list[Row]:
        """Return the rows that count of what this worker ran; of all where nothing is missing."""
        if not isinstance(self.folder, WorkerFolder):
            return []
        rows = self.folder.rows if not self.missing() else own_rows(self.folder)
        return counting_rows(rows.values())

    def end(self, text: str) -> None:
        """Say what this worker did, and what is left; the table is that of all."""
        if self.left is None:
            with suppress(OSError, NotReadyError):  # a bad disk: who is next writes the table
                self.close_books()
        super().end(text)

    def go_on_later(self, signum: int | None = None) -> None:
        """Have the job queued again whose time is up, unless it would never come any further."""
        is_out_of_time = self.is_too_late or bool(self.sweep and self.sweep.is_out_of_time)
        if not (signum == signal.SIGUSR1 or (signum is None and is_out_of_time)):
            return
        job, left = job_of(os.environ), self.left
        if job is None or left is None or not left.with_nobody or not self.order:
            return
        if any(is_of(job, each) for each in left.with_others.values()):
            return  # whichever ends last will do it
        assert self.path and self.folder
        if has_ended_any(job, self.path, self.folder.rows):
            queue_again(job, self.path, self.progress.event)
        else:
            self.progress.event(
                f"job {job.name} is not queued again: no experiment ended in its time"
                f" (give it more: {how_to_go_on(self.path)} SBATCH_ARGS=--time=...)"
            )
        self.progress.close()

    def lines_at_end(self) -> list[str]:
        assert self.folder
        path, rows = as_seen_from_here(self.folder.path), self.rows_to_show()
        lines = ["", table_at_end(rows, str(path / TABLE), screen_columns())] if rows else []
        if self.order and self.order.groups and isinstance(self.folder, WorkerFolder):
            own = [row["valid"] is True for row in counting_rows(own_rows(self.folder).values())]
            kinds = {"valid": own.count(True), "not valid": own.count(False)}
            words = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
            groups = some_of(self.order.groups, MOST_NAMED)
            lines.append(f"this worker: {groups}: {words or 'none has ended'}")
        lines.append(counts_text(self.folder.counts()))
        lines += self.left.lines(self.folder.path) if self.left else []
        return [*lines, f"results: {path}"]

    def is_to_report(self) -> bool:
        return super().is_to_report() and not self.missing()


def own_folder(run: Path, disk: Disk = RunFolder.disk) -> Path:
    """Make the folder of this worker. OSError: none can be made."""
    job = job_of(os.environ)
    for number in range(1, _MOST_OF_A_JOB):
        name = own_name(job, number)
        with suppress(FileExistsError):  # of another worker of the same job
            return disk.patient(partial(make_worker_folder, run, str(name)))
    raise OSError(None, "no free name for a worker", str(run))


def own_name(job: Job | None, number: int) -> WorkerName:
    """Return the name of this worker, which may be one of several of its job."""
    host = re.sub(r"[^A-Za-z0-9.-]", "-", os.uname().nodename)
    if job:
        return WorkerName(host, job.worker_id, job.restart, number)
    began = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    return WorkerName(host, f"{began}-{os.getpid()}", number=number)


def remove_unused(own: Path) -> None:
    """Remove the folder of a worker that has begun nothing."""
    with suppress(OSError):
        if not (own / JOURNAL).stat().st_size:
            (own / JOURNAL).unlink()
            own.rmdir()
