"""One experiment from its first file to its record: load, attempts, stop, account."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.background.backgrounds import Backgrounds
from tandem.background.footprints import misfits, room_beside
from tandem.background.rounds import last_round
from tandem.background.warmup import BackgroundNotReady
from tandem.base.variables import COOKIE
from tandem.experiment.attempt import Attempt
from tandem.experiment.log import EpochReader
from tandem.experiment.scripts import prepare
from tandem.machine.gpus import Gpu, GpuBusyError, Sensors
from tandem.measure.powermon import Monitor, Window
from tandem.plan.model import Experiment
from tandem.processes import census
from tandem.processes.cookie import cookie
from tandem.processes.namespace import Isolation
from tandem.processes.proc import alive, children
from tandem.processes.tree import kill_children
from tandem.processes.watch import Interrupted, Watch
from tandem.report.progress import Progress, View, left_s
from tandem.results.earlier import Footprints


@dataclass
class Outcome:
    """What an experiment left, from which its record is made."""

    status: str = "finished"
    error_message: str | None = None
    started_utc_s: float = 0.0
    attempts: list[Attempt] = field(default_factory=list)
    loads: Backgrounds | None = None
    windows: list[Window] = field(default_factory=list)
    monitor_problem: str | None = None
    gpus_before: list[Gpu] | None = None  # None: NVML does not answer
    gpus_after: list[Gpu] | None = None
    busy: list[str] = field(default_factory=list)  # why they were not free, and it ran all the same
    stop_reason: str = "foreground ended"
    holders_before: list[census.Found] = field(default_factory=list)
    holders_after: list[census.Found] = field(default_factory=list)
    strays: list[census.Found] = field(default_factory=list)
    left: list[census.Found] = field(default_factory=list)
    cut_off: Sequence[str] = ()  # where earlier attempts lie that were cut off
    cooldown: dict[str, Any] | None = None  # before it; None: it was the first
    cpu_governor: str | None = None
    interrupted: Interrupted | None = None


@dataclass
class ExperimentRun:
    """Runs one experiment in its folder; `total` is how many the plan has.

    `expected_s` is how long it will take and `later_s` how long those after it, None: not known.
    `footprints` is what earlier records measured of the GPU's memory.
    """

    experiment: Experiment
    folder: Path
    total: int
    isolation: Isolation
    watch: Watch
    progress: Progress
    sensors: Sensors
    expected_s: float | None = None
    later_s: float | None = None
    footprints: Footprints | None = None
    outcome: Outcome = field(default_factory=Outcome)
    is_over: bool = False  # every attempt that was due has been made

    def run(self) -> Outcome:
        """Run to an outcome; nothing of the experiment is alive afterwards, whatever happened.

        OSError: a file could not be written (the disk is full).
        """
        outcome = self.outcome
        outcome.started_utc_s = time.time()
        self.launched_s = self.begin_s = time.monotonic()
        self.cookie = f"{cookie(os.getpid())}/{self.folder.parent.name}/{self.experiment.id}"
        self.monitor = Monitor(self.folder / "energy", self.sensors.monitor_options)
        try:
            outcome.loads = prepare(
                self.experiment,
                self.folder,
                self.isolation,
                environment=self.environment,
                monitor=self.monitor,
                say=self.say,
            )
            outcome.holders_before = census.device_holders()
            outcome.gpus_before, outcome.busy = self.sensors.wait_free(self.watch, self.say)
            self.heed_footprints()
            self.monitor.start()
            self.idle()
            self.run_attempts()
            self.is_over = True
        except GpuBusyError as problem:
            outcome.status, outcome.error_message = "GPU busy", str(problem)
            outcome.stop_reason = "GPU busy"
            self.say(f"not started: {problem}")
        except BackgroundNotReady as problem:
            outcome.status, outcome.error_message = "background not ready", str(problem)
            outcome.stop_reason = "background not ready"
            again = " again" if outcome.attempts else ""
            self.say(f"{problem}; the foreground is not started{again}")
            for line in problem.lines:
                self.progress.event(f"    {line}")
        except Interrupted as interrupted:
            outcome.status, outcome.interrupted = "interrupted", interrupted
            outcome.stop_reason = outcome.error_message = f"interrupted by {interrupted}"
        finally:
            self.stop()
        return outcome

    # -- before ------------------------------------------------------------------------

    def heed_footprints(self) -> None:
        """Say beforehand what cannot fit into a GPU's memory, and leave room where that can be."""
        loads = self.outcome.loads
        if loads and self.outcome.gpus_before and self.footprints:
            loads.misfits = misfits(self.experiment, self.footprints.of)
            for line in loads.misfits:
                self.say(f"warning: {line}")
            loads.room = room_beside(self.experiment.foreground, self.footprints.of)

    @property
    def environment(self) -> Mapping[str, str]:
        return {**os.environ, COOKIE: self.cookie}

    # -- during ------------------------------------------------------------------------

    def run_attempts(self) -> None:
        """Try the foreground until it succeeds or no retry is left, always beside the load."""
        tries = 1 + self.experiment.limits.max_retries
        for number in range(1, tries + 1):
            self.ensure_load()
            self.monitor.wait_ready(self.watch)
            if number == 1:
                self.background_alone()
                self.ensure_load()  # it may have ended meanwhile
            attempt = self.run_attempt(number)
            if attempt.succeeded:
                return
            retry = f", trying again ({number + 1} of {tries})" if number < tries else ""
            self.say(f"foreground failed: {attempt.error()}{retry}")
        self.outcome.error_message = attempt.error()

    def idle(self) -> None:
        """Measure the machine without any of our trainings, where that is asked for."""
        if self.experiment.controls.idle_s > 0:
            self.monitor.wait_ready(self.watch)
            self.measure("idle", self.experiment.controls.idle_s)

    def background_alone(self) -> None:
        if self.outcome.loads and self.experiment.controls.background_s > 0:
            self.measure("background", self.experiment.controls.background_s)

    def measure(self, name: str, duration_s: float) -> None:
        """Wait through a window in which nothing of ours changes."""
        self.begin_s = time.monotonic()
        end_s = self.begin_s + duration_s
        from_s = self.monitor.mark()

        def tick() -> bool:
            self.show(f"measuring {name}", None, None, max(0.0, end_s - time.monotonic()))
            return False

        loads = self.outcome.loads
        self.watch.wait(loads.scripts if loads else [], end_s, tick)
        self.outcome.windows.append(Window(name, None, from_s, self.monitor.mark()))

    def ensure_load(self) -> None:
        """Have the background running and ready; a failed attempt may have found it dead."""
        loads = self.outcome.loads
        if loads is None or loads.running():
            return
        loads.ensure(self.watch, self.show_warm_up, self.say)
        failed = sum(stretch.failed for load in loads.each for stretch in load.rounds())
        ready = "background ready" if len(loads.each) == 1 else "backgrounds ready"
        self.say(f"{ready}, rounds failed so far: {failed}" if failed else ready)

    def run_attempt(self, number: int) -> Attempt:
        attempt = Attempt(self.experiment, number, self.folder / "attempts" / str(number))
        self.outcome.attempts.append(attempt)
        self.epochs = EpochReader(attempt.log, self.epochs_expected())
        self.begin_s = time.monotonic()
        attempt.start(self.folder / "fg_run.sh", self.environment, self.monitor)
        point_to(self.folder / "training.log", attempt.log)
        loads = self.outcome.loads
        attempt.wait(self.watch, loads.scripts if loads else [], self.show_training)
        attempt.stop()
        return attempt

    def epochs_expected(self) -> int | None:
        epochs = self.experiment.foreground.hyperparameters.get("epochs")
        return epochs if isinstance(epochs, int) else None

    def show_warm_up(self) -> None:
        self.show("warming up", None, None, None)

    def show_training(self) -> None:
        elapsed_s = time.monotonic() - self.begin_s
        epoch, epochs = self.epochs.poll()
        self.show("training", epoch, epochs, left_s(elapsed_s, epoch, epochs))

    def show(self, phase: str, epoch: int | None, epochs: int | None, left: float | None) -> None:
        loads = self.outcome.loads
        for warning in loads.look() if loads else ():
            self.say(warning)
        round_number = last_round(loads.each[0].rounds_file) if loads and loads.scripts else None
        elapsed_s = time.monotonic() - self.begin_s
        number = self.experiment.number
        self.progress.update(
            View(
                number,
                self.total,
                phase,
                epoch,
                epochs,
                round_number,
                elapsed_s,
                left,
                self.run_left_s(left),
            )
        )

    def run_left_s(self, left: float | None) -> float | None:
        """Return how long the run will go on; None: not known, or this is the last experiment."""
        if not self.later_s:
            return None
        if left is None:
            left = (self.expected_s or 0.0) - (time.monotonic() - self.launched_s)
        return max(left, 0.0) + self.later_s

    def say(self, text: str) -> None:
        self.progress.event(f"experiment {self.experiment.number} of {self.total}: {text}")

    # -- after -------------------------------------------------------------------------

    def stop(self) -> None:
        """End load and foreground at once, then whatever still carries this experiment's cookie."""
        outcome = self.outcome
        if outcome.loads:
            outcome.loads.tell_to_stop()
        for attempt in outcome.attempts:
            attempt.stop()
        if outcome.loads:
            outcome.loads.stop()
        self.note_foregrounds()
        if self.is_over and not self.has_strays():
            self.idle_again()
        self.monitor.stop()
        outcome.monitor_problem = self.monitor.problem
        # Whoever lost its keeper has become our child; whoever did not, carries the cookie.
        orphans, orphans_left = kill_children()
        marked, marked_left = census.remove_all(self.cookie)
        outcome.strays = [census.Found(*each) for each in orphans.items()] + marked
        outcome.left = [census.Found(*each) for each in orphans_left.items()] + marked_left
        for found in outcome.strays:
            self.say(f"process {found.pid} ({found.name}) had outlived its keeper and was killed")
        for found in outcome.left:
            self.say(f"process {found.pid} ({found.name}) cannot be ended")
        outcome.holders_after = census.device_holders()
        outcome.gpus_after = self.sensors.wait_memory_back(outcome.gpus_before)

    def note_foregrounds(self) -> None:
        """Note the windows of all attempts whose start and end are known, also of one cut off."""
        name = self.experiment.control or "foreground"
        windows = self.outcome.windows
        windows += [
            Window(name, attempt.number, *attempt.window_s)
            for attempt in self.outcome.attempts
            if attempt.window_s
        ]
        windows.sort(key=lambda window: window.from_s)

    def has_strays(self) -> bool:
        """Tell whether somebody has outlived a keeper, so that the machine is not idle yet."""
        monitor = self.monitor.script.pid if self.monitor.script else 0
        orphans = [pid for pid in children(os.getpid()) if pid != monitor and alive(pid)]
        return bool(orphans or census.below(self.cookie))

    def idle_again(self) -> None:
        """Measure the idle machine once more: how far has it drifted?"""
        try:
            self.sensors.wait_memory_back(self.outcome.gpus_before)
            self.idle()
        except Interrupted as interrupted:
            self.outcome.interrupted = interrupted  # the experiment itself is finished


def point_to(link: Path, target: Path) -> None:
    """Make `training.log` lead to the latest attempt's."""
    temporary = link.with_name(f".{link.name}")
    temporary.symlink_to(os.path.relpath(target, link.parent))
    temporary.rename(link)
