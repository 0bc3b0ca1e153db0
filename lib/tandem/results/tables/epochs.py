"""The table of epochs: when each was first seen in the log of the last attempt."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.record import Attempt
from tandem.results.tables.table import KEYS, WORTH, Column, Facts, Table


def rows(
    run: RunReading, experiment: ExperimentReading, note: Callable[[str], None]
) -> Iterator[Facts]:
    record = experiment.record
    if record is None or not record["epoch_times"]:
        return
    attempt = record["attempts"][-1]
    for each in record["epoch_times"]:
        facts: dict[str, Any] = {"record": record, "attempt": attempt["number"]}
        yield {**facts, **each, **_moment(attempt, each["seconds"])}


def _moment(attempt: Attempt, seconds: float) -> Facts:
    """Return when it was on both clocks; None where the attempt's start is not known."""
    start_s, started = attempt["start_boottime_s"], attempt["started"]
    seen = started and datetime.fromisoformat(started) + timedelta(seconds=seconds)
    return {
        "seen_boottime_s": None if start_s is None else round(start_s + seconds, 6),
        "seen_utc": seen and seen.isoformat(timespec="microseconds"),
    }


EPOCHS = Table(
    name="epochs",
    description="One row for each epoch that was seen in the log of the last attempt while it ran:"
    " up to 0.25 s late, and later where the training buffers its output.",
    key=("run", "experiment", "attempt", "epoch"),
    columns=(
        *KEYS,
        Column("attempt", "integer", "Number of the attempt."),
        Column("epoch", "integer", "Number of the epoch, as the training counts."),
        *WORTH,
        Column(
            "since_start_seconds",
            "number",
            "Time from the attempt's start on CLOCK_BOOTTIME, which goes on in a suspension.",
            "seconds",
        ),
        Column("seen_utc", "datetime", "When it was first seen."),
        Column("seen_boottime_s", "number", "The same on CLOCK_BOOTTIME."),
    ),
    rows=rows,
)
