"""Which experiment somebody means who types its name."""

from __future__ import annotations

from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.text import quote, suggestion_or_first
from tandem.commands.options import run_folder
from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.record_file import NAME as RECORD


def experiment_named(text: str, run: Path) -> tuple[RunReading, ExperimentReading]:
    """Return an experiment by RUN/ID, or by its id in a run; UsageError: there is none."""
    path = Path(text)
    if len(path.parts) <= 1 and (path / RECORD).exists():  # typed inside the run's folder
        path = path.absolute()  # where workers drain the run it is a link
    if len(path.parts) > 1:
        run = path.parent
    reading = RunReading(run_folder(run))
    if path.name in reading.ids:
        return reading, reading.experiment(path.name)
    if not reading.ids:
        raise UsageError(f"{reading.path}: no experiments in it (give the folder of a run)")
    near = suggestion_or_first(path.name, reading.ids)
    raise UsageError(f"{reading.path}: no experiment {quote(path.name)} in this run{near}")
