"""The tables of some runs, read from their files row by row."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.text import quote, suggestion_or_first
from tandem.plan.file import NAME as PLAN
from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.record import UNLIKE_A_RECORD
from tandem.results.tables.table import Column, Row, Table, made


@dataclass
class Reader:
    """Some runs, by the names that the column `run` has; `problems` are what was passed over."""

    runs: Mapping[str, RunReading]
    problems: dict[str, None] = field(default_factory=dict)

    def columns(self, table: Table) -> list[Column]:
        return table.columns_of(self.runs.values())

    def rows(
        self, table: Table, columns: Sequence[Column], only: str | None = None
    ) -> Iterator[Row]:
        """Yield the rows of a table, or `only` those of one experiment.

        UsageError: no run has that experiment.
        """
        if only is not None and all(only not in run.ids for run in self.runs.values()):
            known = [name for run in self.runs.values() for name in run.ids]
            raise UsageError(f"no experiment {quote(only)}{suggestion_or_first(only, known)}")
        for name, run in self.runs.items():
            if run.plan_problem and (run.path / PLAN).exists():
                self.note(run.plan_problem)
            found = run.experiments() if only is None else [run.experiment(only)]
            for experiment in found if only is None or only in run.ids else ():
                yield from self._rows_of(name, run, experiment, table, columns)

    def _rows_of(
        self,
        name: str,
        run: RunReading,
        experiment: ExperimentReading,
        table: Table,
        columns: Sequence[Column],
    ) -> Iterator[Row]:
        if experiment.problem:
            self.note(experiment.problem)
        keys = {"run": name, "experiment": experiment.id, "counts": experiment.counts}
        every = table.rows(run, experiment, self.note)
        rows = (made(columns, {**keys, **facts}) for facts in every)
        try:
            yield from rows if table.streams else list(rows)
        except UNLIKE_A_RECORD:
            self.note(f"{experiment.folder}: not a whole record (see tandem verify)")
        except OSError as error:
            self.note(f"{error.filename or experiment.folder}: cannot be read: {error.strerror}")

    def note(self, problem: str) -> None:
        """Note once what is passed over."""
        self.problems[problem] = None


def reader_of(paths: Sequence[Path]) -> Reader:
    """Return the reader of some runs, each folder once.

    A folder without a run is noted and passed over. UsageError: there is no such folder, or no run
    at all.
    """
    runs: dict[Path, RunReading] = {}
    reader = Reader({})
    for path in paths:
        if path.is_file():
            reader.note(f"{path}: no folder (name that of a run: results/run_...)")
            continue
        if not path.is_dir():
            raise UsageError(f"{path}: no such folder (name that of a run: results/run_...)")
        run = RunReading(path)
        if (path / PLAN).exists() or run.ids:  # the plan is read when it is needed
            runs.setdefault(path.resolve(), run)
        else:
            reader.note(f"{path}: no run, it has neither {PLAN} nor a record")
    if not runs:
        raise UsageError("\n".join(reader.problems))
    names = Counter(path.name for path in runs)
    reader.runs = {
        path.name if names[path.name] == 1 else str(path): run for path, run in runs.items()
    }
    return reader
