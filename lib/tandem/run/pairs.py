"""An experiment that has ended: its record, its row, and what it tells together with its twin.

Each step can be done again, and the last is the journal's line: what a kill left undone is made up
for when the run is opened again.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.sudo import give_to_caller
from tandem.experiment.outcome import NAME as OUTCOME
from tandem.experiment.outcome import read_outcome
from tandem.experiment.record import record_whatever_happens
from tandem.interference.figures import interference
from tandem.results.folder import RunFolder
from tandem.results.record import UNFINISHED, Interference, Record
from tandem.results.record_file import (
    NAME,
    digest_of,
    read_interference,
    record_of,
    write_interference,
)

_NAMED = 5  # of those that will run again though they have ended


def finish(folder: RunFolder, record: Record, duration_s: float | None) -> None:
    """Write record, row and line of an experiment, and what it and its twin tell together.

    FileNotFoundError: its folder is gone. OSError: the disk is full.
    """
    folder.store(record)
    folder.show(with_twin(folder, record))
    folder.note_ended(record, duration_s)


def with_twin(
    folder: RunFolder, record: Record
) -> Mapping[str, tuple[Record, Interference | None]]:
    """Return what is to be shown of an experiment, and of its parallel twin if that is earlier.

    interference.json is written on the way, where both are there.
    """
    name, twin = record["experiment_id"], record["twin"]
    other = record_of(twin, folder.path) if twin in folder.journal.ended and twin else None
    parallel, solo = (other, record) if record["control"] else (record, other)
    shown: dict[str, tuple[Record, Interference | None]] = {name: (record, None)}
    if parallel and parallel["background"] is not None and (solo or twin is None):
        figures = interference_of(folder.path, parallel, solo)
        shown[parallel["experiment_id"]] = (parallel, figures)
    return shown


def interference_of(run: Path, parallel: Record, solo: Record | None) -> Interference:
    """Return the figures of a pair, from its file, which is written if it is not there whole."""
    place = run / parallel["experiment_id"]
    if found := read_interference(place):
        return found
    figures = figures_of_pair(run, parallel, solo)
    write_interference(figures, place)
    return figures


def figures_of_pair(run: Path, parallel: Record, solo: Record | None) -> Interference:
    """Return the figures of a pair; both records lie in the folder `run`."""
    names = [record["experiment_id"] for record in (parallel, solo) if record]
    return interference(parallel, solo, {name: digest_of(run / name) for name in names})


def make_up(folder: RunFolder) -> None:
    """Make up for what a kill left undone: experiments that have ended get record, row and line."""
    again = []
    for experiment in folder.missing():
        place = folder.path / experiment.id
        record = record_of(experiment.id, folder.path) or made_again(folder, place)
        if record and record["status"] not in UNFINISHED:
            finish(folder, record, None)
            give_to_caller(place)
        elif experiment.id in folder.lost:
            again.append(experiment.id)
    if again:
        listed = ", ".join(again[:_NAMED]) + (", ..." if len(again) > _NAMED else "")
        folder.say(f"will run again: {NAME} is missing or damaged: {len(again)} ({listed})")


def made_again(folder: RunFolder, place: Path) -> Record | None:
    """Return the record of an experiment that ended without one; None: it did not end."""
    if not (place / OUTCOME).exists():
        return None
    try:
        if read_outcome(place).status in UNFINISHED:
            return None
        record = record_whatever_happens(place, folder.plan)
    except UsageError:
        return None
    folder.say(f"{place.name} had ended: made its {NAME} from its files")
    return record
