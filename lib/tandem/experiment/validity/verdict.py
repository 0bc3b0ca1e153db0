"""Whether a record counts as what the experiment was meant to be, and what to be warned of."""

from __future__ import annotations

from tandem.experiment.validity import (
    alone,
    background,
    faults,
    hardware,
    joules,
    processes,
    quiet,
    work,
)
from tandem.results.record import Record

KINDS = (work, background, processes, hardware, alone, quiet, joules, faults)


def invalid_reasons(record: Record, monitor_problem: str | None) -> list[str]:
    """Return why a record does not count by the limits in its `validity`, [] if it does."""
    lost = [monitor_problem] if monitor_problem and record["census"]["before"]["gpus"] else []
    return [*(reason for kind in KINDS for reason in kind.reasons(record)), *lost]


def warnings_of(record: Record) -> list[str]:
    """Return what may have disturbed the experiment, [] if nothing is known to have."""
    return [warning for kind in KINDS for warning in kind.warnings(record)]
