"""The plan of a run as it stands: plan.json and what the run's journal adds to it."""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tandem.base.errors import UsageError
from tandem.plan.file import read_plan_file
from tandem.plan.model import Plan
from tandem.plan.tries import as_it_stands, counting, lost_additions, newest_try
from tandem.results.folder import TABLE
from tandem.results.journal import added_in, ended_by, events_in
from tandem.results.record_file import ended_record, is_there
from tandem.results.shared.workers import folders_with, is_shared, journal_of, names_in, tries_in


def begun_in(run: Path) -> list[str]:
    """Return which experiments of a run have been begun, by their folders."""
    places = [f"{run}/{name}" for name in names_in(run)]
    if is_shared(run):  # what stands there are links to these
        places = [str(each) for tries in tries_in(run).values() for each in tries]
    return sorted({os.path.basename(each) for each in folders_with("fg_run.sh", places)})


def standing_plan(run: Path) -> Plan:
    """Return the plan of a run with what was added while it ran; UsageError: there is none.

    What a journal that was lost does not tell, the folders that are there do.
    """
    plan = as_it_stands(read_plan_file(run), added_in(journal_of(run)))
    return as_it_stands(plan, lost_additions(plan, begun_in(run)))


def not_counting(
    run: Path, plan: Plan | None = None, events: Iterable[Mapping[str, Any]] | None = None
) -> frozenset[str]:
    """Return which experiments of a run do not count: warm-ups, and tries with a newer whole one.

    `plan` is the run's as it stands, and `events` are its journal's, for whoever has read them.

    Where its plan cannot be read, the table says so (records were made again into another folder).
    Where that does not either, all count: the run may be of an earlier version, which had neither.
    """
    try:
        plan = plan or standing_plan(run)
        ended = set(ended_by(events_in(journal_of(run)) if events is None else events))
    except (UsageError, OSError):
        return frozenset(_not_counting_in_table(run))
    several = (it for it in plan.groups.values() if newest_try(it)[0].try_number > 1)
    names = {each.id for members in several for each in members}
    ended -= {name for name in names & ended if not is_there(name, run)}
    ended |= {name for name in names - ended if ended_record(name, run)}
    return frozenset(plan.by_id) - counting(plan.groups.values(), ended)


def _not_counting_in_table(run: Path) -> Iterator[str]:
    with suppress(OSError, ValueError, csv.Error), open(run / TABLE, newline="") as file:
        for row in csv.DictReader(file):
            if row.get("counts") == "False":
                yield str(row.get("experiment_id"))
