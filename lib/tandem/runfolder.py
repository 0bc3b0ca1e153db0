"""The folder of a run: what is finished in it, what is missing, and what was cut off.

An experiment is finished once its record is there whole. Then come its row, and last its line
"ended" in the journal: whatever is killed in between, opening the folder again makes up for it.
"""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

from tandem import table
from tandem.atomic import sync_all, sync_folder
from tandem.errors import NotReadyError, TandemError
from tandem.journal import Journal
from tandem.measure.interference.figures import interference
from tandem.plan import Experiment, Plan
from tandem.planfile import read_plan_file, write_plan
from tandem.record import read_record, write_record

CUT_OFF = "cut_off"


def make_run_folder(results: Path, plan: Plan) -> Path:
    """Make results/run_YYYYMMDD_HHMMSS (local time), with a suffix if that exists, and its plan."""
    try:
        str(results).encode()  # sh starts the scripts with it
    except UnicodeEncodeError:
        raise NotReadyError(f"{results}: not UTF-8 (choose another with --results)") from None
    try:
        results.mkdir(parents=True, exist_ok=True)
        folder = _numbered_folder(results)
        write_plan(plan, folder)
        sync_folder(str(results))
    except OSError as error:
        raise NotReadyError(
            f"{results}: no folder for the run can be made there: {error.strerror}"
            " (choose another with --results)"
        ) from None
    return folder


def _numbered_folder(results: Path) -> Path:
    stem = time.strftime("run_%Y%m%d_%H%M%S")
    for suffix in ["", *(f"_{number}" for number in range(2, 1000))]:
        try:
            (results / f"{stem}{suffix}").mkdir()
            return (results / f"{stem}{suffix}").resolve()
        except FileExistsError:
            continue
    raise TandemError(f"{results}: no free name for a run (look what makes so many)")


def newest_run_of(results: Path, plan: Plan, seed: int | None) -> tuple[Path, Plan] | None:
    """Return the newest run of the same settings, registry and root (and seed), if there is one."""
    for path in sorted(results.glob("run_*/plan.json"), key=_age, reverse=True):
        try:
            found = read_plan_file(path.parent)
        except TandemError:
            continue  # of another version, say
        if _origin(found) == _origin(plan) and seed in (None, found.seed):
            return path.parent.resolve(), found
    return None


def _origin(plan: Plan) -> tuple[object, ...]:
    return plan.settings_file, plan.settings_sha256, plan.registry_file, plan.root


def _age(path: Path) -> tuple[float, str]:
    return path.stat().st_mtime, path.parent.name


class RunFolder:
    """A run's folder, locked; `rows` and `ended` (how long each took) are by experiment id."""

    def __init__(self, path: Path, plan: Plan) -> None:
        """Open it and make up for what a kill left undone.

        LockedError: another process works there. OSError: a file cannot be read or written.
        """
        self.path, self.plan = path, plan
        self.journal = Journal(path)
        self.ended = dict(self.journal.ended())
        self.columns = table.header(plan)
        self.table = path / "summary.csv"
        self.rows = self.rows_so_far()
        for experiment in plan.experiments:
            self.recover(experiment)

    def rows_so_far(self) -> dict[str, dict[str, str]]:
        if not self.table.exists():
            table.create(self.table, self.columns)
        columns, rows = table.read(self.table)
        if columns != self.columns:  # written by another version
            table.rewrite(self.table, self.columns, rows)
        return {row["experiment_id"]: row for row in rows}

    def recover(self, experiment: Experiment) -> None:
        """Give a finished experiment the row and the line that it has not got yet."""
        if experiment.id in self.ended and experiment.id in self.rows:
            return
        record = read_record(self.path / experiment.id)
        if record and record["status"] != "interrupted":
            self.finish(record, self.ended.get(experiment.id, record["duration_seconds"] or 0.0))

    def missing(self) -> list[Experiment]:
        return [each for each in self.plan.experiments if each.id not in self.ended]

    def begin(self, experiment: Experiment) -> Path:
        """Return where the experiment's folder is to be; an earlier one is set aside."""
        folder = self.path / experiment.id
        if os.path.lexists(folder):
            number = 1 + max((int(path.suffix[1:]) for path in cut_off_folders(folder)), default=0)
            aside = self.path / CUT_OFF / f"{folder.name}.{number}"
            aside.parent.mkdir(exist_ok=True)
            folder.rename(aside)
            self.journal.add(
                "set_aside", experiment=experiment.id, folder=f"{CUT_OFF}/{aside.name}"
            )
        self.journal.add("started", experiment=experiment.id)
        return folder

    def finish(self, record: dict[str, Any], duration_s: float) -> None:
        """Write record, row and line of an experiment, and what its twin can tell now.

        FileNotFoundError: its folder is gone. OSError: the disk is full.
        """
        name = record["experiment_id"]
        folder = self.path / name
        earlier = self.pair(record)
        sync_all(str(folder))
        write_record(record, folder)
        sync_folder(str(self.path))
        if earlier:
            self.write_again(earlier)
        if name not in self.rows:
            self.rows[name] = table.row(record)
            table.append_row(self.table, self.columns, self.rows[name])
        facts = {"status": record["status"], "valid": record["valid"]}
        if name not in self.ended:
            self.journal.add("ended", experiment=name, **facts, duration_s=round(duration_s, 3))
        self.ended[name] = duration_s

    def interrupt(self, record: dict[str, Any]) -> None:
        """Write the record of an experiment that was cut off; it is still missing."""
        write_record(record, self.path / record["experiment_id"])
        reason = record["error_message"]
        self.journal.add("interrupted", experiment=record["experiment_id"], reason=reason)

    def pair(self, record: dict[str, Any]) -> dict[str, Any] | None:
        """Note in a parallel record what it and its control, so far as there is one, mean together.

        Returns the parallel record if it is the earlier of the two, and must be written anew.
        """
        twin = record["twin"]
        other = read_record(self.path / twin) if twin in self.ended else None
        parallel, solo = (other, record) if record["control"] else (record, other)
        if parallel is None or parallel["background"] is None:
            return None
        parallel["interference"] = interference(parallel, solo)
        return None if parallel is record else parallel

    def write_again(self, record: dict[str, Any]) -> None:
        """Write the record and the row of an experiment that its control has told more about."""
        name = record["experiment_id"]
        try:
            write_record(record, self.path / name)
        except FileNotFoundError:  # a training has removed its folder meanwhile
            return
        if name in self.rows:
            self.rows[name] = table.row(record)
            table.rewrite(self.table, self.columns, list(self.rows.values()))

    def close(self) -> None:
        self.journal.close()


def cut_off_folders(folder: Path) -> list[Path]:
    """Return where earlier attempts at an experiment lie that were cut off, oldest first."""
    numbers = re.compile(rf"{re.escape(folder.name)}\.(\d+)")
    found = [
        (int(match[1]), path)
        for path in (folder.parent / CUT_OFF).glob(f"{folder.name}.*")
        if (match := numbers.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]
