"""Which experiment somebody means who types its name."""

from __future__ import annotations

from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.paths import RESULTS
from tandem.base.text import quote, suggestion
from tandem.commands.options import run_folder
from tandem.results.latest import find_run
from tandem.results.reading import ExperimentReading, RunReading


def experiment_named(text: str, run: Path) -> tuple[RunReading, ExperimentReading]:
    """Return an experiment by RUN/ID, or by its id in a run; UsageError: there is none."""
    name = Path(text.rstrip("/") or text)
    if len(name.parts) > 1:
        run, name = name.parent, Path(name.name)
    elif name.is_dir() and not ((found := find_run(run, RESULTS)) and (found / name).exists()):
        run, name = name.resolve().parent, Path(name.name)  # typed inside the run's folder
    folder = run_folder(run)
    reading = RunReading(folder)
    if name.name not in reading.ids:
        if not reading.ids:
            raise UsageError(f"{folder}: no experiments in it (give the folder of a run)")
        near = suggestion(name.name, reading.ids)
        raise UsageError(f"{folder}: no experiment {quote(name.name)} in this run{near}")
    return reading, reading.experiment(name.name)
