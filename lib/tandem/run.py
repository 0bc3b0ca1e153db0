"""A whole run: the machine made sure of, every missing experiment in its order, the table."""

from __future__ import annotations

import errno
import os
import shlex
import signal
import sys
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tandem.cooldown import Cooldown
from tandem.environment import VERSION, host
from tandem.errors import NotReadyError
from tandem.experiment import ExperimentRun
from tandem.forecast import Forecast
from tandem.governor import governor, governors_now
from tandem.launch import Interrupted, Watch
from tandem.locks import gpu_locks, held
from tandem.measure.busy import Sensors, nvml_held
from tandem.ownership import give_to_caller
from tandem.plan import Experiment, Plan
from tandem.proc import become_subreaper
from tandem.progress import Progress, View, duration_text
from tandem.readiness import (
    git_states,
    isolation_for,
    remove_leftovers,
    see_trainings,
    see_who_is_there,
)
from tandem.record import Surroundings, make_record, read_record
from tandem.runfolder import RunFolder, cut_off_folders, make_run_folder
from tandem.screen import counts_line, print_table


@dataclass(frozen=True)
class Options:
    """What a run was told beside its plan.

    `results` is where new runs are made, `cpufreq` where the CPUs' governors are. `wait_lock_s` is
    how long to wait for locks; `until_s`, in seconds of UTC, is when all is to have ended.
    """

    results: Path
    use_namespace: bool
    sensors: Sensors
    cpufreq: Path
    wait_lock_s: float
    until_s: float | None


@dataclass
class Run:
    """One run of a plan in a new folder, or what is missing of the run in `path`."""

    plan: Plan
    path: Path | None
    options: Options
    progress: Progress
    folder: RunFolder | None = None
    cooldown: Cooldown = field(default_factory=Cooldown)
    is_out_of_time: bool = False

    def run(self) -> int:
        """Run what is missing and return the exit code: 0 all valid, 1 not all.

        Ends this process by the signal that interrupted it. NotReadyError, LockedError: nothing
        was started, or the disk is full and everything was stopped.
        """
        if not hasattr(os, "pidfd_open"):
            raise NotReadyError("this Python has no os.pidfd_open (use another, 3.10 or newer)")
        become_subreaper()
        watch = Watch()
        try:
            with ExitStack() as stack:
                self.run_missing(watch, stack)
        except Interrupted as interrupted:
            self.end(f"stopped by {interrupted}")
            end_by(interrupted.signum)
        except OSError as error:
            self.end("")
            raise disk_error(error) from error
        self.end("")
        return self.exit_code()

    def exit_code(self) -> int:
        """Return 0 if all is valid, as far as there was time for it."""
        rows = list(self.folder.rows.values()) if self.folder else []
        is_whole = self.is_out_of_time or len(rows) == len(self.plan.experiments)
        return 0 if is_whole and all(row["valid"] == "True" for row in rows) else 1

    def run_missing(self, watch: Watch, stack: ExitStack) -> None:
        """Take all locks, see that the machine is ready, run; `stack` gives everything back."""
        give_to_caller(self.options.results)  # what a killed run of root's left
        if self.path:
            self.open(self.path, watch, stack)
            if not self.missing():
                self.progress.event("nothing is missing: all experiments have ended")
                return
        options, say = self.options, self.progress.event
        if not self.has_time_for(0.0):
            self.is_out_of_time = True
            say("not started: the time is over (--until)")
            return
        stack.enter_context(held(gpu_locks, options.wait_lock_s, watch, say))
        stack.enter_context(nvml_held())
        around = self.make_ready(watch)
        stack.enter_context(governor(self.plan.governor, options.cpufreq, say))
        if not self.path:
            self.open(make_run_folder(options.results, self.plan), watch, stack)
        self.run_all(around, watch)

    def open(self, path: Path, watch: Watch, stack: ExitStack) -> None:
        """Open the run's folder, which nobody else may work in meanwhile."""
        stack.callback(give_to_caller, path if self.path else self.options.results)

        def take() -> closing[RunFolder]:
            return closing(RunFolder(path, self.plan))

        wait_s = self.options.wait_lock_s
        self.folder = stack.enter_context(held(take, wait_s, watch, self.progress.event))

    def make_ready(self, watch: Watch) -> Surroundings:
        """Clear up after earlier runs and look around; NotReadyError, before there is a folder."""
        options, say, missing = self.options, self.progress.event, self.missing()
        see_trainings(missing)
        leftovers = remove_leftovers(say)
        isolation = isolation_for(missing, options.use_namespace)
        around = Surroundings(self.plan, isolation, host(), git_states(missing), leftovers)
        see_who_is_there(options.sensors, watch, say)
        return around

    def missing(self) -> list[Experiment]:
        return self.folder.missing() if self.folder else list(self.plan.experiments)

    # -- the experiments ---------------------------------------------------------------

    def run_all(self, around: Surroundings, watch: Watch) -> None:
        """Run the missing experiments, as far as there is time, the GPUs cooling in between."""
        assert self.folder
        event = "resumed" if self.path else "run_started"
        self.folder.journal.add(event, pid=os.getpid(), host=os.uname().nodename, tandem=VERSION)
        missing = self.missing()
        self.forecast = Forecast(missing)
        for experiment in self.plan.experiments:
            if experiment.id in self.folder.ended:
                self.forecast.note(experiment, self.folder.ended[experiment.id])
        if self.folder.ended:  # the first began when the GPUs were cool
            self.cooldown.note_record(read_record(self.folder.path / next(iter(self.folder.ended))))
        before: Experiment | None = None
        for experiment in missing:
            watch.check()
            expected_s = self.forecast.of(experiment)
            if not self.has_time_for(expected_s or 0.0):
                self.stop_early(experiment, expected_s)
                return
            begin_s = time.monotonic()
            cooling = self.cool_down(experiment, before, watch) if before else None
            self.forecast.begin(experiment)
            self.run_one(experiment, around, watch, cooling, begin_s)
            before = experiment
        watch.check()
        self.folder.journal.add("run_ended")

    def has_time_for(self, duration_s: float) -> bool:
        until_s = self.options.until_s
        return until_s is None or time.time() + duration_s <= until_s

    def stop_early(self, experiment: Experiment, expected_s: float | None) -> None:
        self.is_out_of_time = True
        about = f"would take about {duration_text(expected_s)}" if expected_s else "has no time"
        self.say(experiment, f"not started: it {about}, and the time is over soon (--until)")
        assert self.folder
        self.folder.journal.add("stopped", reason="until", experiment=experiment.id)

    def cool_down(self, experiment: Experiment, before: Experiment, watch: Watch) -> dict[str, Any]:
        """Let the GPUs cool down after one experiment and before the next."""
        begin_s = time.monotonic()
        number, total = experiment.number, len(self.plan.experiments)

        def tick(left_s: float) -> None:
            passed_s = time.monotonic() - begin_s
            rest_s = self.forecast.rest_s()
            view = View(number, total, "cooling down", None, None, None, passed_s, left_s, rest_s)
            self.progress.update(view)

        return self.cooldown.wait(watch, before.cooldown_s, tick)

    def run_one(
        self,
        experiment: Experiment,
        around: Surroundings,
        watch: Watch,
        cooling: dict[str, Any] | None,
        begin_s: float,
    ) -> None:
        """Run one experiment to its record and its row; `begin_s` is when its cool-down began."""
        assert self.folder
        path = self.folder.begin(experiment)
        run = ExperimentRun(
            experiment,
            path,
            len(self.plan.experiments),
            around.isolation,
            watch,
            self.progress,
            self.options.sensors,
            self.forecast.of(experiment),
            self.forecast.rest_s(),
        )
        run.say(f"{experiment.id} started")
        run.outcome.cooldown = cooling
        run.outcome.cpu_governor = governors_now(self.options.cpufreq)
        run.outcome.cut_off = [
            str(each.relative_to(self.folder.path)) for each in cut_off_folders(path)
        ]
        outcome = run.run()
        self.cooldown.note_start(outcome.gpus_before)
        try:
            record = make_record(experiment, path, outcome, around)
            if outcome.status == "interrupted":
                self.folder.interrupt(record)
            else:
                self.folder.finish(record, time.monotonic() - begin_s)
        except FileNotFoundError as error:  # the training removed its own folder
            run.say(f"no record: {error.filename}: {error.strerror}")
            return
        finally:
            give_to_caller(path)
        if outcome.status != "interrupted":
            self.forecast.note(experiment, time.monotonic() - begin_s)
            run.say(f"{summary(record)}{self.rest()}")
        if outcome.interrupted:  # perhaps after the foreground had ended
            raise outcome.interrupted

    def rest(self) -> str:
        rest_s = self.forecast.rest_s()
        return f"; all done in about {duration_text(rest_s)}" if rest_s else ""

    def say(self, experiment: Experiment, text: str) -> None:
        number, total = experiment.number, len(self.plan.experiments)
        self.progress.event(f"experiment {number} of {total}: {text}")

    # -- after -------------------------------------------------------------------------

    def end(self, text: str) -> None:
        """Say how it went; the table and where everything is go to stdout."""
        if text:
            self.progress.event(text)
        self.progress.close()
        if self.folder is None:
            return
        rows, path = list(self.folder.rows.values()), as_seen_from_here(self.folder.path)
        lines = ["", print_table(rows)] if rows else []
        go_on = shlex.join(["make", "resume", f"RUN={path}"])
        lines.append(counts_line(rows, len(self.missing()), go_on))
        try:
            print(*lines, f"results: {path}", sep="\n", flush=True)
        except OSError:  # the terminal or the reader is gone; the files are there
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def as_seen_from_here(folder: Path) -> Path:
    """Return a path as a person here would type it."""
    here = Path.cwd()
    return folder.relative_to(here) if folder.is_relative_to(here) else folder


def summary(record: dict[str, Any]) -> str:
    duration_s = record["duration_seconds"]
    words = "ended" if duration_s is None else f"ended after {duration_s:.1f} s"
    return words + (
        ", valid" if record["valid"] else f", not valid: {record['invalid_reasons'][0]}"
    )


def disk_error(error: OSError) -> NotReadyError:
    where = error.filename or "a file of the run"
    hint = " (free some space and run again)" if error.errno == errno.ENOSPC else ""
    return NotReadyError(
        f"{where}: {error.strerror}{hint}; nothing is left running, earlier records are whole"
    )


def end_by(signum: int) -> NoReturn:
    """End as whoever sent the signal expects: by that signal."""
    sys.stderr.flush()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    os._exit(128 + signum)  # the first process of a container is not ended by signals
