"""Whether records, interference and table of a run say what its raw files say.

Everything is computed anew from the files of the run's folder, wherever that lies now: neither a
GPU nor the trained repositories are needed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.base.errors import TandemError, UsageError
from tandem.base.text import counted, quote_path
from tandem.config.problems import join
from tandem.experiment.outcome import NAME as OUTCOME
from tandem.experiment.outcome import read_outcome
from tandem.experiment.raw import digests, gone_files
from tandem.experiment.record import record_or_why
from tandem.interference.figures import interference_of, is_due
from tandem.plan.file import NAME as PLAN
from tandem.plan.model import Plan
from tandem.plan.tries import counting
from tandem.results import machine_file, table
from tandem.results.columns import ADDED, as_cells, columns_of, is_earlier_header, value_of
from tandem.results.folder import TABLE
from tandem.results.journal import ended_in, pruned_in, replaced_in
from tandem.results.record import NOT_RECORDED, UNFINISHED, Record
from tandem.results.record_file import (
    INTERFERENCE,
    NAME,
    VERSION,
    as_in_version,
    read_interference,
    read_record,
    record_of,
)
from tandem.results.record_pair import Interference
from tandem.results.row import row_of
from tandem.results.shared.workers import journal_of
from tandem.results.standing import standing_plan

_MOST = 20  # differences that are listed of one file
_SAME = 1e-9  # so far apart are the same figures: not every Python adds up alike


@dataclass
class Verdict:
    """What came of a run: how many files were compared, what differs, what cannot be checked.

    `machines` are the digests of the descriptions of the machine that were looked at.
    """

    compared: int = 0
    differences: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)
    machines: set[str] = field(default_factory=set)

    def differ(self, place: str, found: Iterator[str]) -> None:
        """Note in what a file differs."""
        self.compared += 1
        every = [f"{place}: {each}" for each in found]
        self.differences += every[:_MOST]
        if len(every) > _MOST:
            self.differences.append(f"{place}: and {len(every) - _MOST} more")


def refuse_old(run: Path) -> None:
    """Refuse, with UsageError, a folder that is no run, or one from before outcome.json."""
    if not (run / PLAN).exists():
        raise UsageError(f"{quote_path(run)} is no run: it holds no {PLAN} (name results/run_...)")
    for path in run.glob(f"*/{NAME}"):
        try:
            version = read_record(path.parent).get("record_version")
        except UsageError:
            continue
        if version != VERSION and not (path.parent / OUTCOME).exists():
            raise UsageError(
                f"{quote_path(run)} is too old: its records are of version {version}, and {OUTCOME}"
                " came with version 3 (its table and `compare` can still be read)"
            )
        return


def verify_run(run: Path) -> Verdict:
    """Return what differs between a run's records, interference and table and its raw files.

    UsageError: it is no run, or too old.
    """
    refuse_old(run)
    verdict = Verdict()
    try:
        plan = standing_plan(run)
    except UsageError as error:
        verdict.differences.append(str(error))
        return verdict
    again: dict[str, Record] = {}
    text = journal_of(run)
    journal = ended_in(text).keys() - replaced_in(text)  # what was damaged, and told of then
    for experiment in plan.experiments:
        folder = run / experiment.id
        if not is_recorded(folder, journal):
            continue
        try:
            record = verify_record(folder, plan, verdict)
            verify_machine(run, record, verdict)
        except Exception as error:  # damaged in a way that nobody has thought of
            kind = "" if isinstance(error, UsageError) else f"{type(error).__name__}: "
            verdict.differ(experiment.id, iter([f"its files cannot be read: {kind}{error}"]))
            continue
        if record:
            again[experiment.id] = record
    ended = {name: each for name, each in again.items() if each["status"] not in UNFINISHED}
    shown = {name: (each, verify_pair(run, ended, each, verdict)) for name, each in ended.items()}
    lost = {path.parent.name for path in run.glob(f"*/{NAME}")} - again.keys()
    verdict.differ(TABLE, table_differences(run, plan, shown, lost))
    return verdict


def is_recorded(folder: Path, journal: Collection[str]) -> bool:
    """Whether there is, or should be, a record of an experiment; `journal` is who has ended."""
    if (folder / NAME).exists() or folder.name in journal or folder.is_symlink():
        return True
    try:
        return read_outcome(folder).status not in UNFINISHED
    except UsageError:
        return False


def verify_record(folder: Path, plan: Plan, verdict: Verdict) -> Record | None:
    """Compare a record with the one that its raw files make, which is returned; None: they cannot.

    Where raw files have been pruned, what they said is taken from the record as it is.
    """
    place, found = f"{folder.name}/{NAME}", record_of(folder.name, folder.parent)
    try:
        read_outcome(folder)
        if found is None:
            read_record(folder)  # to say what is wrong with it
            raise UsageError("not a whole record of this experiment and this version")
    except UsageError as error:
        verdict.differ(place, iter([str(error)]))
        return None
    made, _ = record_or_why(folder, plan, found)
    again: Record = json.loads(json.dumps(made))
    verdict.differ(folder.name, changed_files(folder, found, again))
    gone, prunable = gone_files(folder, found), pruned_in(folder.parent)
    pruned = [name for name in gone if kind_of(name) in prunable]
    verdict.differ(folder.name, (f"{name} is missing" for name in gone if name not in pruned))
    if pruned:
        what = what_rests_on(pruned)
        verdict.unchecked.append(f"{place}: {what} (pruned: {', '.join(pruned)})")
    unequal = {"digests"}
    if found["status"] == NOT_RECORDED == again["status"]:
        unequal |= {"error_message", "invalid_reasons"}  # another Python has other words for it
    verdict.differ(place, differences(without(found, unequal), without(again, unequal)))
    return again


def verify_machine(run: Path, record: Record | None, verdict: Verdict) -> None:
    """See that the description of the machine that a record names is there as it was written."""
    file = record["machine"] if record else None
    if file and file["sha256"] not in verdict.machines:
        verdict.machines.add(file["sha256"])
        verdict.differ(file["file"], machine_file.flaws(run, file))


def changed_files(folder: Path, found: Record, again: Record) -> Iterator[str]:
    """Yield the raw files that are no longer what they were when the record was made."""
    known = found["digests"]
    now = again["digests"] or digests(folder, known)
    unread = [name for name in known if name not in now and (folder / name).exists()]
    yield from (f"{name} cannot be read" for name in unread)
    for name, value in now.items():
        if name not in known:
            yield f"{name} was not there when the record was made"
        elif known[name] != value:
            yield f"{name} has changed since the record was made"


def kind_of(file: str) -> str | None:
    """Return as what a raw file can be pruned: "logs", "samples", or None."""
    return {".log": "logs", ".csv": "samples"}.get(Path(file).suffix)


def what_rests_on(files: Sequence[str]) -> str:
    """Return which parts of a record rest on some of its raw files."""
    parts = {"logs": "metrics, epochs and device", "samples": "windows and energy"}
    kinds = set(map(kind_of, files))
    return ", ".join(text for kind, text in parts.items() if kind in kinds)


def without(record: Record, names: Collection[str]) -> dict[str, Any]:
    """Return a record without some of its keys; the digests are the business of changed_files."""
    return {name: value for name, value in record.items() if name not in names}


def verify_pair(
    run: Path, records: Mapping[str, Record], record: Record, verdict: Verdict
) -> Interference | None:
    """Compare a parallel record's interference with what both records say, which is returned."""
    name, solo = record["experiment_id"], records.get(record["twin"] or "")
    if not is_due(record, solo):
        return None
    place, found = f"{name}/{INTERFERENCE}", read_interference(run / name)
    again = interference_of(run, record, solo)
    if found is None:
        verdict.differ(place, iter(["is missing or damaged"]))
    else:
        then = as_in_version(again, found)
        verdict.differ(place, differences(dict(found), json.loads(json.dumps(then))))
    return again


def table_differences(
    run: Path,
    plan: Plan,
    shown: Mapping[str, tuple[Record, Interference | None]],
    lost: Collection[str],
) -> Iterator[str]:
    """Yield in what the table differs; of the records in `lost` nobody knows what it should say."""
    columns = columns_of(plan)
    rows = table.read_cells(run / TABLE, columns, or_earlier=True)
    if rows is None:
        yield "is missing, damaged, or has other columns"
        return
    if is_earlier_header(table.header_of(run / TABLE), columns):
        columns = [name for name in columns if name not in ADDED]
    listed = {row["experiment_id"]: row for row in rows}
    counts = counting(plan.groups.values(), {*shown, *lost})
    extra = [name for name in listed if name not in shown and name not in lost]
    yield from (f"{name} has a row, and no record" for name in extra)
    for name, each in shown.items():
        if name in listed:
            [cells] = as_cells([row_of(*each, counts=name in counts)], columns)
            found = {column: listed[name][column] for column in columns}
            yield from differences(values_of(found), values_of(cells), name)
        else:
            yield f"{name} has no row"
    if len(rows) > len(listed):
        yield "has an experiment twice"


def values_of(cells: Mapping[str, str]) -> dict[str, Any]:
    """Return what the cells of a row say; one that says nothing of its column as its text."""
    values: dict[str, Any] = {}
    for column, cell in cells.items():
        try:
            values[column] = value_of(column, cell)
        except ValueError:
            values[column] = cell
    return values


def differences(found: Any, again: Any, path: str = "") -> Iterator[str]:
    """Yield where two JSON values differ: the one that was found, and the one computed anew."""
    if isinstance(found, dict) and isinstance(again, dict):
        for key in dict.fromkeys([*found, *again]):
            if key not in found or key not in again:
                yield f"{join(path, key)}: only {'computed' if key in again else 'found'}"
            else:
                yield from differences(found[key], again[key], join(path, key))
    elif isinstance(found, list) and isinstance(again, list) and len(found) == len(again):
        for index, pair in enumerate(zip(found, again, strict=True)):
            yield from differences(*pair, join(path, index))
    elif is_number(found) and is_number(again):
        if not math.isclose(found, again, rel_tol=_SAME, abs_tol=_SAME):
            yield f"{said(path, found, again)} (off by {found - again:.6g})"
    elif found != again:
        yield said(path, found, again)


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def said(path: str, found: Any, again: Any) -> str:
    return f"{path}: {found!r} found, {again!r} from the raw files"


def text_of_verdict(run: Path, verdict: Verdict) -> str:
    """Return a verdict for a person, its counts last."""
    lines = [*verdict.differences, *(f"not checked: {each}" for each in verdict.unchecked)]
    count = len(verdict.differences)
    result = counted(count, "difference") if count else "every figure is what they say"
    summary = f"{run}: {verdict.compared} comparisons with the raw files: {result}"
    return "\n".join([*lines, summary])


def verified(runs: Sequence[Path]) -> Iterator[tuple[Path, Verdict]]:
    """Yield what came of each run; UsageError as for verify_run, TandemError of any kind."""
    for run in runs:
        try:
            yield run, verify_run(run)
        except OSError as error:
            raise TandemError(f"{error.filename or run}: {error.strerror}") from None
