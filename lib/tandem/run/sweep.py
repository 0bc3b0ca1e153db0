"""The missing experiments of a run, one after the other, the GPUs cooling down in between."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import Any

from tandem.base.clock import boottime_s
from tandem.base.errors import NotReadyError
from tandem.base.sudo import give_to_caller
from tandem.base.text import duration_text
from tandem.experiment.experiment import ExperimentRun
from tandem.experiment.live import Live, Shown, current_of
from tandem.experiment.outcome import Outcome
from tandem.experiment.record import record_whatever_happens
from tandem.experiment.seen import Before, Surroundings
from tandem.experiment.whole import run_to_outcome
from tandem.machine.cooldown import Cooldown
from tandem.machine.governor import governors_now
from tandem.machine.gpus import devices_now
from tandem.machine.host import version
from tandem.plan.model import Experiment
from tandem.plan.tries import Cold, cold_start_of
from tandem.processes.watch import Watch
from tandem.report.progress import Progress
from tandem.results.cut_off import cut_off_folders
from tandem.results.earlier import Footprints
from tandem.results.folder import RunFolder
from tandem.results.forecast import Forecast
from tandem.results.record import UNFINISHED, MachineFile, Position, Record, is_warm_up
from tandem.results.record_file import record_of
from tandem.results.row import first_on
from tandem.results.shared.workers_at_work import at_work_in
from tandem.results.state import Counts, OwnBoard
from tandem.run.groups import Order
from tandem.run.machine import Machine
from tandem.run.options import Options
from tandem.run.pairs import finish
from tandem.run.streak import Streak

MOST_TIMES_LOST = 5
NOT_OURS = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


@dataclass
class Sweep:
    """Runs what is missing in a run's folder; afterwards it knows whether all of it came about."""

    folder: RunFolder
    around: Surroundings
    machine: Machine
    options: Options
    watch: Watch
    progress: Progress
    order: Order
    cooldown: Cooldown = field(default_factory=Cooldown)
    footprints: Footprints = field(init=False)
    streak: Streak = field(init=False)
    last: Experiment | None = None  # that this process has run
    times_lost: int = 0  # that an experiment has lost its disk since the last one that did not
    is_out_of_time: bool = False
    has_lost_record: bool = False
    begin_s: float = field(default_factory=boottime_s)
    starts_before: int = field(init=False)
    shown: Shown = field(init=False)
    workers: int = 1  # that are at work on what is to come
    colds: dict[Cold, Experiment] = field(default_factory=dict)  # for whose sake warm-ups will run

    def __post_init__(self) -> None:
        self.footprints = Footprints(self.folder.path)
        self.streak = Streak(self.options.stop_after_invalid)
        self.starts_before = self.folder.journal.starts
        boards = [OwnBoard(each.index, each.uuid, each.name) for each in devices_now()]
        self.shown = Shown(self.progress, self.folder.own, self.folder.counts(), boards)

    def run(self, *, is_new: bool) -> None:
        """Run the missing experiments, as far as there is time.

        NotReadyError: somebody else took a GPU meanwhile. LockedError: a lock of ours was removed,
        and another run has one of that name. Interrupted: a signal came. OSError: the
        disk is full.
        """
        event = "run_started" if is_new else "resumed"
        self.folder.journal.add(event, pid=os.getpid(), host=os.uname().nodename, tandem=version())
        missing = self.folder.missing()
        self.forecast = Forecast(missing)
        self.colds = {cold_start_of(each): each for each in missing if each.course.warmup_runs}
        self.note_ended()
        self.shown.show(self.shown.state, at_once=True)
        for experiment in self.order.each(self.forecast):
            self.watch.check()
            if self.streak.why:
                self.stop_for_streak(experiment)
                return
            self.folder.disk.patient(self.look_at_others)
            expected_s = self.forecast.of(experiment)
            runs = 1 + self.order.cold_runs(experiment)
            if self.options.left_s() < (expected_s or 0.0) * runs:
                self.stop_early(experiment, expected_s)
                return
            for each in chain(self.order.warm_ups(experiment), [experiment]):
                is_first = is_new and not self.last
                while not self.run_one(each, is_first=is_first):
                    is_first = False
        self.watch.check()
        self.folder.journal.add("run_ended")

    def note_ended(self) -> None:
        """Take from earlier parts of the run how long things take, and how cool the GPUs were."""
        ended = self.folder.journal.ended
        for experiment in self.folder.plan.experiments:
            duration_s = ended.get(experiment.id)
            if duration_s is not None and not experiment.is_warm_up:
                self.forecast.note(experiment, duration_s)
        ours = [each.uuid for each in devices_now()]
        if first := first_on(ours, self.folder.rows.values()):
            self.cooldown.note_record(record_of(first, self.folder.path))

    def look_at_others(self) -> None:
        """Take into account what other workers have ended meanwhile, and how many there are."""
        if self.folder.worker:
            self.forecast.expect_only(self.folder.missing())
            self.workers = max(1, at_work_in(self.folder.path))

    def why_stopped(self) -> str | None:
        """Return why the run ended though something is missing, as far as it was meant to."""
        return "before the time of --until" if self.is_out_of_time else self.streak.why or None

    def stop_early(self, experiment: Experiment, expected_s: float | None) -> None:
        self.is_out_of_time = True
        about = f"would take about {duration_text(expected_s)}" if expected_s else "has no time"
        self.live(experiment).say(f"not started: it {about}, and the time is over soon (--until)")
        self.folder.journal.add("stopped", reason="until", experiment=experiment.id)

    def stop_for_streak(self, experiment: Experiment) -> None:
        self.live(experiment).say("not started (--stop-after-invalid)")
        self.folder.journal.add(
            "stopped", reason="invalid", experiment=experiment.id, why=self.streak.why
        )

    def cool_down(self, experiment: Experiment) -> dict[str, Any]:
        """Let the GPUs cool down before an experiment, for as long as the one before it allows."""
        begin_s = time.monotonic()
        before, live = self.last or experiment, self.live(experiment)
        rest_s = self.rest_s()

        def tick(left_s: float) -> None:
            passed_s = time.monotonic() - begin_s
            run_left_s = rest_s and max(0.0, rest_s - passed_s)
            live.show("cooling down", elapsed_s=passed_s, left_s=left_s, run_left_s=run_left_s)

        return self.cooldown.wait(self.watch, before.limits.cooldown_s, tick)

    def run_one(self, experiment: Experiment, *, is_first: bool) -> bool:
        """Run one experiment to its record and its row; False: the run's disk was bad meanwhile.

        The disk is there again then, and the experiment is to run again.
        """
        self.watch.check()
        begin_s, disk = time.monotonic(), self.folder.disk
        cooling = None if is_first else self.cool_down(experiment)
        self.last = experiment
        self.around.locks.ensure()
        if not experiment.is_warm_up:
            self.forecast.begin(experiment)
        path = disk.patient(lambda: self.folder.begin(experiment))
        live, samples = self.live(experiment), self.folder.samples(path)
        live.say(f"{experiment.id} started")
        cut_off = [str(each.relative_to(self.folder.path)) for each in cut_off_folders(path)]
        governors = governors_now(self.options.cpufreq)
        self.machine.ask()
        machine = self.describe, self.machine.close
        before = Before(cooling, governors, cut_off, *machine, self.position())
        parts = self.watch, live, self.options.sensors, samples, disk, self.footprints
        run = ExperimentRun(experiment, path, self.around, before, *parts)
        try:
            outcome = run_to_outcome(run)
            self.cooldown.note_start(run.seen.gpus_before)
            record = disk.patient(lambda: self.record(path))
            self.footprints.note(record, path)
            self.order.note(experiment, record)
            if outcome.status in UNFINISHED:
                disk.patient(lambda: self.folder.interrupt(record))
            else:
                duration_s = time.monotonic() - begin_s
                disk.patient(lambda: finish(self.folder, record, duration_s))
        except NOT_OURS as error:  # the training removed its own folder, or put something there
            self.has_lost_record = self.has_lost_record or not experiment.is_warm_up
            live.say(f"no record: {error.filename}: {error.strerror}")
            return True
        finally:
            give_to_caller(path)
        if outcome.status not in UNFINISHED:
            self.tell(experiment, record, live, time.monotonic() - begin_s)
        if run.seen.interrupted:  # perhaps after the foreground had ended
            raise run.seen.interrupted
        if run.seen.has_lost_disk:
            self.note_lost_disk(experiment, outcome)
            return False
        self.times_lost = 0
        if outcome.status in UNFINISHED:
            raise NotReadyError(f"{outcome.error_message} (--wait-idle SECONDS waits for that)")
        return True

    def tell(self, experiment: Experiment, record: Record, live: Live, duration_s: float) -> None:
        """Note and say how an experiment has ended."""
        if record["training_success"] and not experiment.is_warm_up:
            self.forecast.note(experiment, duration_s)
        for warning in record["warnings"]:
            live.say(f"warning: {warning}")
        live.say(f"{summary(record)}{self.rest()}")
        for line in self.streak.note(record):
            live.say(f"warning: {line}")

    def note_lost_disk(self, experiment: Experiment, outcome: Outcome) -> None:
        """Count the experiments that have lost their disk; NotReadyError: that is no use."""
        if not experiment.is_warm_up:
            self.forecast.expect([experiment])
        self.times_lost += 1
        if self.times_lost > MOST_TIMES_LOST:
            why = f"{outcome.error_message}, {self.times_lost} times one after the other"
            raise NotReadyError(f"{outcome.experiment_id}: {why} (see to that disk)")

    def record(self, path: Path) -> Record:
        """Return the record of what is in an experiment's folder.

        OSError: the disk is bad, so that something may not have been read.
        """
        record = record_whatever_happens(path, self.folder.plan)
        self.folder.disk.check()
        return record

    def describe(self) -> MachineFile:
        return self.machine.described(
            self.folder.path, self.folder.own, self.watch, self.progress.event
        )

    def position(self) -> Position:
        """Return which experiment of the run the one is that was started last."""
        starts = self.folder.journal.starts
        return {
            "number": starts,
            "number_since_resume": starts - self.starts_before,
            "planned": self.total(),
            "run_seconds": round(boottime_s() - self.begin_s, 3),
        }

    def live(self, experiment: Experiment) -> Live:
        """Return the live line of an experiment that begins now."""
        counts = self.folder.counts()
        expected_s, later_s = self.forecast.of(experiment), self.rest_s()
        if experiment.is_warm_up and later_s is not None:
            later_s -= expected_s or 0.0  # it is one of those to come until it has run
        current = current_of(experiment, *self.place_of(experiment, counts))
        return Live(self.shown, current, counts, expected_s, later_s)

    def place_of(self, experiment: Experiment, counts: Counts) -> tuple[int, int]:
        """Return which experiment an experiment is, and of how many.

        Where others are at work, how many have ended tells nothing of it: its place in the plan.
        """
        if self.folder.worker:
            return experiment.number, self.total()
        by_id, rows = self.folder.plan.by_id, self.folder.rows
        ended = sum(not by_id[name].is_warm_up for name in rows)
        return ended + 1, ended + counts.missing

    def rest_s(self) -> float | None:
        """Return the seconds for all that are to come, with the warm-ups among them.

        Other workers are taken to be as fast as this one.
        """
        rest_s = self.forecast.rest_s()
        if rest_s is None:
            return None
        warm_ups = ((self.order.cold_runs(each), each) for each in self.colds.values())
        warm_up_s = sum(runs * (self.forecast.of(each) or 0.0) for runs, each in warm_ups)
        return (rest_s + warm_up_s) / self.workers

    def total(self) -> int:
        """Return how many experiments the plan has as it stands, without warm-ups."""
        return sum(not each.is_warm_up for each in self.folder.plan.experiments)

    def rest(self) -> str:
        rest_s = self.rest_s()
        return f"; all done in about {duration_text(rest_s)}" if rest_s else ""


def summary(record: Record) -> str:
    duration_s = record["duration_seconds"]
    words = "ended" if duration_s is None else f"ended after {duration_s:.1f} s"
    words += ", thrown away" if is_warm_up(record) else ", valid" if record["valid"] else ""
    return words if record["valid"] else f"{words}, not valid: {record['invalid_reasons'][0]}"
