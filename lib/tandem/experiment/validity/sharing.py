"""Whether the trainings shared the GPU in the way that was asked for."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.config.options import SHARING_NAMES
from tandem.experiment.validity.reason import Reason, lasting
from tandem.results.record import Record, foreground_window


def reasons(record: Record) -> Iterator[Reason]:
    """How they share, the settings say, and the machine: that comes again."""
    setup = record["gpu_setup"]
    asked = setup["requested"].get("sharing")
    if asked and asked != setup["sharing"] and foreground_window(record):
        found = SHARING_NAMES.get(setup["sharing"] or "")
        why = f", and it was {found}" if found else f": {setup['sharing_reason']}"
        yield from lasting("sharing", [f"{SHARING_NAMES.get(asked, asked)} was asked for{why}"])


def warnings(record: Record) -> Iterator[str]:
    yield from ()
