"""A whole run: the machine made sure of, every experiment in its order, the table."""

from __future__ import annotations

import errno
import os
import signal
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from tandem import census, table
from tandem.environment import git_state, host
from tandem.errors import NotReadyError, TandemError
from tandem.experiment import ExperimentRun
from tandem.launch import Interrupted, Watch
from tandem.locks import gpu_locks
from tandem.measure.busy import GpuBusyError, Sensors, nvml_held, people
from tandem.measure.interference.figures import interference
from tandem.namespace import Isolation, off, probe
from tandem.paths import ROOT
from tandem.plan import Experiment, Plan
from tandem.proc import become_subreaper
from tandem.progress import Progress
from tandem.record import Surroundings, make_record, write_record
from tandem.screen import print_table


@dataclass
class Run:
    """One run of a plan; its folder is made below `results`."""

    plan: Plan
    results: Path
    use_namespace: bool
    sensors: Sensors
    progress: Progress
    rows: list[dict[str, str]] = field(default_factory=list)
    unpaired: dict[str, dict[str, Any]] = field(default_factory=dict)  # records, by their twin's id

    def run(self) -> int:
        """Run all experiments and return the exit code: 0 all valid, 1 not all.

        Ends this process by the signal that interrupted it. NotReadyError, LockedError: nothing
        was started, or the disk is full and everything was stopped.
        """
        if not hasattr(os, "pidfd_open"):
            raise NotReadyError("this Python has no os.pidfd_open (use another, 3.10 or newer)")
        become_subreaper()
        watch = Watch()
        try:
            with gpu_locks(), nvml_held():
                self.run_all(watch, self.remove_leftovers())
        except Interrupted as interrupted:
            self.end(f"stopped by {interrupted}")
            end_by(interrupted.signum)
        except OSError as error:
            self.end("")
            raise disk_error(error) from error
        self.end("")
        all_valid = all(row["valid"] == "True" for row in self.rows)
        return 0 if all_valid and len(self.rows) == len(self.plan.experiments) else 1

    def remove_leftovers(self) -> list[census.Found]:
        """Remove, and name, what an earlier run left behind when everything was killed."""
        found, left = census.remove_all()
        for process in found:
            self.progress.event(f"removed process {process.pid} ({process.name}) of an earlier run")
        if left:
            names = ", ".join(f"{process.pid} ({process.name})" for process in left)
            raise NotReadyError(f"still alive from an earlier run, and cannot be ended: {names}")
        return found

    def run_all(self, watch: Watch, leftovers: list[census.Found]) -> None:
        isolation = self.isolation()
        around = Surroundings(self.plan, isolation, host(), self.git_states(), leftovers)
        self.see_who_is_there(watch)
        self.folder = make_run_folder(self.results)
        self.columns = table.header(self.plan)
        table.create(self.folder / "summary.csv", self.columns)
        for experiment in self.plan.experiments:
            watch.check()
            self.run_one(experiment, around, watch)
        watch.check()

    def see_who_is_there(self, watch: Watch) -> None:
        """Show who is on the GPUs; NotReadyError, before there is any folder, if they are busy."""
        try:
            gpus, reasons = self.sensors.wait_free(watch, self.progress.event)
        except GpuBusyError as error:
            raise NotReadyError(
                f"{error} (wait for that with --wait-idle SECONDS, or run beside it, with records"
                " that say so, with --allow-busy)"
            ) from None
        if not reasons:
            for line in device_holders() if gpus is None else people(gpus):
                self.progress.event(line)

    def run_one(self, experiment: Experiment, around: Surroundings, watch: Watch) -> None:
        """Run one experiment to its record and its row."""
        folder, total = self.folder / experiment.id, len(self.plan.experiments)
        run = ExperimentRun(
            experiment, folder, total, around.isolation, watch, self.progress, self.sensors
        )
        run.say(f"{experiment.id} started")
        outcome = run.run()
        try:
            record = make_record(experiment, folder, outcome, around)
            earlier = self.pair(record)
            write_record(record, folder / "experiment.json")
        except FileNotFoundError as error:  # the training removed its own folder
            run.say(f"no record: {error.filename}: {error.strerror}")
            return
        if earlier:
            self.write_again(earlier)
        if outcome.status != "interrupted":
            self.add_row(record)
            run.say(summary(record))
        if outcome.interrupted:  # perhaps after the foreground had ended
            raise outcome.interrupted

    def pair(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Note in a parallel record what it and its control, so far as there is one, mean together.

        Returns the parallel record if it is the earlier of the two, and must be written anew.
        """
        twin = self.unpaired.pop(record["experiment_id"], None)
        if record["twin"] and twin is None:
            self.unpaired[record["twin"]] = record
        parallel, solo = (twin, record) if record["control"] else (record, twin)
        if parallel is None or parallel["background"] is None:
            return None
        parallel["interference"] = interference(parallel, solo)
        return None if parallel is record else parallel

    def write_again(self, record: dict[str, Any]) -> None:
        """Write the record and the row of an experiment that its control has told more about."""
        name = record["experiment_id"]
        try:
            write_record(record, self.folder / name / "experiment.json")
        except FileNotFoundError as error:
            self.progress.event(f"{name}: not written anew: {error.filename}: {error.strerror}")
            return
        places = [each["experiment_id"] for each in self.rows]
        self.rows[places.index(name)] = table.row(record)
        table.rewrite(self.folder / "summary.csv", self.columns, self.rows)

    def isolation(self) -> Isolation:
        if all(experiment.background is None for experiment in self.plan.experiments):
            return off("no background")
        return probe() if self.use_namespace else off("switched off")

    def git_states(self) -> dict[str, dict[str, Any]]:
        """Return the git state of each folder before any training can change it."""
        trainings = [
            training
            for experiment in self.plan.experiments
            for training in (experiment.foreground, experiment.background)
        ]
        folders = {training.work_dir for training in trainings if training}
        return {"": git_state(ROOT), **{str(folder): git_state(folder) for folder in folders}}

    def add_row(self, record: dict[str, Any]) -> None:
        row = table.row(record)
        table.append_row(self.folder / "summary.csv", self.columns, row)
        self.rows.append(row)

    def end(self, text: str) -> None:
        """Say how it went; the table and where everything is go to stdout."""
        if text:
            self.progress.event(text)
        self.progress.close()
        if not hasattr(self, "folder"):
            return
        lines = ["", print_table(self.rows)] if self.rows else []
        try:
            print(*lines, f"results: {as_seen_from_here(self.folder)}", sep="\n", flush=True)
        except OSError:  # the terminal or the reader is gone; the files are there
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def device_holders() -> list[str]:
    """Return who has a GPU's files open, which is all that is known without NVML."""
    return [
        f"a GPU is in use by process {found.pid} ({found.name})"
        for found in census.device_holders()
    ]


def make_run_folder(results: Path) -> Path:
    """Make results/run_YYYYMMDD_HHMMSS (local time), with a suffix if that exists."""
    try:
        str(results).encode()  # sh starts the scripts with it
    except UnicodeEncodeError:
        raise NotReadyError(f"{results}: not UTF-8 (choose another with --results)") from None
    try:
        results.mkdir(parents=True, exist_ok=True)
        return numbered_folder(results)
    except OSError as error:
        raise NotReadyError(
            f"{results}: no folder for the run can be made there: {error.strerror}"
            " (choose another with --results)"
        ) from None


def numbered_folder(results: Path) -> Path:
    stem = time.strftime("run_%Y%m%d_%H%M%S")
    for suffix in ["", *(f"_{number}" for number in range(2, 1000))]:
        try:
            (results / f"{stem}{suffix}").mkdir()
            return (results / f"{stem}{suffix}").resolve()
        except FileExistsError:
            continue
    raise TandemError(f"{results}: no free name for a run (look what makes so many)")


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
