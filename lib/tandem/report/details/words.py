"""One experiment in a few words: what a table of many says of each. What is not known is None."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tandem.base.text import percent_down
from tandem.interference.compare.cells import load_of
from tandem.interference.usable import flags
from tandem.results.reading import ExperimentReading
from tandem.results.record import UNLIKE_A_RECORD, Record, foreground_window
from tandem.results.record_pair import figures_of

MARKS = {"valid": "✓", "not valid": "✗", "cut off": "◌", "damaged": "!", "missing": "·"}
Values = Mapping[str, Any]
_UUID_CHARACTERS = len("GPU-5f0e6a2c")


def record_of(reading: ExperimentReading) -> Mapping[str, Any]:
    """Return the record, of whatever version, with whatever it lacks; without one nothing."""
    return reading.record or {}


def standing(reading: ExperimentReading) -> str:
    """Return the standing, and why the experiment does not count."""
    return ", ".join(filter(None, (reading.standing, reading.why_not_counted)))


def reasons(reading: ExperimentReading, run: Path) -> list[str]:
    """Return why an experiment is not valid or missing; [] where it is valid."""
    if reading.standing == "missing":
        begun = reading.folder.is_dir()
        return ["was begun, and has no record" if begun else "has not been run"]
    return [each.replace(f"{run}/", "") for each in reading.why_not]


def foreground(reading: ExperimentReading) -> str | None:
    if reading.record:
        return f"{reading.record['repository']}/{reading.record['model']}"
    planned = reading.planned
    return f"{planned.foreground.repo}/{planned.foreground.model}" if planned else None


def values(reading: ExperimentReading) -> Values:
    """Return the hyperparameters of the foreground."""
    if reading.record:
        found = reading.record.get("hyperparameters")
        return found if isinstance(found, Mapping) else {}
    return reading.planned.foreground.hyperparameters if reading.planned else {}


def shown_values(found: Values) -> str:
    return ", ".join(f"{name}={value}" for name, value in found.items())


def background(reading: ExperimentReading) -> str | None:
    """Return what looped, with its values and its dose; None: nothing did."""
    if reading.record:
        return _loaded(reading.record) if reading.record.get("background") else None
    trainings = [each.training for each in reading.planned.backgrounds] if reading.planned else []
    names = (f"{it.repo}/{it.model} {flags(it.hyperparameters)}".strip() for it in trainings)
    return " + ".join(names) or None


def _loaded(record: Record) -> str:
    try:
        load = load_of(record)
    except UNLIKE_A_RECORD:
        return "a background that the record does not describe whole"
    words = " ".join(filter(None, (load.background, load.hyperparameters)))
    return ", ".join(filter(None, (words, load.dose)))


def main_metric(reading: ExperimentReading) -> tuple[str, float] | None:
    """Return the first metric that has a value."""
    metrics = record_of(reading).get("performance_metrics")
    found = metrics.items() if isinstance(metrics, Mapping) else ()
    return next(((str(name), float(value)) for name, value in found if is_number(value)), None)


def duration_s(reading: ExperimentReading) -> float | None:
    return _number(record_of(reading).get("duration_seconds"))


def gpu_j(reading: ExperimentReading) -> float | None:
    energy = record_of(reading).get("energy_metrics")
    return _number(energy.get("gpu_energy_total_joules")) if isinstance(energy, Mapping) else None


def coverage(reading: ExperimentReading) -> float | None:
    found = record_of(reading).get("background")
    return _number(found.get("coverage")) if isinstance(found, Mapping) else None


def slowdown(reading: ExperimentReading) -> float | None:
    try:
        return _number(figures_of(reading.interference)["slowdown"]["value"])
    except (LookupError, TypeError):
        return None


def host(reading: ExperimentReading) -> str | None:
    around = record_of(reading).get("environment")
    return str(around["hostname"]) if isinstance(around, Mapping) and "hostname" in around else None


def board(reading: ExperimentReading) -> str | None:
    """Return the beginnings of the UUIDs of the boards on which the foreground was measured."""
    try:
        window = foreground_window(reading.record) if reading.record else None
        return (
            ", ".join(gpu["uuid"][:_UUID_CHARACTERS] for gpu in window["gpus"]) if window else None
        )
    except UNLIKE_A_RECORD:
        return None


def percent_text(share: float | None) -> str | None:
    """Return a share in percent, rounded down: below a limit it never looks as if it were not."""
    return None if share is None else f"{percent_down(share):g}"


def is_number(value: object) -> bool:
    """Whether something is a number that can be shown and compared."""
    is_real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_real and math.isfinite(value)  # type: ignore[arg-type]


def _number(value: Any) -> float | None:
    return float(value) if is_number(value) else None
