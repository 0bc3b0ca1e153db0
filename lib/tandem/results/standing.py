"""The plan of a run as it stands: plan.json and what the run's journal adds to it."""

from __future__ import annotations

from pathlib import Path

from tandem.base.errors import UsageError
from tandem.plan.file import read_plan_file
from tandem.plan.model import Plan
from tandem.plan.tries import as_it_stands, counting
from tandem.results.journal import NAME, added_in, ended_in


def journal_of(run: Path) -> bytes:
    """Return the text of a run's journal; nothing without one. OSError: it cannot be read."""
    try:
        return (run / NAME).read_bytes()
    except FileNotFoundError:
        return b""


def standing_plan(run: Path) -> Plan:
    """Return the plan of a run with what was added while it ran; UsageError: there is none."""
    return as_it_stands(read_plan_file(run), added_in(journal_of(run)))


def not_counting(run: Path) -> frozenset[str]:
    """Return which experiments of a run do not count: warm-ups, and tries with a newer whole one.

    Of a run whose plan cannot be read, all count: it may be of an earlier version, which had
    neither.
    """
    try:
        plan = standing_plan(run)
        ended = ended_in(journal_of(run))
    except (UsageError, OSError):
        return frozenset()
    return frozenset(plan.by_id) - counting(plan.groups.values(), ended)
