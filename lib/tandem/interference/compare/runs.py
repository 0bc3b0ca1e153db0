"""The parallel experiments of some runs that can be compared, and why the others cannot.

A record is read, reduced to what a comparison needs, and let go: a run may have ten thousand.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

from tandem.base.errors import UsageError
from tandem.base.files import read_regular
from tandem.base.json_object import json_object
from tandem.interference.compare.cells import SEED
from tandem.interference.compare.pairs import Clocks, Pair, checked, clocks_of, pair_of
from tandem.interference.compare.why import Why, why_of
from tandem.interference.figures import NAMES
from tandem.results.record import UNLIKE_A_RECORD, Record, is_warm_up
from tandem.results.record_file import INTERFERENCE, NAME, read_interference, record_from
from tandem.results.record_pair import Figure, Interference
from tandem.results.standing import not_counting

NO_FIGURES = "without figures of interference (its control has not ended, or one was changed)"
_NOT_WHOLE = "not a whole record (restore it, or move its folder away)"
_FIGURES_NOT_WHOLE = "figures that are not whole (restore it, or move its folder away)"


@dataclass
class Reading:
    """What was read of some runs; `left_out` has a reason for each experiment that is."""

    pairs: list[Pair] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def read_runs(runs: Iterable[str]) -> Reading:
    """Return what can be compared of the folders of runs, each folder once.

    A run of which nothing can be read is named and passed over. UsageError: that is so of all of
    them, or one is no run's folder.
    """
    whole = Reading()
    folders: dict[Path, str] = {}
    for run in dict.fromkeys(runs):
        if Path(run).is_file():
            whole.damaged.append(f"{run}: no folder (name that of a run: results/run_...)")
            continue
        check_folder(run)
        folders.setdefault(Path(run).resolve(), run)
    nothing, files = list(whole.damaged), len(whole.damaged)
    for folder, run in folders.items():
        reader = RunReader(run, folder)
        problem = reader.read()
        if problem:
            nothing.append(problem)
            whole.damaged.append(problem)
            continue
        found = reader.reading()
        whole.pairs += found.pairs
        whole.left_out += found.left_out
        whole.damaged += found.damaged
    if len(nothing) == len(folders) + files:
        raise UsageError("\n".join(nothing))
    return whole


def put_together(readers: Iterable[RunReader]) -> Reading:
    """Return what can be compared of runs whose records somebody has handed over."""
    readings = [reader.reading() for reader in readers]
    return Reading(
        pairs=[pair for reading in readings for pair in reading.pairs],
        left_out=[reason for reading in readings for reason in reading.left_out],
        damaged=[problem for reading in readings for problem in reading.damaged],
    )


def check_folder(run: str) -> None:
    """Refuse, with a UsageError, what somebody has named by mistake."""
    try:
        if not Path(run).is_dir():
            raise UsageError(f"{run}: no such folder (name that of a run: results/run_...)")
        if (Path(run) / NAME).exists():
            raise UsageError(f"{run}: the folder of one experiment (name the run's, one above)")
    except OSError as error:
        raise UsageError(f"{run}: cannot be read: {error.strerror} (check the folder)") from None


class RunReader:
    """Reads the records of one run, or takes what was read, and puts their pairs together."""

    def __init__(self, run: str, folder: Path, out: frozenset[str] | None = None) -> None:
        """`out` are the experiments that do not count, for whoever knows them already."""
        self.run, self.folder, self.out = run, folder, out
        self.damaged: list[str] = []
        self.digests: dict[str, str] = {}
        self.clocks: dict[str, Clocks] = {}
        self.drafts: dict[str, Pair] = {}  # by the name of the folder
        self.interference: dict[str, Interference | None] = {}
        self.machine = cache(self.machine_in)

    def read(self) -> str | None:
        """Read all records; return why there is nothing to go on with, if so."""
        try:
            files = sorted(self.folder.glob(f"*/{NAME}"))
        except OSError as error:
            return f"{self.run}: cannot be read: {error.strerror} (check the folder)"
        for file in files:
            self.add(file)
        if self.digests:
            return None
        if self.damaged:
            return f"{self.run}: none of its records can be read: {self.damaged[0]}"
        return f"{self.run}: holds no records: none has ended, or it is no run (name another)"

    def add(self, file: Path) -> None:
        """Read the record in a file, and add what it says."""
        try:
            data = read_regular(file)
            record = record_from(data, file)
        except UsageError as error:
            self.damaged.append(str(error))
        except OSError as error:
            self.damaged.append(f"{file}: cannot be read: {error.strerror} (check the file)")
        else:
            self.take(file, record, hashlib.sha256(data).hexdigest())

    def hand_over(
        self, file: Path, record: Record, digest: str, interference: Interference | None
    ) -> None:
        """Take a record of this version, and the figures that are of the records as they are."""
        self.interference[file.parent.name] = interference
        self.take(file, record, digest)

    def take(self, file: Path, record: Record, digest: str) -> None:
        """Add what a record says, which was read from a file with this digest (SHA-256)."""
        try:
            self._add(file, record)
        except UNLIKE_A_RECORD:
            self.damaged.append(f"{file}: {_NOT_WHOLE}")
        else:
            self.digests[file.parent.name] = digest

    def _add(self, file: Path, record: Record) -> None:
        """Add what one record says; one of UNLIKE_A_RECORD: it is not whole."""
        if record["mode"] == "parallel" and not is_warm_up(record):
            file_of_machine = cast(Mapping[str, Any], record).get("machine") or {}
            machine = self.machine(file_of_machine.get("file"))
            pair = pair_of(record, self.run, machine)
            if "interference" in record:  # before version 3
                older = read_interference(file.parent, record)
                pair = replace(pair, figures=older["figures"] if older else {})
            self.drafts[file.parent.name] = pair
        self.clocks[file.parent.name] = clocks_of(record)

    def machine_in(self, name: str | None) -> Mapping[str, Any] | None:
        """Return what a file says of the machine; None where it says nothing, or is damaged."""
        return json_object(self.folder / name) if name else None

    def reading(self) -> Reading:
        """Return what can be compared, when all records have been read."""
        found = Reading(damaged=self.damaged)
        out = not_counting(self.folder) if self.out is None else self.out
        drafts = [self.drafts[name] for name in sorted(self.drafts)]
        for pair in numbered([each for each in drafts if each.experiment_id not in out]):
            if pair.invalidity:
                found.left_out.append(pair.invalidity)
                continue
            try:
                whole = self.whole(pair)
            except UNLIKE_A_RECORD:
                file = self.folder / pair.experiment_id / (NAME if pair.figures else INTERFERENCE)
                found.damaged.append(f"{file}: {_FIGURES_NOT_WHOLE}")
                continue
            if whole is None:
                found.left_out.append(NO_FIGURES)
                continue
            control = self.clocks.get(pair.twin or "")
            clocks = (*pair.clocks, control) if control else pair.clocks
            found.pairs.append(replace(whole, clocks=clocks))
        return found

    def whole(self, pair: Pair) -> Pair | None:
        """Return a pair with its figures, if they are of the records that are there now.

        Before version 3 they stood in the record, and nobody can tell. One of UNLIKE_A_RECORD: they
        are not whole.
        """
        figures: Mapping[str, Figure] = pair.figures
        why: Why | None = None
        if not figures:
            name = pair.experiment_id
            is_there = name in self.interference
            found = self.interference[name] if is_there else read_interference(self.folder / name)
            if found is None or any(
                self.digests.get(name) != digest for name, digest in found["records"].items()
            ):
                return None
            figures, why = found["figures"], why_of(found["explanation"])
        return replace(pair, figures={name: checked(figures[name]) for name in NAMES}, why=why)


# -- numbers ---------------------------------------------------------------------------


def numbered(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs of a run with what varies taken out, and all of them numbered.

    What a design has numbered keeps its number.
    """
    varied = varied_in(pairs)
    same = [without(pair, varied[pair.entry] | {SEED}) for pair in pairs]
    if all(pair.config and pair.number for pair in same):
        return same
    configs = {
        each: place for place, each in enumerate(dict.fromkeys(p.configuration for p in same), 1)
    }
    loads = {each: place for place, each in enumerate(dict.fromkeys(p.cell.load for p in same), 1)}
    return [
        replace(
            pair,
            config=pair.config or configs[pair.configuration],
            number=pair.number or loads[pair.cell.load],
        )
        for pair in same
    ]


def varied_in(pairs: Iterable[Pair]) -> Mapping[str, set[str]]:
    """Return by the entry of the settings which hyperparameters vary from repeat to repeat.

    They differ within a configuration of a design; in another entry they may be a factor.
    """
    firsts: dict[int, Pair] = {}
    found: dict[str, set[str]] = defaultdict(set)
    for pair in pairs:
        if pair.config is not None:
            first = firsts.setdefault(pair.config, pair).hyperparameters
            found[pair.entry] |= {
                name for name, value in pair.hyperparameters.items() if first.get(name) != value
            }
    return found


def without(pair: Pair, names: set[str]) -> Pair:
    given, drawn = (
        {name: value for name, value in values.items() if name not in names}
        for values in (pair.given, pair.drawn)
    )
    return replace(pair, given=given, drawn=drawn)
