"""A run as its files show it, for whoever only looks: report, status, tables, notebooks.

Nothing is locked or written, and a run of any state is read: unfinished, killed, damaged, of an
earlier version, without a plan. Records are handed out one after the other and not kept: a run may
have ten thousand.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from tandem.base.errors import UsageError
from tandem.base.json_object import json_object
from tandem.plan.file import SETTINGS
from tandem.plan.model import WARM_UP, Experiment, Plan
from tandem.results.earlier_record import in_full
from tandem.results.journal import events_in
from tandem.results.record import UNFINISHED, Record
from tandem.results.record_file import NAME as RECORD
from tandem.results.record_file import current_interference, read_record_and_digest
from tandem.results.record_pair import Interference
from tandem.results.shared.workers import (
    folders_with,
    is_shared,
    journal_of,
    names_in,
    newest_of,
    tries_in,
)
from tandem.results.standing import not_counting, standing_plan

Standing = Literal["valid", "not valid", "cut off", "damaged", "missing"]


@dataclass(frozen=True)
class ExperimentReading:
    """One experiment: `planned` or begun, with its record if it has a whole one.

    One of an earlier version has all keys of today; what it did not say is None or empty. `digest`
    is the SHA-256 of the record's file. `problem` says why a record that is there cannot be read.
    `interference` is that of the records that are there now. `counts` is False for a warm-up, and
    where the group has run again. `digests` are those of the records that were read with it.
    """

    id: str
    folder: Path
    planned: Experiment | None
    record: Record | None
    digest: str | None
    problem: str | None
    counts: bool
    digests: dict[str, str] = field(default_factory=dict, repr=False, compare=False)

    @property
    def standing(self) -> Standing:
        if self.record is None:
            return "damaged" if self.problem else "missing"
        if self.record["status"] in UNFINISHED:
            return "cut off"
        return "valid" if self.record["valid"] else "not valid"

    @property
    def is_warm_up(self) -> bool:
        """Whether it is thrown away by plan."""
        if self.planned:
            return self.planned.is_warm_up
        return self.record is not None and self.record.get("control") == WARM_UP

    @property
    def why_not_counted(self) -> str | None:
        """Why the experiment, which has a record, does not count; None: it counts."""
        if self.counts or self.record is None:
            return None
        return "warm-up" if self.is_warm_up else "of a try that does not count"

    @property
    def why_not(self) -> list[str]:
        """Why it is not valid; [] where it is, and where there is no record of it."""
        record = self.record
        if record is None:
            return [self.problem] if self.problem else []
        if record["valid"]:
            return []
        found = record["invalid_reasons"] if self.standing == "not valid" else []
        return [*map(str, found or [record["error_message"] or record["status"]])]

    @cached_property
    def interference(self) -> Interference | None:
        if self.record is None:
            return None
        return current_interference(self.folder, self.record, self.digests)


@dataclass(frozen=True)
class RunReading:
    """A run in a folder; `path` is as somebody has named it."""

    path: Path

    @cached_property
    def plan(self) -> Plan | None:
        """The plan as it stands; None: see `plan_problem`."""
        return self._plan_or_problem[0]

    @property
    def plan_problem(self) -> str | None:
        """Why there is no plan that this version can read."""
        return self._plan_or_problem[1]

    @cached_property
    def _plan_or_problem(self) -> tuple[Plan | None, str | None]:
        try:
            return standing_plan(self.path), None
        except (UsageError, OSError) as error:
            return None, str(error)

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """The journal's events, oldest first; none where it cannot be read."""
        try:
            return list(events_in(journal_of(self.path)))
        except OSError:
            return []

    @cached_property
    def settings(self) -> Mapping[str, Any] | None:
        """The settings file as the run keeps it; None: there is none that can be read."""
        return json_object(self.path / SETTINGS)

    @cached_property
    def ids(self) -> list[str]:
        """The experiments in the order in which they run, then those that no plan tells of."""
        planned = [each.id for each in self.plan.experiments] if self.plan else []
        return [*planned, *sorted(self.recorded.difference(planned))]

    @cached_property
    def recorded(self) -> frozenset[str]:
        """The experiments that have a record, whole or not."""
        places = [f"{self.path}/{name}" for name in names_in(self.path)]
        return frozenset(map(os.path.basename, folders_with(RECORD, places)))

    @cached_property
    def out(self) -> frozenset[str]:
        """Which of them do not count."""
        return not_counting(self.path, self.plan, self.events)

    @cached_property
    def tries(self) -> Mapping[str, list[Path]]:
        """The folders in which workers have begun each experiment; none where there are none."""
        return tries_in(self.path) if is_shared(self.path) else {}

    def experiments(self) -> Iterator[ExperimentReading]:
        """Yield every experiment, each record read anew."""
        digests: dict[str, str] = {}
        return (self.experiment(name, digests) for name in self.ids)

    def experiment(self, name: str, digests: dict[str, str] | None = None) -> ExperimentReading:
        """Return one experiment by its id; `digests` are those of what was read just before."""
        digests = {} if digests is None else digests
        folder, stands = self.path / name, True
        if not os.path.lexists(folder) and (begun := self.tries.get(name)):
            folder, stands = newest_of(begun), False
        planned = self.plan.by_id.get(name) if self.plan else None
        record, digest, problem = None, None, None
        try:
            found, digest = read_record_and_digest(folder)
            digests[name] = digest
            record = in_full(found)
        except UsageError as error:
            is_named = os.path.lexists(folder / RECORD) or folder.is_symlink()  # a try stands
            problem = str(error) if is_named else None
        except ValueError as error:
            problem = f"{folder / RECORD}: {error} (restore it, or move its folder away)"
        if not stands and (record is None or record["status"] not in UNFINISHED):
            record, digest, problem = None, None, None  # it runs, or its worker was killed
            digests.pop(name, None)
        counts = name not in self.out
        return ExperimentReading(name, folder, planned, record, digest, problem, counts, digests)
