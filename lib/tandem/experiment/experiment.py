"""One experiment from its first file to its end: backgrounds, attempts, stop."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.background.backgrounds import Backgrounds
from tandem.background.rounds import read_rounds
from tandem.background.warmup import LAST_LINES, BackgroundFailed, BackgroundNotReady
from tandem.base.clock import boottime_s, suspended_s
from tandem.base.files import last_lines
from tandem.base.variables import COOKIE
from tandem.experiment.astray import Astray
from tandem.experiment.attempt import Attempt, attempt_folder, point_to
from tandem.experiment.bare_context import NAME as IDLE_CONTEXT
from tandem.experiment.bare_context import BareContext
from tandem.experiment.clocks import hold_boards
from tandem.experiment.gpu_setup import boards_or_reason
from tandem.experiment.live import Live
from tandem.experiment.log import epochs_asked
from tandem.experiment.mps import Mps, isolation_of, mps_of
from tandem.experiment.scripts import prepare
from tandem.experiment.seen import Before, Seen, Surroundings
from tandem.experiment.strays import has_strays, remove_strays
from tandem.log.follow import EPOCHS, EpochReader
from tandem.machine.faults import FaultWatch
from tandem.machine.gpus import GpuBusyError, Sensors
from tandem.machine.mps.daemon import DaemonError
from tandem.machine.sharing import Neighbours
from tandem.measure.powermon import Powermon
from tandem.plan.model import Experiment
from tandem.processes import census
from tandem.processes.cookie import cookie
from tandem.processes.scripts import Script
from tandem.processes.watch import Interrupted, Watch
from tandem.report.progress import left_s
from tandem.results.earlier import Footprints
from tandem.results.record import Status
from tandem.results.shared.disk import Disk
from tandem.results.shared.local_samples import Samples
from tandem.results.state import Rounds


@dataclass
class ExperimentRun:
    """Runs one experiment in its folder.

    `samples` is where what is measured goes meanwhile, `disk` what the folder is on. `footprints`
    is what earlier records measured of the GPU's memory.
    """

    experiment: Experiment
    folder: Path
    around: Surroundings
    before: Before
    watch: Watch
    live: Live
    sensors: Sensors
    samples: Samples
    disk: Disk
    footprints: Footprints | None = None
    backgrounds: Backgrounds | None = None
    mps: Mps | None = None
    attempts: list[Attempt] = field(default_factory=list)
    seen: Seen = field(default_factory=Seen)
    is_over: bool = False  # every attempt that was due has been made

    def run(self) -> None:
        """Run to the end; nothing of the experiment is alive afterwards, whatever happened.

        OSError: a file could not be written (the disk is full; FileNotFoundError: a training
        removed the folder).
        """
        seen, self.begin_s = self.seen, time.monotonic()
        self.cookie = f"{cookie(os.getpid())}/{self.folder.parent.name}/{self.experiment.id}"
        folder = self.samples.place("energy")
        sensors, counters = self.sensors, self.experiment.gpu_setup.counters
        self.monitor = Powermon(folder, sensors.powercap, sensors.proc, counters)
        self.astray = Astray(self.monitor.folder)
        self.faults = FaultWatch()
        self.neighbours = Neighbours(self.around.locks, self.around.sharing)
        try:
            self.begin_and_try()
        except Interrupted as interrupted:
            seen.status, seen.interrupted = "interrupted", interrupted
            seen.stop_reason = seen.error_message = f"interrupted by {interrupted}"
        except OSError as error:
            if (why := self.disk.why_bad(error)) is None:
                raise
            self.cut_off(why)
        finally:
            try:
                self.stop()
            finally:
                self.give_back()
        is_background = seen.status in ("background not ready", "background failed")
        if is_background and (why := self.disk.why_bad()):
            self.cut_off(why)

    def cut_off(self, why: str) -> None:
        """Note and say that the shared disk is bad, so that nothing that runs now counts."""
        self.seen.has_lost_disk, problem = True, f"the run's disk is bad: {why}"
        self.give_up("interrupted", problem, f"cut off, and will run again: {problem}")

    def begin_and_try(self) -> None:
        """Make all attempts that are due, unless something is in their way."""
        try:
            self.begin()
            self.run_attempts()
            self.is_over = True
        except GpuBusyError as problem:
            self.give_up("GPU busy", problem, f"not started: {problem}")
        except (BackgroundNotReady, BackgroundFailed) as problem:
            self.watch.settle()
            is_ready = isinstance(problem, BackgroundFailed)
            what = "is ended" if is_ready else "is not started" + " again" * bool(self.attempts)
            status: Status = "background failed" if is_ready else "background not ready"
            self.give_up(status, problem, f"{problem}; the foreground {what}", problem.lines)
        except DaemonError as problem:
            self.watch.settle()
            self.give_up("MPS failed", problem, f"{problem}; the experiment is ended")

    def give_up(
        self, status: Status, problem: Exception | str, text: str, lines: Sequence[str] = ()
    ) -> None:
        """Note and say why the experiment goes no further; `lines` stand below that."""
        self.seen.status, self.seen.stop_reason = status, status
        self.seen.error_message = str(problem)
        self.live.say(text)
        self.live.show_lines(lines)

    # -- before ------------------------------------------------------------------------

    def begin(self) -> None:
        """Render the scripts, see who is on the GPUs, start the monitor, measure the idle."""
        self.mps = mps_of(self.experiment, self.folder, self.environment)
        self.backgrounds = prepare(
            self.experiment,
            self.folder,
            isolation_of(self.experiment, self.around.isolation),
            environment=self.training_environment,
            monitor=self.monitor,
            samples=self.samples,
            say=self.live.say,
        )
        self.seen.boards = boards_or_reason()
        self.seen.holders_before = census.device_holders()
        self.seen.gpus_before, self.seen.busy = self.sensors.wait_free(self.watch, self.live.say)
        self.heed_footprints()
        self.seen.held = hold_boards(self.experiment, self.seen.boards, self.live.say)
        self.monitor.start()
        self.idle()
        self.idle_context()

    def heed_footprints(self) -> None:
        """Say beforehand what cannot fit into a GPU's memory, and leave room where that can be."""
        if self.backgrounds and self.seen.gpus_before and self.footprints:
            for line in self.backgrounds.heed(self.experiment, self.footprints.of):
                self.live.say(f"warning: {line}")

    @property
    def environment(self) -> Mapping[str, str]:
        return {**os.environ, COOKIE: self.cookie}

    @property
    def training_environment(self) -> Mapping[str, str]:
        return self.mps.environment if self.mps else self.environment

    # -- during ------------------------------------------------------------------------

    def run_attempts(self) -> None:
        """Try the foreground, beside its backgrounds, until it succeeds or no retry is left."""
        tries = 1 + self.experiment.limits.max_retries
        for number in range(1, tries + 1):
            self.renew_mps(number)
            self.faults.begin()
            self.ensure_backgrounds()
            self.wait_ready()
            if number == 1:
                self.background_alone()
                self.ensure_backgrounds()  # one may have ended meanwhile
            tried = self.run_attempt(number).tried()
            if tried.succeeded:
                return
            self.watch.settle(is_sudden=tried.was_ended)
            is_last = number == tries or tried.cannot_be_run
            retry = "" if is_last else f", trying again ({number + 1} of {tries})"
            why = self.why_lost or tried.error()
            self.live.say(f"foreground failed: {why}{retry}")
            log = self.attempts[-1].log
            self.live.show_lines([*last_lines(log, LAST_LINES), f"({log})"])
            if is_last:
                self.seen.error_message = why
                return

    def renew_mps(self, number: int) -> None:
        """Have a daemon for an attempt of its own, with backgrounds that were no other's clients.

        DaemonError: there is none.
        """
        if self.mps is None:
            return
        self.mps.let_go(self.backgrounds.each if self.backgrounds else ())
        if self.backgrounds:
            self.backgrounds.stop()
        self.mps.end()
        self.begin_s = time.monotonic()
        self.mps.begin(number, self.watch, lambda: self.show("starting MPS"))

    @property
    def why_lost(self) -> str:
        """Why MPS does not serve the present attempt any more; "" where it does, or is not used."""
        return self.mps.why_lost() if self.mps else ""

    @property
    def loops(self) -> list[Script]:
        return self.backgrounds.scripts if self.backgrounds else []

    def wait_ready(self) -> None:
        """Wait until what is measured can be measured, and what it is measured on is known."""
        self.monitor.wait_ready(self.watch)
        self.seen.machine = self.seen.machine or self.before.describe()

    def idle(self) -> None:
        """Measure the machine without any of our trainings, where that is asked for."""
        if self.experiment.controls.idle_s > 0:
            self.wait_ready()
            self.measure("idle", self.experiment.controls.idle_s)

    def idle_context(self) -> None:
        """Measure the machine while a process holds a bare CUDA context, where that is asked for.

        Where no context can be held the experiment goes on without that window.
        """
        if self.experiment.controls.idle_context_s <= 0:
            return
        self.wait_ready()
        foreground = self.experiment.foreground
        environment = self.mps.context_environment if self.mps else self.environment
        held = BareContext(self.folder, foreground, environment, self.monitor)
        try:
            if held.wait_ready(self.watch):
                assert held.script
                self.measure(IDLE_CONTEXT, self.experiment.controls.idle_context_s, [held.script])
                if not held.check():
                    self.seen.windows.pop()
        finally:
            held.stop()
        if held.problem:
            self.seen.idle_context_problem = held.problem
            self.live.say(f"warning: no {IDLE_CONTEXT} window: {held.problem}")
        self.sensors.wait_memory_back(self.seen.gpus_before)

    def background_alone(self) -> None:
        if self.backgrounds and self.experiment.controls.background_s > 0:
            self.measure("background", self.experiment.controls.background_s, self.loops)

    def measure(self, name: str, duration_s: float, scripts: Sequence[Script] = ()) -> None:
        """Wait through a window in which nothing of ours changes; the end of a script ends it."""
        from_s = self.monitor.mark()  # which may take a moment: the window is as long as asked for
        self.begin_s = time.monotonic()
        end_s = self.begin_s + duration_s

        def tick() -> bool:
            self.show(f"measuring {name}", left_s=max(0.0, end_s - time.monotonic()))
            return False

        self.watch.wait(scripts, end_s, tick)
        to_s = self.monitor.mark()
        self.seen.windows.append({"name": name, "from_s": round(from_s, 6), "to_s": round(to_s, 6)})

    def ensure_backgrounds(self) -> None:
        """Have the backgrounds running and ready; a failed attempt may have found one dead."""
        if self.backgrounds is None or self.backgrounds.running():
            return
        self.backgrounds.ensure(self.watch, lambda: self.show("warming up"), self.live.say)
        loops = self.backgrounds.each
        failed = sum(each.failed for loop in loops for each in read_rounds(loop.rounds_file))
        ready = "background ready" if len(loops) == 1 else "backgrounds ready"
        self.live.say(f"{ready}, rounds failed so far: {failed}" if failed else ready)
        for loop in loops:
            if loop.ready_by == "work" and loop.can_show_training():
                self.live.say(f"warning: {loop.name} has shown no epoch and no metric, only work")

    def run_attempt(self, number: int) -> Attempt:
        attempt = Attempt(self.experiment, number, self.folder / attempt_folder(number))
        self.attempts.append(attempt)
        foreground, times = self.experiment.foreground, attempt.folder / EPOCHS
        pattern = foreground.log.epoch_pattern
        self.epochs = EpochReader(attempt.log, epochs_asked(foreground), pattern, times)
        self.begin_s, self.attempt_s = time.monotonic(), boottime_s()
        self.slept_s = suspended_s()
        attempt.start(self.folder / "fg_run.sh", self.training_environment, self.monitor)
        point_to(self.folder / "training.log", attempt.log)
        beside = [*self.loops, *(self.mps.scripts if self.mps else ())]
        with suppress(DaemonError):  # told of as the reason of the attempt's end
            attempt.wait(self.watch, beside, self.show_training, self.epochs.look)
        self.faults.pause()
        attempt.stop()
        self.epochs.finish()
        self.disk.check()  # else its log may lack lines, and that may be why it failed
        return attempt

    def show_training(self) -> None:
        elapsed_s = time.monotonic() - self.begin_s
        epoch, epochs = self.epochs.poll()
        known = {"left_s": left_s(elapsed_s, epoch, epochs)}
        if self.backgrounds:
            self.backgrounds.check_failing(self.attempt_s)
            known["coverage_so_far"] = self.backgrounds.coverage_since(self.attempt_s, self.slept_s)
        self.show("training", epoch=epoch, epochs=epochs, **known)

    def show(self, phase: str, **known: Any) -> None:
        """Look at the backgrounds and at where the trainings are, and show what is going on."""
        backgrounds = self.backgrounds
        if self.mps:
            self.mps.check()
        self.neighbours.look()
        self.seen.held.look()
        for warning in (*(backgrounds.look() if backgrounds else ()), *self.astray.news()):
            self.live.say(warning)
        state = backgrounds.state() if backgrounds else None
        rounds, elapsed_s = Rounds(*state) if state else None, time.monotonic() - self.begin_s
        self.live.show(phase, rounds=rounds, elapsed_s=elapsed_s, **known)
        self.disk.heed(self.live.shown.file.problem)

    # -- after -------------------------------------------------------------------------

    def stop(self) -> None:
        """End everything at once, then whatever still carries this experiment's cookie."""
        seen = self.seen
        self.live.show("stopping", at_once=True)
        if seen.interrupted:
            signum, limits = seen.interrupted.signum, self.experiment.limits
            self.live.say_stopping(signum, self.trainings(), limits.grace_s)
        self.before.end_describing()
        if self.mps:
            self.mps.let_go(self.backgrounds.each if self.backgrounds else ())
        if self.backgrounds:
            self.backgrounds.tell_to_stop()
        for attempt in self.attempts:
            attempt.stop()
        if self.backgrounds:
            self.backgrounds.stop()
            for warning in self.backgrounds.complaints():
                self.live.say(warning)
        if self.mps:
            for trouble in self.mps.close():
                self.live.say(f"warning: {trouble}")
            seen.mps = self.mps.facts()
        if self.is_over and not has_strays(self.cookie, [*self.monitor.pids, *seen.held.pids]):
            self.idle_again()
        self.monitor.stop()
        seen.monitor_problem = self.monitor.problem
        seen.held.end(self.live.say)
        remove_strays(self.cookie, seen, self.live.say)
        seen.sharing = self.neighbours.look()
        seen.locks_removed = self.around.locks.removed()
        for flaw in seen.locks_removed:
            self.live.say(flaw)
        seen.faults = self.faults.end()
        seen.holders_after = census.device_holders()
        seen.gpus_after = self.sensors.wait_memory_back(seen.gpus_before)

    def give_back(self) -> None:
        """Leave no daemon and no board as it was set, also where the stop has failed."""
        try:
            if self.mps:
                self.mps.close()
        finally:
            self.seen.held.end(self.live.say)

    def trainings(self) -> list[str]:
        """Return which sides have been started and not been stopped."""
        found = ["foreground"] if any(each.script for each in self.attempts) else []
        return [*found, "background"] if self.backgrounds and self.backgrounds.scripts else found

    def idle_again(self) -> None:
        """Measure the idle machine once more: how far has it drifted?"""
        try:
            self.sensors.wait_memory_back(self.seen.gpus_before)
            self.idle()
        except Interrupted as interrupted:
            self.seen.interrupted = interrupted  # the experiment itself is finished
        except OSError as error:
            if self.disk.why_bad(error) is None:
                raise
