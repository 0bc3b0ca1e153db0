"""What all workers have ended, put together by each that takes over a group, and at its end.

Between the end of an experiment and its commit a worker writes its outcome and its record. If it is
killed there, another commits a record that is whole, or makes it from the files of an outcome. What
was cut off is left where it lies.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

from tandem.interference.figures import interference_of, is_due
from tandem.results.columns import FIGURES
from tandem.results.journal import is_active
from tandem.results.record import Record
from tandem.results.record_file import INTERFERENCE, ended_record, record_of, write_interference
from tandem.results.shared.commit import commit, standing_try
from tandem.results.shared.worker_folder import WorkerFolder
from tandem.results.shared.workers import at_once, tries_in
from tandem.results.standing import standing_plan
from tandem.run.pairs import end, made_again, with_partners
from tandem.work.boards import site_of


def adopt(folder: WorkerFolder, names: Iterable[str]) -> None:
    """Have experiments stand that ended without being committed; nobody else works on them.

    Where a name stands without a whole record, that is made again, or the experiment is missing
    again. OSError: it is not known what stands.
    """
    tries = tries_in(folder.path)
    for name in names:
        if name in folder.rows:
            continue
        if name in folder.unsound and not is_mended(folder, name):
            folder.clear(name)
        for attempt in tries.get(name, ()):
            if standing_try(folder.path, name) is not None:
                break
            record = ended_in(attempt, folder)
            if record and fits(folder, record) and commit(attempt, folder.path):
                end(folder, record, None)
                folder.say(f"{name} had ended: {attempt.relative_to(folder.path)} stands for it")


def fits(folder: WorkerFolder, record: Record) -> bool:
    """Whether a try was run where those stand from that it is compared with: on one board."""
    own = folder.plan.by_id[record["experiment_id"]]
    members = folder.plan.groups.get(own.group, ())  # without warm-ups
    others = (each.id for each in members if each.try_number == own.try_number)
    ended = (record_of(name, folder.path) for name in others if name in folder.rows)
    return own.is_warm_up or all(site_of(each) == site_of(record) for each in ended if each)


def is_mended(folder: WorkerFolder, name: str) -> bool:
    """Whether there is a whole record after all where an experiment stands, or is now."""
    record = ended_in(folder.path / name, folder)
    if record:
        end(folder, record, None)
    return record is not None


def ended_in(attempt: Path, folder: WorkerFolder) -> Record | None:
    """Return the record of a try, made if need be; None: it has not ended."""
    for place in (attempt.parent, attempt):  # NFS then looks whether what it knows is still so
        with suppress(OSError):
            os.listdir(place)
    if record_of(attempt.name, attempt.parent) is None and not is_active(attempt.parent):
        made_again(folder, attempt)
    return ended_record(attempt.name, attempt.parent)


def put_together(folder: WorkerFolder, taken: Collection[str]) -> None:
    """Put together what all workers have ended, and write the table.

    `taken` are the groups that others are at work on. OSError: a file cannot be used.
    """
    folder.refresh()
    missing = [each.id for each in folder.missing() if each.group not in taken]
    adopt(folder, [*missing, *folder.unsound.difference(missing)])
    tell_missing(folder)
    folder.write_table()


def tell_missing(folder: WorkerFolder) -> None:
    """Write the figures of pairs that lack them: two workers ended the two, or one was killed."""
    rows = folder.rows
    pairs = [
        each
        for each in folder.plan.experiments
        if each.backgrounds and not each.is_warm_up and each.id in rows
        if each.twin is None or each.twin in rows
        if all(rows[each.id][figure] is None for figure in FIGURES)
    ]
    is_told = at_once(
        lambda name: (folder.path / name / INTERFERENCE).exists(), [it.id for it in pairs]
    )
    for each in pairs:
        # Of two that are valid the figures may have come after the row was read.
        may_differ = each.twin and rows[each.id]["valid"] is rows[each.twin]["valid"] is True
        if may_differ or not is_told[each.id] or each.twin in folder.replaced:
            record = record_of(each.id, folder.path)
            if record:
                folder.show(with_partners(folder, record))


def write_lost_figures(run: Path) -> None:
    """Write the figures of pairs that stand without: their last worker was killed just then.

    For whoever only reads a run. UsageError, OSError: it cannot be read, or not be written.
    """
    pairs = [each for each in standing_plan(run).experiments if each.backgrounds]
    is_told = at_once(lambda name: (run / name / INTERFERENCE).exists(), [it.id for it in pairs])
    for each in pairs:
        record = None if is_told[each.id] else ended_record(each.id, run)
        solo = ended_record(each.twin, run) if record and each.twin else None
        if record and is_due(record, solo):
            write_interference(interference_of(run, record, solo), run / each.id)
