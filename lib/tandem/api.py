"""Runs for notebooks and scripts: what `tandem table` and `tandem compare` say, as Python objects.

run = tandem.open("results/latest")
run.experiments         a dict for each experiment; windows, rounds and epochs likewise
run.samples("ID")       a dict for each row of the monitor beside one experiment
run.frame("windows")    the same as a pandas DataFrame, where pandas is installed
run.compare()           what `tandem compare --format json` prints

docs/data.md has every key, with its unit. None is what was not measured or does not apply.
"""

from __future__ import annotations

import json
from functools import cached_property
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

from tandem.base.errors import UsageError
from tandem.base.text import quote, suggestion
from tandem.commands.options import run_folder
from tandem.results.tables.reader import Reader, reader_of
from tandem.results.tables.table import Row, Table, schema_of

_DTYPES = {"integer": "Int64", "boolean": "boolean", "number": "float64"}


class Run:
    """One run, or several together: the key `run` says of which a row is.

    A table is read when it is first asked for, and kept; a run that still goes on is opened again
    to see more of it.
    """

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def __repr__(self) -> str:
        return f"<tandem run {', '.join(self._reader.runs)}>"

    @property
    def paths(self) -> list[Path]:
        """The folders of the runs."""
        return [run.path for run in self._reader.runs.values()]

    @property
    def problems(self) -> list[str]:
        """What was passed over so far: folders without a run, records and samples that are
        damaged, pruned or gone."""
        return list(self._reader.problems)

    @cached_property
    def experiments(self) -> list[Row]:
        """A dict for each experiment of the plan, and each that was run."""
        return self._rows("experiments")

    @cached_property
    def windows(self) -> list[Row]:
        """A dict for each stretch of time that was measured as a whole, on each of its boards."""
        return self._rows("windows")

    @cached_property
    def rounds(self) -> list[Row]:
        """A dict for each round of a background."""
        return self._rows("rounds")

    @cached_property
    def epochs(self) -> list[Row]:
        """A dict for each epoch that was seen in the log of a last attempt."""
        return self._rows("epochs")

    def samples(self, experiment: str | None = None) -> list[Row]:
        """Return a dict for each row of the monitor beside one experiment, or beside all.

        They are not kept: beside all they are many. UsageError: there is no such experiment.
        """
        return self._rows("samples", experiment)

    def frame(self, kind: str, experiment: str | None = None) -> Any:
        """Return a table as a pandas DataFrame, each column of its type.

        `kind` is experiments, windows, rounds, epochs or samples; `experiment`: of this one alone.
        Moments (`_utc`) are timestamps with their zone. ModuleNotFoundError: pandas is not
        installed. UsageError: there is no such kind, or no such experiment.
        """
        columns = self._reader.columns(_kind(kind))
        try:
            pandas = import_module("pandas")
        except ModuleNotFoundError:
            raise ModuleNotFoundError(
                "frame() needs pandas (pip install pandas); lists of dicts need nothing"
            ) from None
        rows = self._rows(kind, experiment) if experiment else self._kept(kind)
        frame = pandas.DataFrame(rows, columns=[column.name for column in columns])
        for column in columns:
            if column.kind == "datetime":
                moments = pandas.to_datetime(frame[column.name], utc=True, format="ISO8601")
                frame[column.name] = moments
            elif column.kind in _DTYPES:
                frame[column.name] = frame[column.name].astype(_DTYPES[column.kind])
        return frame

    def schema(self, kind: str) -> dict[str, Any]:
        """Return the Frictionless Table Schema of a table: types, units, descriptions, its key."""
        return schema_of(_kind(kind), self._reader.columns(_kind(kind)))

    def compare(self, by: str | None = None, margin: float | None = None) -> dict[str, Any]:
        """Return what `tandem compare --format json` prints; docs/measuring.md has its keys.

        `by` is a factor (background, intensity, foreground, config, or a hyperparameter), `margin`
        the share up to which two things are taken as equivalent (0.02 is 2 %). UsageError: there is
        no such factor, or none of the runs has a record.
        """
        from tandem.interference.compare.comparison import comparison

        found = comparison([str(path) for path in self.paths], by, margin)
        return dict(json.loads(json.dumps(found, allow_nan=False)))

    def _kept(self, kind: str) -> list[Row]:
        rows: list[Row] = self.samples() if kind == "samples" else getattr(self, _kind(kind).name)
        return rows

    def _rows(self, kind: str, experiment: str | None = None) -> list[Row]:
        table = _kind(kind)
        return list(self._reader.rows(table, self._reader.columns(table), experiment))


def _kind(name: str) -> Table:
    from tandem.results.tables.kinds import KINDS  # opening a run needs none of them

    if name not in KINDS:
        raise UsageError(f"no table {quote(name)}{suggestion(name, list(KINDS))}")
    return KINDS[name]


def open_runs(*runs: str | PathLike[str]) -> Run:
    """See tandem.open()."""
    if not runs:
        raise UsageError('which run? (name its folder: tandem.open("results/latest"))')
    return Run(reader_of([run_folder(Path(run)) for run in runs]))
