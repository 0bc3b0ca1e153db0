"""Whether a record counts as what the experiment was meant to be, and what to be warned of."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.experiment.validity import (
    alone,
    background,
    clients,
    faults,
    hardware,
    joules,
    mps,
    processes,
    quiet,
    set_boards,
    sharing,
    work,
)
from tandem.experiment.validity.reason import Reason
from tandem.results.record import Record

KINDS = (
    *(work, background, processes, hardware, sharing, mps, clients, set_boards),
    *(alone, quiet, joules, faults),
)


def invalid_reasons(record: Record, monitor_problem: str | None) -> list[str]:
    """Return why a record does not count by the limits in its `validity`, [] if it does."""
    lost = [monitor_problem] if monitor_problem and record["census"]["before"]["gpus"] else []
    return [*(reason.text for reason in _reasons(record)), *lost]


def may_pass(record: Record) -> bool:
    """Whether a record that is not valid may become so when its experiment runs again.

    All of its reasons have to be such as may not come again: a training that failed fails again,
    whoever was on the GPU.
    """
    return not record["valid"] and all(reason.may_pass for reason in reasons_of(record))


def reasons_of(record: Record) -> list[Reason]:
    """Return why a record does not count.

    A reason that no kind knows is that of the monitor, which may have been killed.
    """
    known = {reason.text: reason for reason in _reasons(record)}
    return [
        known.get(text, Reason(text, "monitor", may_pass=True))
        for text in record["invalid_reasons"]
    ]


def _reasons(record: Record) -> Iterator[Reason]:
    for kind in KINDS:
        yield from kind.reasons(record)


def warnings_of(record: Record) -> list[str]:
    """Return what may have disturbed the experiment, [] if nothing is known to have."""
    return [warning for kind in KINDS for warning in kind.warnings(record)]
