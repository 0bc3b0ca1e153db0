"""experiment.json as a file: written whole, and read only as far as it can be trusted."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from tandem.base.errors import UsageError
from tandem.base.files import write_whole
from tandem.base.paths import ROOT

NAME = "experiment.json"
VERSION = 2
UNFINISHED = ("interrupted", "GPU busy")  # these statuses leave an experiment missing

_SCHEMA = ROOT / "schemas" / "record.schema.json"
_ANY_VERSION = frozenset({"experiment_id", "repository", "model", "mode", "valid", "environment"})
_END = b"\n}\n"  # nothing inside a record stands so far to the left


def write_record(record: Mapping[str, Any], folder: Path) -> None:
    """Write the record; bytes of a path that are no UTF-8 stay as JSON's own escapes."""
    text = json.dumps(record, ensure_ascii=False, indent=2, allow_nan=False)
    write_whole(str(folder / NAME), f"{text}\n".encode(errors="backslashreplace"))


def read_record(folder: Path) -> dict[str, Any]:
    """Return the record in an experiment's folder, also one of an earlier version.

    UsageError: it cannot be read, or is no record.
    """
    file = folder / NAME
    try:
        record = json.loads(file.read_bytes())
    except OSError as error:
        raise UsageError(f"{file}: cannot be read: {error.strerror} (check the file)") from None
    except (ValueError, RecursionError):
        raise UsageError(f"{file}: not JSON (restore it, or move its folder away)") from None
    if not isinstance(record, dict) or not record.keys() >= _ANY_VERSION:
        raise UsageError(f"{file}: no record of an experiment (move its folder away)")
    return record


def record_of(name: str, run: Path) -> dict[str, Any] | None:
    """Return the record of a run's experiment, of this version with all its keys; None: no such."""
    try:
        record = read_record(run / name)
    except UsageError:
        return None
    is_of_this = (record.get("record_version"), record["experiment_id"]) == (VERSION, name)
    return record if is_of_this and record.keys() >= _keys() else None


def is_there(name: str, run: Path) -> bool:
    """Tell whether an experiment's record is there, by its first two lines and its last.

    That is a hundredth of the time that reading it takes. A file that was cut off, or that a power
    cut left full of zeros, lacks its end; one that begins or ends otherwise is read whole.
    """
    begin = f'{{\n  "record_version": {VERSION},\n  "experiment_id": {_json(name)},\n'
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


def _json(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


@cache
def _keys() -> frozenset[str]:
    return frozenset(json.loads(_SCHEMA.read_bytes())["properties"])


def last_window(
    windows: Sequence[Mapping[str, Any]], name: str, attempt: int | None = None
) -> Mapping[str, Any] | None:
    """Return the newest window of a name, or the one of an attempt; None if there is none."""
    found = (each for each in reversed(windows) if each["name"] == name)
    return next((each for each in found if attempt in (None, each["attempt"])), None)


def foreground_window(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the window of the last attempt at a record's foreground, None if it has none."""
    name = record["control"] or "foreground"
    return last_window(record["windows"], name, len(record["attempts"]))
