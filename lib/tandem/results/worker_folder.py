"""A worker's part of a run that several drain: what all of them have ended, and its own tries.

A try is written below the worker's own folder; results/commit makes it stand for its experiment.
What has ended is what stands, whatever journals say. The table is put together at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tandem.base.files import sync_all, sync_folder
from tandem.plan.model import Plan
from tandem.plan.tries import as_it_stands
from tandem.results import table
from tandem.results.columns import columns_of
from tandem.results.commit import commit, committed, standing_try
from tandem.results.folder import TABLE, RunFolder, rows_by_id
from tandem.results.journal import Journal, added_in, ended_in
from tandem.results.record import Interference, Record
from tandem.results.record_file import write_record
from tandem.results.workers import WORKERS, journal_of


def make_worker_folder(run: Path, name: str) -> Path:
    """Make the folder of a worker in a run; OSError: there is one of that name, or none can be."""
    folder = run / WORKERS / name
    folder.parent.mkdir(exist_ok=True)
    folder.mkdir()
    sync_folder(str(folder.parent))
    return folder


class WorkerFolder(RunFolder):
    """A run's folder as one worker sees it; `own` is the folder of its tries.

    `rows` are those of all experiments that had ended when it was last looked at.
    """

    def __init__(self, run: Path, own: Path, plan: Plan, say: Callable[[str], None]) -> None:
        """Open it. OSError: a file cannot be used."""
        self.path, self.own, self.planned, self.say = run, own, plan, say
        self.journal = Journal(own, own.name)
        self.columns, self.table = columns_of(plan), run / TABLE
        self.rows, self.lost, self.header = {}, [], []
        self.listed = rows_by_id(table.read(self.table, self.columns))
        self.refresh()

    def refresh(self) -> None:
        """Look at what all workers have ended and added since."""
        text = journal_of(self.path)
        self.journal.added = added_in(text)
        self.plan = as_it_stands(self.planned, self.journal.added)
        self.header, told = [*self.columns], ended_in(text)
        for name in (committed(self.path) & self.plan.by_id.keys()) - self.rows.keys():
            if row := self.sound_row(name, self.listed.get(name)):
                self.rows[name] = row
                self.journal.ended[name] = told.get(name)
        self.count_anew(self.plan.groups, self.journal.ended)

    def store(self, record: Record) -> bool:
        """Write a record into its try, and have that stand; False: another worker's stands.

        FileNotFoundError: the try's folder is gone. OSError: it is not known whether it stands.
        """
        name = record["experiment_id"]
        folder = self.own / name
        sync_all(str(folder))
        write_record(record, folder)
        sync_folder(str(self.own))
        if commit(folder, self.path):
            return True
        standing = standing_try(self.path, name)
        self.journal.add("lost", experiment=name, standing=standing)
        self.say(f"{name}: another worker's try stands: {standing} (this one is kept in {folder})")
        self.refresh()
        return False

    def show(self, shown: Mapping[str, tuple[Record, Interference | None]]) -> None:
        """Keep the rows of some experiments, by id; the table is written at the end."""
        self.rows |= {name: self.row(name, *each) for name, each in shown.items()}
        groups = {self.plan.by_id[name].group for name in shown}
        self.count_anew(groups, self.journal.ended.keys() | shown.keys())
