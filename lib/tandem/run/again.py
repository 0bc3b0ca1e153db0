"""Records made again by hand: `tandem record RUN`, in place or into another folder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.sudo import give_to_caller
from tandem.experiment.outcome import NAME as OUTCOME
from tandem.experiment.raw import gone_files
from tandem.experiment.record import record_whatever_happens
from tandem.experiment.verify import refuse_old
from tandem.interference.figures import interference_of, is_due
from tandem.plan.file import read_plan_file
from tandem.plan.model import Plan
from tandem.plan.tries import counting
from tandem.results import table
from tandem.results.columns import columns_of, filled
from tandem.results.folder import TABLE, RunFolder
from tandem.results.record import UNFINISHED, Record
from tandem.results.record_file import (
    read_interference,
    record_of,
    write_interference,
    write_record,
)
from tandem.results.row import row_of
from tandem.results.standing import standing_plan
from tandem.run.groups import add_lost
from tandem.run.pairs import make_up, tell_again

Say = Callable[[str], None]


def record_in_place(run: Path, say: Say) -> None:
    """Make what is missing of a run's records, interference and table from its files.

    LockedError: the run is at work. UsageError: it is no run, or too old.
    """
    refuse_old(run)
    with closing(RunFolder(run, read_plan_file(run), say)) as folder:
        add_lost(folder)
        make_up(folder)
        tell_again(folder)
        folder.rebuild_table()
        say(text_of_records(folder))
    give_to_caller(run)


def text_of_records(folder: RunFolder) -> str:
    counts = len(folder.rows), len(folder.missing())
    return f"{folder.path}: {counts[0]} records, {counts[1]} experiments still to run"


def record_into(run: Path, to: Path, say: Say) -> None:
    """Make all records of a run, interference and table into a new folder, to compare.

    What rests on raw files that are gone is as the run's own record says. UsageError: the run is
    none or too old, or the other folder is there and not empty.
    """
    refuse_old(run)
    plan = standing_plan(run)
    if to.exists() and (not to.is_dir() or any(to.iterdir())):
        raise UsageError(f"--to {to}: is there already (name a new folder)")
    records = {}
    for experiment in plan.experiments:
        name, kept = experiment.id, record_of(experiment.id, run)
        if (run / name / OUTCOME).exists():
            (to / name).mkdir(parents=True)
            records[name] = record_whatever_happens(run / name, plan, kept, to / name)
            write_record(records[name], to / name)
        if kept and (gone := gone_files(run / name, kept)):
            say(f"{name}: what rests on {', '.join(gone)} is taken from its record: they are gone")
    write_pairs(to, plan, records)
    give_to_caller(to)
    say(f"{to}: {len(records)} records, to compare with those of {run}")


def write_pairs(to: Path, plan: Plan, records: dict[str, Record]) -> None:
    """Write interference.json of every pair whose records are there, and the table of all."""
    ended = {name: each for name, each in records.items() if each["status"] not in UNFINISHED}
    for name, record in ended.items():
        solo = ended.get(record["twin"] or "")
        if is_due(record, solo):
            write_interference(interference_of(to, record, solo), to / name)
    counts = counting(plan.groups.values(), ended)
    rows = [
        row_of(record, read_interference(to / name), counts=name in counts)
        for name, record in ended.items()
    ]
    table.rewrite(to / TABLE, filled(columns_of(plan), rows), rows)
