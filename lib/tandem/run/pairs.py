"""An experiment that has ended: its record, its row, and what it tells together with its control.

Each step can be done again, and the last is the journal's line: what a kill left undone is made up
for when the run is opened again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.sudo import give_to_caller
from tandem.base.text import some_of
from tandem.experiment.outcome import NAME as OUTCOME
from tandem.experiment.outcome import read_outcome
from tandem.experiment.record import record_whatever_happens
from tandem.interference.figures import interference_of, is_due
from tandem.interference.usable import parted
from tandem.results.folder import RunFolder, keep_record
from tandem.results.journal import pruned_in
from tandem.results.record import UNFINISHED, Record
from tandem.results.record_file import NAME, read_interference, record_of, write_interference
from tandem.results.record_pair import Interference

_NAMED = 5  # of those that will run again though they have ended


def finish(folder: RunFolder, record: Record, duration_s: float | None) -> None:
    """Write record, row and line of an experiment, and what it and its control tell together.

    Where the record of another worker stands, that is all. FileNotFoundError: its folder is gone.
    OSError: the disk is full.
    """
    if folder.store(record):
        end(folder, record, duration_s)


def end(folder: RunFolder, record: Record, duration_s: float | None) -> None:
    """Write the same, where the record is there."""
    folder.show(with_partners(folder, record))
    folder.note_ended(record, duration_s)


def with_partners(
    folder: RunFolder, record: Record
) -> Mapping[str, tuple[Record, Interference | None]]:
    """Return what is to be shown of an experiment, and of those that had waited for this control.

    interference.json is written on the way, where a parallel record and its control are there, and
    it is not.
    """
    name, plan = record["experiment_id"], folder.plan
    shown: dict[str, tuple[Record, Interference | None]] = {name: (record, None)}
    pairs = [(record, ended_record(folder, plan.by_id[name].twin))]
    waiting = (ended_record(folder, each.id) for each in plan.partners.get(name, ()))
    pairs += [(parallel, record) for parallel in waiting if parallel]
    for parallel, solo in pairs:
        if is_due(parallel, solo):
            shown[parallel["experiment_id"]] = (parallel, written(folder, parallel, solo))
    return shown


def ended_record(folder: RunFolder, name: str | None) -> Record | None:
    """Return the record of an experiment that has ended; None: there is none."""
    return record_of(name, folder.path) if name and name in folder.journal.ended else None


def written(folder: RunFolder, parallel: Record, solo: Record | None) -> Interference:
    """Return the figures of a pair, which are written if they are not there, or of other records.

    Those of other records are there when one of the two has been run again.
    """
    place = folder.path / parallel["experiment_id"]
    figures = interference_of(folder.path, parallel, solo)
    found = read_interference(place)
    if found and found["records"] == figures["records"]:
        return found
    write_interference(figures, place)
    for warning in parted(parallel, solo):
        folder.say(f"warning: {place.name}: {warning}")
    return figures


def tell_again(folder: RunFolder) -> None:
    """Write what is missing of the figures of all pairs that have ended."""
    for name in folder.rows:
        record = record_of(name, folder.path)
        if record and record["background"] is not None:
            with_partners(folder, record)


def make_up(folder: RunFolder) -> None:
    """Make up for what a kill left undone: experiments that have ended get record, row and line."""
    again = []
    for experiment in folder.unended():
        place = folder.path / experiment.id
        record = record_of(experiment.id, folder.path) or made_again(folder, place)
        if record and record["status"] not in UNFINISHED:
            end(folder, record, None)
            give_to_caller(place)
        elif experiment.id in folder.lost:
            again.append(experiment.id)
    if again:
        missing = {each.id for each in folder.missing()}  # a try that has a newer one is not
        again = [name for name in again if name in missing]
    if again:
        listed = f"{len(again)} ({some_of(again, _NAMED)})"
        folder.say(f"will run again: {NAME} is missing or damaged: {listed}")


def made_again(folder: RunFolder, place: Path) -> Record | None:
    """Return the record of an experiment that ended without one, written; None: it did not end.

    Nor is one made where raw files have been pruned: it would say less than the one that is lost.
    """
    if not (place / OUTCOME).is_file() or (place / NAME).is_dir() or pruned_in(folder.path):
        return None
    if (place / "energy").is_symlink():  # its samples are on another machine's disk
        return None
    try:
        if read_outcome(place).status in UNFINISHED:
            return None
        record = record_whatever_happens(place, folder.plan)
    except UsageError:
        return None
    keep_record(record, place)
    folder.say(f"{place.name} had ended: made its {NAME} from its files")
    return record
