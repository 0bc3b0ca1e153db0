"""The folder of a run: what is finished in it, what is missing, and what was cut off.

An experiment is finished once its record is there whole. Then come its row, and last its line
"ended" in the journal: whatever is killed in between, run/pairs makes up for it at the next start.

A record may be damaged later. One whose row stands in the table was whole when that was written, so
only its beginning and its end are looked at on opening: reading ten thousand takes too long.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path

from tandem.base.errors import LockedError, NotReadyError, TandemError
from tandem.base.files import read_regular, rename, sweep, sync_all, sync_folder, write_whole
from tandem.base.sudo import give_to_caller
from tandem.base.text import counted
from tandem.plan.file import write_plan
from tandem.plan.model import Experiment, Plan
from tandem.plan.tries import as_it_stands, counting, still_to_run
from tandem.results import table
from tandem.results.columns import Row, as_cells, columns_of, filled
from tandem.results.cut_off import next_aside
from tandem.results.journal import NAME as JOURNAL
from tandem.results.journal import Journal, added_in, ended_in
from tandem.results.record import Record
from tandem.results.record_file import NAME as RECORD
from tandem.results.record_file import current_interference, is_there, record_of, write_record
from tandem.results.record_pair import Interference
from tandem.results.row import row_of
from tandem.results.shared.disk import Disk
from tandem.results.shared.local_samples import Samples
from tandem.results.shared.other_machine import at_work_elsewhere
from tandem.results.shared.workers import is_shared
from tandem.results.state import Counts, counts_of

_ELSEWHERE = "wait for it with --wait-lock SECONDS; of one that has died a minute is enough"
TABLE = "summary.csv"


def make_run_folder(results: Path, plan: Plan, copies: Mapping[str, bytes]) -> Path:
    """Make results/run_YYYYMMDD_HHMMSS (local time), with a suffix if that exists, and its plan.

    `copies` are those of the files that it was planned from, by name.
    """
    try:
        if not results.exists():
            results.mkdir(parents=True, exist_ok=True)
            give_to_caller(results)  # while it is empty
        folder = _numbered_folder(results)
        for name, data in copies.items():
            write_whole(str(folder / name), data)
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


def is_whole(folder: Path, plan: Plan) -> bool:
    """Whether, as far as can be told without its lock, all of a run have ended, with their rows."""
    try:
        text = read_regular(folder / JOURNAL)
        rows = rows_by_id(table.read(folder / TABLE, columns_of(plan), or_earlier=True))
    except OSError:
        return False
    ended, plan = ended_in(text), as_it_stands(plan, added_in(text))
    names = [each.id for each in plan.experiments if each.id in ended]
    has_all = not still_to_run(plan, ended) and all(name in rows for name in names)
    return has_all and all(is_there(name, folder) for name in names)


def rows_by_id(found: Sequence[Row] | None) -> dict[str, Row]:
    """Return the rows of a table that are as Tandem writes them, by experiment id."""
    are_ours = (row for row in found or () if isinstance(row["valid"], bool))
    return {str(row["experiment_id"]): row for row in are_ours}


class RunFolder:
    """A run's folder, locked.

    `plan` is the run's as it stands: with what was added to the `planned` one. `rows` are those of
    the table, by experiment id; `lost` are the experiments that had ended, and whose record is
    missing or damaged now. `own` is where this process writes what it runs, on a `disk` that may
    be waited for.
    """

    disk = Disk()

    def __init__(self, path: Path, plan: Plan, say: Callable[[str], None]) -> None:
        """Open it. LockedError: another process works there. OSError: a file cannot be used."""
        self.path, self.own, self.planned, self.say = path, path, plan, say
        self.journal = Journal(path)
        if is_shared(path):
            self.journal.close()
            raise LockedError(f"workers drain {path}", "start tandem work there")
        if who := at_work_elsewhere(path):
            self.journal.close()
            raise LockedError(f"another process works on {path}: {who}", _ELSEWHERE)
        self.plan = as_it_stands(plan, self.journal.added)
        self.columns = columns_of(plan)
        self.table = path / TABLE
        sweep(str(path))  # the lock is ours
        self.lost: list[str] = []
        self.rows: dict[str, Row] = {}
        self.header: list[str] = []
        self.read_rows()

    @property
    def worker(self) -> str | None:
        """Which of several workers this is; None where one process drains the run."""
        return None if self.own == self.path else self.own.name

    def read_rows(self) -> None:
        """Read the rows of the table, which is rebuilt from the records where it is not sound.

        Whatever has ended has a row then, and the other way round; what lacks its record has not.
        """
        found = table.read(self.table, self.columns)
        listed = rows_by_id(found)
        ended = [each.id for each in self.plan.experiments if each.id in self.journal.ended]
        rows = {name: row for name in ended if (row := self.sound_row(name, listed.get(name)))}
        self.lost = [name for name in ended if name not in rows]
        for name in self.lost:
            del self.journal.ended[name]
            for parallel in self.plan.partners.get(name, ()):
                if parallel.id in rows and (row := self.sound_row(parallel.id, None)):
                    rows[parallel.id] = row  # what the two told together is no longer so
        self.rows = rows
        self.count_anew(self.plan.groups, self.journal.ended)
        is_sound = found is not None and len(rows) == len(found) and not self.lost
        if not is_sound or any(row is not listed.get(name) for name, row in rows.items()):
            if rows:
                self.say(f"rebuilt {self.table} ({counted(len(rows), 'row')})")
            self.write_table()
        else:
            self.header = table.header_of(self.table)

    def write_table(self) -> None:
        """Write the table anew, with the columns that its rows fill."""
        rows = list(self.rows.values())
        self.header = filled(self.columns, rows)
        table.rewrite(self.table, self.header, rows)

    def sound_row(self, name: str, row: Row | None) -> Row | None:
        """Return the row of an experiment that has ended; None if its record is not there whole."""
        if row:
            return row if is_there(name, self.path) else None
        record = record_of(name, self.path)
        if record is None:
            return None
        return self.row(name, record, current_interference(self.path / name, record))

    def has_ended(self, experiment: Experiment) -> bool:
        """Whether it has, and its record is there still."""
        name = experiment.id
        return name in self.journal.ended and (self.path / name / RECORD).exists()

    def unended(self) -> list[Experiment]:
        """Return what has not ended; of that, warm-ups and given up tries never will."""
        return [each for each in self.plan.experiments if not self.has_ended(each)]

    def missing(self) -> list[Experiment]:
        """Return what is still to run, in its order."""
        unended = {each.id for each in self.unended()}
        return still_to_run(self.plan, self.plan.by_id.keys() - unended)

    def add(self, kind: str, names: Mapping[str, str]) -> list[Experiment]:
        """Add experiments to the plan: their ids, each with that of the one it is made from.

        OSError: the journal's line could not be written.
        """
        self.journal.add_experiments(kind, names)
        self.plan = as_it_stands(self.planned, self.journal.added)
        return [self.plan.by_id[name] for name in names]

    def begin(self, experiment: Experiment) -> Path:
        """Return where the experiment's folder is to be; an earlier one is set aside."""
        folder = self.own / experiment.id
        if os.path.lexists(folder):
            aside = next_aside(folder)
            rename(str(folder), str(aside))
            place = str(aside.relative_to(self.path))
            self.journal.add("set_aside", experiment=experiment.id, folder=place)
        self.journal.add("started", experiment=experiment.id)
        return folder

    def samples(self, folder: Path) -> Samples:
        """Return where the samples of the experiment in a folder of ours go while it runs."""
        return Samples(folder)

    def store(self, record: Record) -> bool:
        """Write a record, once, when all that it rests on is on the disk; whether it stands.

        FileNotFoundError: the experiment's folder is gone. OSError: the disk is full.
        """
        keep_record(record, self.own / record["experiment_id"])
        return True

    def show(self, shown: Mapping[str, tuple[Record, Interference | None]]) -> None:
        """Put the rows of some experiments, by id, into the table."""
        before = dict(self.rows)
        self.rows |= {name: self.row(name, *each) for name, each in shown.items()}
        groups = {self.plan.by_id[name].group for name in shown}
        members = self.count_anew(groups, self.journal.ended.keys() | shown.keys())
        touched = before.keys() & (members | shown.keys())
        if any(self.rows[name] != before[name] for name in touched):
            self.write_table()
            return
        new = [self.rows[name] for name in shown if name not in before]
        if any(table.without_column(row, self.header) & {*self.columns} for row in new):
            self.write_table()
            return
        for row in new:
            table.append_row(self.table, self.header, row)

    def row(self, name: str, record: Record, figures: Interference | None) -> Row:
        """Return a row that counts, unless it is that of a warm-up."""
        return row_of(record, figures, counts=not self.plan.by_id[name].is_warm_up)

    def count_anew(self, groups: Iterable[str], ended: Collection[str]) -> set[str]:
        """Say in the rows of some groups which of them count; return the ids of their members."""
        every = [self.plan.groups.get(group, ()) for group in groups]
        counts = counting(filter(None, every), ended)
        members = {each.id for one in every for each in one}
        for name in members & self.rows.keys():
            if self.rows[name]["counts"] != (name in counts):
                self.rows[name] = {**self.rows[name], "counts": name in counts}
        return members

    def rebuild_table(self) -> None:
        """Make the table anew from records and interference, where it is not what they say."""
        rows = {name: self.sound_row(name, None) for name in self.rows}
        self.rows = anew = {name: row for name, row in rows.items() if row}
        self.count_anew(self.plan.groups, self.journal.ended)
        if table.read_cells(self.table, self.columns) != as_cells(anew.values(), self.columns):
            self.write_table()
            self.say(f"rebuilt {self.table} ({len(anew)} rows)")

    def counts(self) -> Counts:
        """Return how many experiments are valid, not valid and missing."""
        return counts_of(self.plan, {name: row["valid"] is True for name, row in self.rows.items()})

    def note_ended(self, record: Record, duration_s: float | None) -> None:
        """Note that an experiment has ended, and how long it took (None: not known)."""
        tells_time = duration_s if record["training_success"] else None
        name, valid = record["experiment_id"], record["valid"]
        self.journal.add_ended(name, record["status"], tells_time, valid=valid)

    def interrupt(self, record: Record) -> None:
        """Write the record of an experiment that was cut off; it is still missing."""
        write_record(record, self.own / record["experiment_id"])
        reason = record["error_message"]
        self.journal.add(record["status"], experiment=record["experiment_id"], reason=reason)

    def close(self) -> None:
        self.journal.close()


def keep_record(record: Record, folder: Path) -> None:
    """Write a record into an experiment's folder when all that it rests on is on the disk."""
    sync_all(str(folder))
    write_record(record, folder)
    sync_folder(str(folder.parent))
