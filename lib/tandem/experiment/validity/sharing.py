"""Whether the trainings shared the GPU in the way that was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.experiment.validity.reason import Reason, lasting
from tandem.results.record import Record, foreground_window

WAYS = {"time_slicing": "time slicing", "mps": "MPS", "mig": "MIG"}


def reasons(record: Record) -> Iterator[Reason]:
    """How they share, the settings say, and the machine: that comes again."""
    setup = record["gpu_setup"]
    asked = setup["requested"].get("sharing")
    if asked and asked != setup["sharing"] and foreground_window(record):
        found = WAYS.get(setup["sharing"] or "")
        why = f", and it was {found}" if found else f": {setup['sharing_reason']}"
        yield from lasting("sharing", [f"{WAYS.get(asked, asked)} was asked for{why}"])


def warnings(record: Record) -> Iterator[str]:
    yield from ()
