"""Whether records, interference and table of a run say what its raw files say.

Everything is computed anew from the files of the run's folder, wherever that lies now: neither a
GPU nor the trained repositories are needed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from tandem.base.errors import TandemError, UsageError
from tandem.base.text import quote_path
from tandem.config.problems import join
from tandem.experiment.outcome import NAME as OUTCOME
from tandem.experiment.outcome import read_outcome
from tandem.experiment.raw import digest, last_log, sample_files
from tandem.experiment.record import bare_record, make_record
from tandem.interference.figures import interference
from tandem.plan.file import NAME as PLAN
from tandem.plan.file import read_plan_file
from tandem.plan.model import Plan
from tandem.results import table
from tandem.results.columns import cells_of, columns_of, row_of
from tandem.results.folder import TABLE
from tandem.results.journal import NAME as JOURNAL
from tandem.results.journal import events_in
from tandem.results.record import NOT_RECORDED, UNFINISHED, Interference, Record
from tandem.results.record_file import (
    INTERFERENCE,
    NAME,
    VERSION,
    digest_of,
    read_interference,
    read_record,
)

_MOST = 20  # differences that are listed of one file


@dataclass
class Verdict:
    """What came of a run: how many files were compared, what differs, what cannot be checked."""

    compared: int = 0
    differences: list[str] = field(default_factory=list)
    unchecked: list[str] = field(default_factory=list)

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
        if version != VERSION:
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
        plan = read_plan_file(run)
    except UsageError as error:
        verdict.differences.append(str(error))
        return verdict
    records: dict[str, Record] = {}
    for experiment in plan.experiments:
        folder = run / experiment.id
        if (folder / NAME).exists() and (record := verify_record(folder, plan, verdict)):
            records[experiment.id] = record
    ended = {name: each for name, each in records.items() if each["status"] not in UNFINISHED}
    pairs = {name: verify_pair(run, ended, each, verdict) for name, each in ended.items()}
    verify_table(run, plan, {name: (ended[name], pairs[name]) for name in ended}, verdict)
    return verdict


def verify_record(folder: Path, plan: Plan, verdict: Verdict) -> Record | None:
    """Compare a record with what its raw files say, and return it; None: it cannot be read."""
    place = f"{folder.name}/{NAME}"
    try:
        record = read_record(folder)
        outcome = read_outcome(folder)
    except UsageError as error:
        verdict.differ(place, iter([str(error)]))
        return None
    verdict.differ(folder.name, changed_files(folder, record))
    gone = [name for name in record["digests"] if not (folder / name).exists()]
    prunable = {*sample_files(folder, outcome), last_log(outcome)}
    pruned = [name for name in gone if name in prunable and is_pruned(folder.parent)]
    verdict.differ(folder.name, (f"{name} is missing" for name in gone if name not in pruned))
    if pruned:
        what = what_rests_on(pruned)
        verdict.unchecked.append(f"{place}: {what} (pruned: {', '.join(pruned)})")
    try:
        again = make_record(folder, plan, record)
    except UsageError:
        raise
    except Exception as error:
        again = bare_record(folder, plan, outcome, f"{type(error).__name__}: {error}")
    if record["status"] == NOT_RECORDED == again["status"]:
        return record  # there are no figures in either
    verdict.differ(place, differences(without_digests(record), without_digests(again)))
    return record


def changed_files(folder: Path, record: Record) -> Iterator[str]:
    """Yield the raw files that are no longer what they were when the record was made."""
    for name, known in record["digests"].items():
        if (folder / name).exists() and digest(folder / name) != known:
            yield f"{name} has changed since the record was made"


def is_pruned(run: Path) -> bool:
    """Whether a run's logs or samples have been pruned, as its journal says."""
    try:
        events = events_in((run / JOURNAL).read_bytes())
    except OSError:
        return False
    return any(event["event"] == "pruned" for event in events)


def what_rests_on(files: Sequence[str]) -> str:
    """Return which parts of a record rest on some of its raw files."""
    logs = [name for name in files if name.endswith(".log")]
    parts = ["metrics, epochs and device"] if logs else []
    return ", ".join(parts + (["windows and energy"] if len(logs) < len(files) else []))


def without_digests(record: Record) -> dict[str, Any]:
    """Return a record as JSON has it, without what changed_files tells."""
    plain: dict[str, Any] = json.loads(json.dumps(record))
    return {name: value for name, value in plain.items() if name != "digests"}


def verify_pair(
    run: Path, records: Mapping[str, Record], record: Record, verdict: Verdict
) -> Interference | None:
    """Compare a parallel record's interference with what both records say, and return it."""
    name, twin = record["experiment_id"], record["twin"]
    if record["background"] is None or (twin and twin not in records):
        return None
    place, found = f"{name}/{INTERFERENCE}", read_interference(run / name)
    if found is None:
        verdict.differ(place, iter(["is missing or damaged"]))
        return None
    solo = records[twin] if twin else None
    digests = {each: digest_of(run / each) for each in filter(None, (name, twin))}
    again = interference(record, solo, digests)
    verdict.differ(place, differences(dict(found), json.loads(json.dumps(again))))
    return found


def verify_table(
    run: Path,
    plan: Plan,
    ended: Mapping[str, tuple[Record, Interference | None]],
    verdict: Verdict,
) -> None:
    """Compare the table with the records and their interference."""
    columns = columns_of(plan)
    rows = table.read_cells(run / TABLE, columns)
    verdict.differ(TABLE, table_differences(columns, rows, ended))


def table_differences(
    columns: Sequence[str],
    rows: Sequence[Mapping[str, str]] | None,
    ended: Mapping[str, tuple[Record, Interference | None]],
) -> Iterator[str]:
    if rows is None:
        yield "is missing, damaged, or has other columns"
        return
    listed = {row["experiment_id"]: row for row in rows}
    for name in listed.keys() - ended.keys():
        yield f"{name} has a row, and no record"
    for name, each in ended.items():
        cells = dict(zip(columns, cells_of(row_of(*each), columns), strict=True))
        if name not in listed:
            yield f"{name} has no row"
        elif len(rows) == len(listed):
            for column in columns:
                if listed[name][column] != cells[column]:
                    yield said(f"{name}.{column}", listed[name][column], cells[column])
    if len(rows) > len(listed):
        yield "has an experiment twice"


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
    elif found != again:
        yield said(path, found, again)


def said(path: str, found: Any, again: Any) -> str:
    """Say in what a figure differs, and, of numbers, by how much."""
    text = f"{path}: {found!r} found, {again!r} from the raw files"
    if isinstance(found, (int, float)) and isinstance(again, (int, float)):
        text += f" (off by {cast(float, found) - again:.6g})"
    return text


def text_of_verdict(run: Path, verdict: Verdict) -> str:
    """Return a verdict for a person, its counts last."""
    lines = [*verdict.differences, *(f"not checked: {each}" for each in verdict.unchecked)]
    count = len(verdict.differences)
    result = f"{count} difference{'s' * (count != 1)}" if count else "every figure is what they say"
    summary = f"{run}: {verdict.compared} comparisons with the raw files: {result}"
    return "\n".join([*lines, summary])


def verified(runs: Sequence[Path]) -> Iterator[tuple[Path, Verdict]]:
    """Yield what came of each run; UsageError as for verify_run, TandemError of any kind."""
    for run in runs:
        try:
            yield run, verify_run(run)
        except OSError as error:
            raise TandemError(f"{error.filename or run}: {error.strerror}") from None
