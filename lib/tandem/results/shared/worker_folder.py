"""A worker's part of a run that several drain: what all of them have ended, and its own tries.

A try is written below the worker's own folder; `commit` makes it stand for its experiment. What has
ended is what stands, whatever journals say. The table is put together at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from pathlib import Path

from tandem.base.errors import LockedError
from tandem.base.files import sweep, sync_folder
from tandem.plan.model import Experiment, Plan
from tandem.plan.tries import as_it_stands, lost_additions
from tandem.results import table
from tandem.results.columns import Row, columns_of
from tandem.results.folder import TABLE, RunFolder, keep_record, rows_by_id
from tandem.results.journal import (
    REPLACED,
    Journal,
    added_in,
    ended_in,
    is_active,
    replaced_in,
)
from tandem.results.record import UNFINISHED, Record
from tandem.results.record_pair import Interference
from tandem.results.shared.commit import commit, committed, standing_try, take_away
from tandem.results.shared.disk import Disk
from tandem.results.shared.local_samples import LocalSamples, Samples
from tandem.results.shared.workers import WORKERS, at_once, journal_of


def make_worker_folder(run: Path, name: str) -> Path:
    """Make the folder of a worker in a run.

    LockedError: `tandem run` works there. OSError: there is one of that name, or none can be made.
    """
    folder = run / WORKERS / name
    with suppress(FileExistsError):
        folder.parent.mkdir()
    folder.mkdir()
    if is_active(run):  # who has that lock looks then whether there are workers
        with suppress(OSError):
            folder.rmdir()
            folder.parent.rmdir()
        hint = "wait until it has ended"
        raise LockedError(f"another process works on {run}, which is no worker", hint)
    sync_folder(str(folder.parent))
    return folder


class WorkerFolder(RunFolder):
    """A run's folder as one worker sees it; `own` is the folder of its tries.

    `rows` are those of all experiments that had ended when it was last looked at, and `unsound` are
    those whose name stands there without a whole record of an end.
    """

    def __init__(
        self,
        run: Path,
        own: Path,
        plan: Plan,
        say: Callable[[str], None],
        disk: Disk = RunFolder.disk,
    ) -> None:
        """Open it. OSError: a file cannot be used."""
        self.path, self.own, self.planned, self.say, self.disk = run, own, plan, say, disk
        self.journal = Journal(own, own.name, disk)
        self.columns, self.table = columns_of(plan), run / TABLE
        self.rows, self.lost, self.header, self.plan = {}, [], [*self.columns], plan
        self.unsound, self.replaced = set[str](), set[str]()
        sweep(str(run))
        self.listed = rows_by_id(table.read(self.table, self.columns))
        self.refresh()

    def refresh(self) -> None:
        """Look at what all workers have ended and added since; OSError: it cannot be told now."""
        text, names = journal_of(self.path), committed(self.path)
        self.note_added(text, names)
        replaced = replaced_in(text)
        unseen = self.rows.keys() - names  # a list of names may lack one while others are made
        gone = {name for name in unseen if standing_try(self.path, name) is None}
        for name in gone | replaced - self.replaced:
            self.forget(name)
        self.replaced = replaced
        found = at_once(self.ended_row, names & self.plan.by_id.keys() - self.rows.keys())
        new = {name: row for name, row in found.items() if row}
        told = ended_in(text) if new else {}
        self.rows |= new
        self.unsound = found.keys() - new.keys()
        self.journal.ended |= {name: told.get(name) for name in new}
        self.count_anew(self.plan.groups, self.journal.ended)
        if self.unsound:
            self.disk.check()  # else they may only not be readable now

    def note_added(self, text: bytes, names: Collection[str]) -> None:
        """Note what was added to the plan; what no journal tells any more, the names do."""
        known, count = self.journal.added, len(self.journal.added)
        known += [each for each in added_in(text) if each not in known]
        if len(known) > count:
            self.plan = as_it_stands(self.planned, known)
        if lost := lost_additions(self.plan, names):
            self.journal.added += lost
            self.plan = as_it_stands(self.plan, lost)

    def ended_row(self, name: str) -> Row | None:
        """Return the row of an experiment; None: no whole record says how it ended."""
        row = self.sound_row(name, self.listed.get(name))
        return row if row and row["status"] not in UNFINISHED else None

    def forget(self, name: str) -> None:
        """Know nothing more of an experiment, nor of those of which it is the control."""
        for each in (name, *(partner.id for partner in self.plan.partners.get(name, ()))):
            self.rows.pop(each, None)
            self.listed.pop(each, None)
            self.journal.ended.pop(each, None)

    def has_ended(self, experiment: Experiment) -> bool:
        return experiment.id in self.rows

    def is_own(self, standing: str | None, name: str) -> bool:
        """Whether the try that stands for an experiment, as a path in the run, is this worker's."""
        return standing == str((self.own / name).relative_to(self.path))

    def samples(self, folder: Path) -> Samples:
        return LocalSamples(folder)

    def store(self, record: Record) -> bool:
        """Write a record into its try, and have that stand; False: another worker's stands.

        FileNotFoundError: the try's folder is gone. OSError: it is not known whether it stands.
        """
        name = record["experiment_id"]
        folder = self.own / name
        keep_record(record, folder)
        if commit(folder, self.path):
            return True
        standing = standing_try(self.path, name)
        self.journal.add("lost", experiment=name, standing=standing)
        self.say(f"{name}: another worker's try stands: {standing} (this one is kept in {folder})")
        self.refresh()
        return False

    def clear(self, name: str) -> None:
        """Have an experiment run again whose name stands there without a whole record.

        Nothing is removed. OSError: it is not known what stands.
        """
        judged = standing_try(self.path, name)
        aside = None if judged is None else take_away(self.path, name, judged)
        if aside is None:
            return
        has_stood = bool(judged) or name in self.listed  # else it was only cut off
        facts = {REPLACED: True} if has_stood else {}
        self.journal.add("set_aside", experiment=name, folder=aside, **facts)
        if has_stood:
            self.say(f"{name} will run again: its record is missing or damaged ({aside})")

    def show(self, shown: Mapping[str, tuple[Record, Interference | None]]) -> None:
        """Keep the rows of some experiments, by id; the table is written at the end."""
        self.rows |= {name: self.row(name, *each) for name, each in shown.items()}
        groups = {self.plan.by_id[name].group for name in shown}
        self.count_anew(groups, self.journal.ended.keys() | shown.keys())

    def write_table(self) -> None:
        """Write the table anew, in the order of the plan, with all that has ended by then.

        Two workers may write it at once: whoever is last looks again, and lacks nothing.
        """
        written = None
        while self.rows != written:
            rows = self.rows
            names = (each.id for each in self.plan.experiments)
            self.rows = {name: rows[name] for name in names if name in rows}
            super().write_table()
            written = dict(self.rows)
            self.refresh()
