"""A run, new or resumed: locks taken, the machine made sure of, the sweep, the end."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from tandem.base.errors import NotReadyError, TandemError
from tandem.base.output import mute
from tandem.base.paths import as_seen_from_here, how_to_go_on
from tandem.base.sudo import claim, give_to_caller, is_left
from tandem.experiment.clocks import wanted_of
from tandem.experiment.live import Shown
from tandem.experiment.seen import Surroundings
from tandem.machine.clocks.put_back import put_back_left
from tandem.machine.governor import governor
from tandem.machine.gpu_locks import GpuLocks, gpu_locks, gpus_in_use
from tandem.machine.gpus import nvml_held
from tandem.machine.host import host
from tandem.plan.file import NAME as PLAN
from tandem.plan.model import Experiment, Plan
from tandem.processes.control import become_subreaper, end_by
from tandem.processes.locks import held
from tandem.processes.scripts import HURRY
from tandem.processes.watch import Interrupted, Watch
from tandem.report.grid import screen_columns
from tandem.report.page.runs import NAME as REPORT
from tandem.report.progress import Progress
from tandem.report.summary import counting_rows, counts_line, table_at_end
from tandem.results.folder import TABLE, RunFolder, is_whole, make_run_folder
from tandem.results.journal import is_active
from tandem.results.latest import point_at
from tandem.results.state import Status, state_file
from tandem.run.clocks import see_clocks
from tandem.run.groups import Order, add_due, add_invalid, add_lost, may_run
from tandem.run.machine import Machine
from tandem.run.mps import see_mps
from tandem.run.notice import Notice
from tandem.run.options import Options
from tandem.run.pairs import make_up
from tandem.run.ready import (
    bring_in_left_samples,
    git_states,
    isolation_for,
    remove_leftovers,
    see_gpus,
    see_nvml,
    see_trainings,
    see_who_is_there,
)
from tandem.run.report import make_report
from tandem.run.shared_gpus import see_sharing
from tandem.run.sweep import Sweep

Find = Callable[[], "tuple[Path, Plan] | None"]


@dataclass
class Run:
    """One run of a plan in a new folder, or what is missing of the run in `path`.

    `find` is called once the locks are held; if it returns a run to resume, no new folder is made.
    `notice` is told how it ended, and sent where a signal ends this process.
    `copies` are what a new folder keeps of the files that the plan was made from, by name.
    """

    plan: Plan
    path: Path | None
    options: Options
    progress: Progress
    find: Find | None = None
    copies: Mapping[str, bytes] = field(default_factory=dict)
    notice: Notice = field(default_factory=lambda: Notice(()))
    folder: RunFolder | None = None
    sweep: Sweep | None = None
    locks: GpuLocks | None = None
    is_too_late: bool = False

    def run(self) -> int:
        """Run what is missing and return the exit code: 0 all valid, 1 not all.

        Ends this process by the signal that interrupted it. NotReadyError, LockedError: nothing
        was started, or everything was stopped (the disk is full, somebody else took a GPU).
        """
        if not hasattr(os, "pidfd_open"):
            raise NotReadyError("this Python has no os.pidfd_open (use another, 3.10 or newer)")
        become_subreaper()
        watch = Watch(self.progress.event, self.options.kill_wait_s)
        try:
            with ExitStack() as stack:
                self.run_missing(watch, stack)
        except Interrupted as interrupted:
            self.tell_state("stopped", f"by {interrupted}")
            self.end(f"stopped by {interrupted}")
            self.notice.send(128 + interrupted.signum, f"stopped by {interrupted}")
            self.go_on_later(interrupted.signum)
            end_by(interrupted.signum)
        except TandemError as error:
            self.tell_state("failed", str(error))
            self.end("")
            raise
        except OSError as error:
            self.tell_state("failed", str(disk_error(error)))
            self.end("")
            raise disk_error(error) from error
        except BaseException as error:
            self.tell_state("failed", f"{type(error).__name__}: {error}")
            raise
        why = self.sweep.why_stopped() if self.sweep and self.missing() else None
        self.tell_state("stopped" if why else "ended", why)
        self.end("")
        self.go_on_later()
        return self.exit_code()

    def go_on_later(self, signum: int | None = None) -> None:
        """See that what is missing will run, where somebody can start this process again."""

    def tell_state(self, status: Status, why: str | None) -> None:
        """Write into the run's folder how it has ended, if it has begun."""
        folder = self.folder
        if folder and (self.sweep or folder.worker):
            counts = folder.counts()
            shown = self.sweep.shown if self.sweep else Shown(self.progress, folder.own, counts)
            shown.end(status, why, counts)
            give_to_caller(state_file(folder.own))  # all else has been given by now

    def exit_code(self) -> int:
        """Return 0 if all is valid, as far as there was time for it."""
        rows = counting_rows(self.folder.rows.values()) if self.folder else []
        is_out_of_time = self.is_too_late or bool(self.sweep and self.sweep.is_out_of_time)
        is_all = not self.missing() or is_out_of_time
        is_lost = bool(self.sweep and self.sweep.has_lost_record)
        return int(is_lost or not is_all or any(row["valid"] is not True for row in rows))

    def run_missing(self, watch: Watch, stack: ExitStack) -> None:
        """Take all locks, see that the machine is ready, run; `stack` gives everything back."""
        options, say = self.options, self.progress.event
        refuse_odd_name(self.path or options.results)
        give_what_was_left(options.results)
        is_locked = options.rerun_invalid or not (self.path and is_whole(self.path, self.plan))
        if is_locked and not self.lock_gpus(watch, stack):
            return
        if self.find and (found := self.find()):
            say(f"continuing {found[0]}")
            self.path, self.plan = found
        if self.path:
            self.open(self.path, watch, stack)
        if not self.missing():
            say("nothing is missing: all experiments have ended")
            return
        if not is_locked and not self.lock_gpus(watch, stack):  # it only seemed to be whole
            return
        is_new = self.folder is None
        machine, around = self.prepared(watch, stack)
        if self.folder is None:
            self.open(make_run_folder(options.results, self.plan, self.copies), watch, stack)
        assert self.folder
        point_at(self.folder.path, say)
        order = Order(self.folder)
        self.sweep = Sweep(self.folder, around, machine, options, watch, self.progress, order)
        self.sweep.run(is_new=is_new)

    def prepared(self, watch: Watch, stack: ExitStack) -> tuple[Machine, Surroundings]:
        """Make the machine ready; `stack` gives everything back."""
        cpufreq, say = self.options.cpufreq, self.progress.event
        machine = stack.enter_context(closing(Machine(self.plan.experiments, cpufreq)))
        stack.enter_context(nvml_held())
        around = self.make_ready(watch)
        has_machine = gpus_in_use() is None
        stack.enter_context(governor(self.plan.governor, cpufreq, say, has_machine=has_machine))
        put_back_left(say)
        see_clocks(self.may_run(), say)
        return machine, around

    def lock_gpus(self, watch: Watch, stack: ExitStack) -> bool:
        """Take the locks of the GPUs; False: there is no time left."""
        if self.has_no_time():
            return False
        sets_boards = any(wanted_of(each).values() for each in self.plan.experiments)
        take = partial(gpu_locks, gpus_in_use(), self.options.cpus_lock, sets_boards=sets_boards)
        self.locks = stack.enter_context(
            held(take, self.longest_wait_s(), watch, self.progress.event)
        )
        return not self.has_no_time()

    def has_no_time(self) -> bool:
        self.is_too_late = self.options.left_s() <= 0
        if self.is_too_late:
            self.progress.event("not started: the time is over (--until)")
        return self.is_too_late

    def longest_wait_s(self) -> float:
        return min(self.options.wait_lock_s, max(0.0, self.options.left_s()))

    def open(self, path: Path, watch: Watch, stack: ExitStack) -> None:
        """Open the run's folder, which nobody else may work in meanwhile."""
        stack.callback(give_to_caller, path)

        def take() -> closing[RunFolder]:
            return closing(RunFolder(path, self.plan, self.progress.event))

        wait_s = self.longest_wait_s()
        self.folder = stack.enter_context(held(take, wait_s, watch, self.progress.event))
        claim(path)
        add_lost(self.folder)
        make_up(self.folder)
        add_due(self.folder)
        if self.options.rerun_invalid:
            add_invalid(self.folder)

    def make_ready(self, watch: Watch) -> Surroundings:
        """Clear up after earlier runs and look around; NotReadyError, before there is a folder."""
        options, say = self.options, self.progress.event
        experiments = self.may_run()
        see_trainings(experiments)
        see_gpus(experiments, say)
        see_sharing(experiments)
        see_mps(experiments)
        see_nvml(say)
        leftovers = remove_leftovers(say)
        bring_in_left_samples(say)
        isolation = isolation_for(experiments, options.use_namespace)
        assert self.locks
        git, worker = git_states(experiments), self.folder.worker if self.folder else None
        around = Surroundings(
            isolation, host(), git, leftovers, self.locks, worker, options.sharing
        )
        see_who_is_there(options.sensors, watch, say)
        return around

    @property
    def standing_plan(self) -> Plan:
        """The plan with what was added while it ran."""
        return self.folder.plan if self.folder else self.plan

    def may_run(self) -> list[Experiment]:
        """Return all that may run, now or later."""
        return may_run(self.standing_plan, self.missing())

    def missing(self) -> list[Experiment]:
        return self.folder.missing() if self.folder else list(self.plan.experiments)

    def end(self, text: str) -> None:
        """Say how it went; the table and where everything is go to stdout."""
        if text:
            self.progress.event(text)
        self.progress.close()
        if self.folder is None:
            return
        counts, path = self.folder.counts(), self.folder.path
        lines = self.lines_at_end()
        self.notice.note(str(path), counts.valid, counts.not_valid, counts.missing)
        self.notice.text = "\n".join(lines)
        try:
            print(*lines, sep="\n", flush=True)
        except OSError:  # the terminal or the reader is gone; the files are there
            mute(sys.stdout)
        if self.is_to_report():
            make_report(path, as_seen_from_here(path))

    def lines_at_end(self) -> list[str]:
        """Return what goes to stdout at the end."""
        assert self.folder
        rows, path = self.folder.rows, self.folder.path
        counted, table = counting_rows(rows.values()), as_seen_from_here(path) / TABLE
        lines = ["", table_at_end(counted, str(table), screen_columns())] if counted else []
        lines.append(counts_line(list(rows.values()), self.folder.counts(), how_to_go_on(path)))
        return [*lines, f"results: {as_seen_from_here(path)}"]

    def is_to_report(self) -> bool:
        """Whether the report is to be made at the end."""
        assert self.folder
        is_wanted = self.options.with_report and not HURRY.is_on
        return is_wanted and bool(self.sweep or not (self.folder.path / REPORT).exists())


def give_what_was_left(results: Path) -> None:
    """Give the user who called sudo what killed runs of root's left; look into no other run."""
    for plan in results.glob(f"run_*/{PLAN}"):
        if is_left(plan.parent) and not is_active(plan.parent):
            give_to_caller(plan.parent)


def refuse_odd_name(path: Path) -> None:
    """Refuse, with NotReadyError, what sh cannot start a script with."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise NotReadyError(f"{path}: not UTF-8 (choose another with --results)") from None


def disk_error(error: OSError) -> NotReadyError:
    where = error.filename or "a file of the run"
    hint = " (free some space and run again)" if error.errno == errno.ENOSPC else ""
    return NotReadyError(
        f"{where}: {error.strerror}{hint}; nothing is left running, earlier records are whole"
    )
