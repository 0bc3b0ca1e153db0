"""experiment.json and interference.json as files: written once, read only as far as trusted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from tandem.base.errors import UsageError
from tandem.base.files import read_regular, sha256_of, sweep, write_whole
from tandem.results.record import UNFINISHED, Record
from tandem.results.record_pair import Explanation, Figure, Interference

NAME = "experiment.json"
VERSION = 6
INTERFERENCE = "interference.json"
INTERFERENCE_VERSION = 3

# The figures that each version did not have yet, with their labels.
NEW_FIGURES: Mapping[int, Mapping[str, str]] = {
    1: {"slowdown_of_epochs": "measured"},
    2: {
        "marginal_energy_above_idle_joules": "derived",
        "marginal_energy_above_idle_context_joules": "derived",
        "saving_of_sharing_above_idle": "derived",
        "saving_of_sharing_above_idle_context": "derived",
    },
}
_ANY_VERSION = frozenset({"experiment_id", "repository", "model", "mode", "valid", "environment"})
_END = b"\n}\n"  # nothing inside a record stands so far to the left


def json_bytes(value: Mapping[str, Any]) -> bytes:
    """Return a file's content; bytes of a path that are no UTF-8 stay as JSON's own escapes."""
    text = json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)
    return f"{text}\n".encode(errors="backslashreplace")


def write_record(record: Record, folder: Path) -> None:
    _write(folder / NAME, record)


def write_interference(interference: Interference, folder: Path) -> None:
    _write(folder / INTERFERENCE, interference)


def _write(file: Path, value: Mapping[str, Any]) -> None:
    sweep(str(file.parent), file.name)
    write_whole(str(file), json_bytes(value))


def read_record(folder: Path) -> Record:
    """Return the record in an experiment's folder, also one of an earlier version.

    UsageError: it cannot be read, or is no record.
    """
    return read_record_and_digest(folder)[0]


def read_record_and_digest(folder: Path) -> tuple[Record, str]:
    """Return a record as read_record() does, and the SHA-256 of its file as it was read."""
    file = folder / NAME
    data = _read(file)
    return record_from(data, file), hashlib.sha256(data).hexdigest()


def record_from(data: bytes, file: Path) -> Record:
    """Return the record that was read from a file; UsageError: it is none."""
    record = _object(data, file, "no record of an experiment (move its folder away)")
    if not record.keys() >= _ANY_VERSION:
        raise UsageError(f"{file}: no record of an experiment (move its folder away)")
    return cast(Record, record)


def read_interference(folder: Path, record: Record | None = None) -> Interference | None:
    """Return the interference of the experiment in a folder; None: there is no whole one.

    Before version 3 of the record it stood in the `record`. An earlier version of its own gets the
    names of today, and what it lacks is null with a reason.
    """
    try:
        file = folder / INTERFERENCE
        value = _object(_read(file), file, "no figures of interference")
    except UsageError:
        older = cast(Mapping[str, Any], record or {})
        return cast("Interference | None", _as_today(older.get("interference")))
    now = _as_today(value)
    return cast(Interference, now) if now.keys() == Interference.__required_keys__ else None


def _as_today(found: Any) -> Any:
    """Return interference of an earlier version, or without one, in the form of today."""
    if not isinstance(found, dict):
        return found
    if (version := found.get("interference_version", 1)) not in NEW_FIGURES:
        return found
    if not isinstance(figures := found.get("figures"), dict):
        return found | {"explanation": _without_new({}, version)["explanation"]}
    if version == 1:
        figures = {name: _renamed(figure) for name, figure in figures.items()}
    return found | {"figures": figures} | _without_new(figures, version)


def _without_new(figures: Mapping[str, Any], version: int) -> dict[str, Any]:
    """Return the figures, with null for those that a version did not have, and no explanation."""
    reason = f"{INTERFERENCE} is of version {version}, which did not have it"
    missing = {
        name: _null(label, reason)
        for before, names in NEW_FIGURES.items()
        for name, label in names.items()
        if before >= version
    }
    explanation: Explanation = {
        "label": "derived",
        "slowdown_by_clocks_at_most": _null("derived", reason),
        "slowdown_by_the_rest_at_least": _null("derived", reason),
        "boards": [],
        "boards_reason": reason,
        "warnings": [],
    }
    return {"figures": {**figures, **missing}, "explanation": explanation}


def _null(label: str, reason: str) -> Figure:
    return {"value": None, "clock_uncertainty": None, "label": label, "reason": reason}


def _renamed(figure: Any) -> Any:
    if not isinstance(figure, dict):
        return figure
    names = {"uncertainty": "clock_uncertainty"}
    return {names.get(name, name): value for name, value in figure.items()}


def as_in_version(made: Interference, found: Interference) -> Interference:
    """Return interference that was made anew, in the version of the one that was found."""
    version = found["interference_version"]
    if version not in NEW_FIGURES:
        return made
    older = made | _without_new(made["figures"], version) | {"interference_version": version}
    return cast(Interference, older)


def current_interference(
    folder: Path, record: Record, digests: dict[str, str] | None = None
) -> Interference | None:
    """Return the interference of a record, if it is of the records that are there now.

    One of them may be gone, or have been run again. Before version 3 nobody can tell. `digests`
    are those of records that were read a moment ago, by name; others are added to them.
    """
    found = read_interference(folder, record)
    if found is None or "records" not in found:
        return found
    digests = {} if digests is None else digests
    try:
        for name in found["records"]:
            if name not in digests:
                digests[name] = sha256_of(folder.parent / name / NAME)
    except OSError:
        return None
    now = {name: digests[name] for name in found["records"]}
    return found if now == found["records"] else None


def _read(file: Path) -> bytes:
    try:
        return read_regular(file)
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror} (check the file)") from None


def _object(data: bytes, file: Path, otherwise: str) -> dict[str, Any]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise UsageError(f"{file}: not JSON (restore it, or move its folder away)") from None
    if not isinstance(value, dict):
        raise UsageError(f"{file}: {otherwise}")
    return value


def record_of(name: str, run: Path) -> Record | None:
    """Return the record of a run's experiment, of this version with all its keys; None: no such."""
    try:
        record = read_record(run / name)
    except UsageError:
        return None
    is_of_this = (record.get("record_version"), record["experiment_id"]) == (VERSION, name)
    return record if is_of_this and record.keys() >= Record.__required_keys__ else None


def ended_record(name: str, run: Path) -> Record | None:
    """Return the record of an experiment that has ended; None: it is missing or was cut off."""
    record = record_of(name, run)
    return record if record and record["status"] not in UNFINISHED else None


def is_there(name: str, run: Path) -> bool:
    """Whether an experiment's record is there, by its first two lines and its last.

    That is a hundredth of the time that reading it takes. A file that was cut off, or that a power
    cut left full of zeros, lacks its end; one that begins or ends otherwise is read whole.
    """
    quoted = json.dumps(name, ensure_ascii=False)
    begin = f'{{\n  "record_version": {VERSION},\n  "experiment_id": {quoted},\n'
    begin_bytes = begin.encode(errors="backslashreplace")
    try:
        with open(run / name / NAME, "rb", buffering=0) as file:
            is_begun = file.read(len(begin_bytes)) == begin_bytes
            file.seek(-len(_END), 2)
            if is_begun and file.read() == _END:
                return True
    except OSError:
        return False
    return record_of(name, run) is not None
