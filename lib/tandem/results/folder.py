"""The folder of a run: what is finished in it, what is missing, and what was cut off.

An experiment is finished once its record is there whole. Then come its row, and last its line
"ended" in the journal: whatever is killed in between, opening the folder again makes up for it.

A record may be damaged later. One whose row stands in the table was whole when that was written, so
only its beginning and its end are looked at on opening: reading ten thousand takes too long. One
without a row is read whole. Without a record that stands this, an experiment is missing.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.base.errors import NotReadyError, TandemError
from tandem.base.files import sync_all, sync_folder
from tandem.base.sudo import give_to_caller
from tandem.plan.file import NAME as PLAN
from tandem.plan.file import read_plan_file, write_plan
from tandem.plan.model import Experiment, Origin, Plan
from tandem.results import table
from tandem.results.journal import NAME as JOURNAL
from tandem.results.journal import Journal, ended_in
from tandem.results.record import NAME as RECORD
from tandem.results.record import UNFINISHED, is_there, record_of, write_record

CUT_OFF = "cut_off"
TABLE = "summary.csv"
Pair = Callable[[dict[str, Any], "RunFolder"], dict[str, Any] | None]
_NAMED = 5  # of those that are missing though they have ended


def make_run_folder(results: Path, plan: Plan) -> Path:
    """Make results/run_YYYYMMDD_HHMMSS (local time), with a suffix if that exists, and its plan."""
    try:
        if not results.exists():
            results.mkdir(parents=True, exist_ok=True)
            give_to_caller(results)  # while it is empty
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


def newest_run_of(results: Path, origin: Origin, seed: int | None) -> tuple[Path, Plan] | None:
    """Return the newest run with a plan of this origin (and seed), if there is one."""
    for path in sorted(results.glob(f"run_*/{PLAN}"), key=_age, reverse=True):
        try:
            found = read_plan_file(path.parent)
        except TandemError:
            continue  # of another version, say
        if found.origin == origin and seed in (None, found.seed):
            return path.parent.resolve(), found
    return None


def _age(path: Path) -> tuple[float, str]:
    return path.stat().st_mtime, path.parent.name


def is_whole(folder: Path, plan: Plan) -> bool:
    """Tell, without its lock, whether all of a run have ended, with their records and rows."""
    try:
        ended = ended_in((folder / JOURNAL).read_bytes())
        rows = rows_by_id(table.read(folder / TABLE, table.header(plan)))
    except OSError:
        return False
    names = [experiment.id for experiment in plan.experiments]
    has_all = all(name in ended and name in rows for name in names)
    return has_all and all(is_there(name, folder) for name in names)


def rows_by_id(found: Sequence[Mapping[str, str]] | None) -> dict[str, dict[str, str]]:
    """Return the rows of a table that are as Tandem writes them, by experiment id."""
    are_ours = (dict(row) for row in found or () if row["valid"] in ("True", "False"))
    return {row["experiment_id"]: row for row in are_ours}


class RunFolder:
    """A run's folder, locked; `rows` are those of the table, by experiment id."""

    def __init__(self, path: Path, plan: Plan, say: Callable[[str], None], pair: Pair) -> None:
        """Open it and make up for what a kill left undone.

        LockedError: another process works there. OSError: a file cannot be read or written.
        """
        self.path, self.plan, self.say, self.pair = path, plan, say, pair
        self.journal = Journal(path)
        self.columns = table.header(plan)
        self.table = path / TABLE
        for left in path.glob(".*.tmp"):  # whoever wrote it was killed: the lock is ours
            left.unlink()
        self.rows = self.rows_so_far()
        for experiment in self.missing():
            record = record_of(experiment.id, path)
            if record and record["status"] not in UNFINISHED:
                self.finish(record, None)

    def rows_so_far(self) -> dict[str, dict[str, str]]:
        """Return the rows of the table, which is made anew from the records if it is no longer one.

        Whatever has ended has a row then, and the other way round; what lacks its record has not.
        """
        found = table.read(self.table, self.columns)
        listed = rows_by_id(found)
        ended = [each.id for each in self.plan.experiments if each.id in self.journal.ended]
        rows = {name: row for name in ended if (row := self.sound_row(name, listed.get(name)))}
        self.lose([name for name in ended if name not in rows])
        is_sound = found is not None and len(rows) == len(found) and rows.keys() <= listed.keys()
        if not is_sound:
            if rows:
                self.say(f"{self.table}: made anew (rows: {len(rows)})")
            table.rewrite(self.table, self.columns, list(rows.values()))
        return rows

    def sound_row(self, name: str, row: dict[str, str] | None) -> dict[str, str] | None:
        """Return the row of an experiment that has ended; None if its record is not there whole."""
        if row:
            return row if is_there(name, self.path) else None
        record = record_of(name, self.path)
        return table.row(record) if record else None

    def lose(self, names: Sequence[str]) -> None:
        """Take note that the records of experiments that had ended are gone or damaged."""
        for name in names:
            del self.journal.ended[name]
        if names:
            listed = ", ".join(names[:_NAMED]) + (", ..." if len(names) > _NAMED else "")
            self.say(f"missing again, for want of a whole {RECORD}: {len(names)} ({listed})")

    def has_ended(self, experiment: Experiment) -> bool:
        """Tell whether it has, and its record is there still."""
        name = experiment.id
        return name in self.journal.ended and (self.path / name / RECORD).exists()

    def missing(self) -> list[Experiment]:
        return [each for each in self.plan.experiments if not self.has_ended(each)]

    def begin(self, experiment: Experiment) -> Path:
        """Return where the experiment's folder is to be; an earlier one is set aside."""
        folder = self.path / experiment.id
        if os.path.lexists(folder):
            number = 1 + max((int(path.suffix[1:]) for path in cut_off_folders(folder)), default=0)
            aside = self.path / CUT_OFF / f"{folder.name}.{number}"
            aside.parent.mkdir(exist_ok=True)
            folder.rename(aside)
            place = f"{CUT_OFF}/{aside.name}"
            self.journal.add("set_aside", experiment=experiment.id, folder=place)
        self.journal.add("started", experiment=experiment.id)
        return folder

    def finish(self, record: dict[str, Any], duration_s: float | None) -> None:
        """Write record, row and line of an experiment, and what its twin can tell now.

        FileNotFoundError: its folder is gone. OSError: the disk is full.
        """
        name = record["experiment_id"]
        earlier = self.pair(record, self)
        sync_all(str(self.path / name))
        write_record(record, self.path / name)
        sync_folder(str(self.path))
        if earlier:
            self.write_again(earlier)
        is_new = name not in self.rows
        self.rows[name] = table.row(record)
        if is_new:
            table.append_row(self.table, self.columns, self.rows[name])
        else:
            table.rewrite(self.table, self.columns, list(self.rows.values()))
        tells_time = duration_s if record["training_success"] else None
        self.journal.add_ended(name, record["status"], tells_time, valid=record["valid"])

    def interrupt(self, record: dict[str, Any]) -> None:
        """Write the record of an experiment that was cut off; it is still missing."""
        write_record(record, self.path / record["experiment_id"])
        reason = record["error_message"]
        self.journal.add(record["status"], experiment=record["experiment_id"], reason=reason)

    def write_again(self, record: dict[str, Any]) -> None:
        """Write the record and the row of an experiment that its control has told more about."""
        name = record["experiment_id"]
        try:
            write_record(record, self.path / name)
        except FileNotFoundError:  # a training has removed its folder meanwhile
            return
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
