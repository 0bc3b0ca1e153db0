"""The comparison of a page's runs, from records that the page reads anyway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from tandem.interference.compare.comparison import comparison
from tandem.interference.compare.runs import Reading, RunReader, put_together
from tandem.report.compare.text import all_warnings, remarks
from tandem.report.page.blocks import bullets
from tandem.report.page.markup import Content
from tandem.report.page.runs import ReportedRun
from tandem.report.page.trained import Trained, trained
from tandem.report.shell import shell_line
from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.record_file import NAME as RECORD
from tandem.results.record_file import VERSION

Facts = Mapping[str, Any]


class Compared:
    """Notes every experiment; its comparison is the one that `compare` prints of the same runs."""

    def __init__(self, runs: Sequence[ReportedRun]) -> None:
        self.runs = runs
        self.names = [run.label for run in runs]
        self.readers = {run.path: RunReader(run.label, run.path, run.out) for run in runs}
        self.trained: list[Trained] = []

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        reader, file = self.readers[run.path], experiment.folder / RECORD
        record = experiment.record
        if record and experiment.digest and record["record_version"] == VERSION:
            figures = experiment.interference if record["background"] else None
            reader.hand_over(file, record, experiment.digest, figures)
        elif record or experiment.problem:  # as it is: a reading fills in what others would miss
            reader.add(file)
        if found := trained(experiment):
            self.trained.append(found)

    @cached_property
    def reading(self) -> Reading:
        return put_together(self.readers.values())

    @cached_property
    def found(self) -> Facts:
        return comparison(self.names, reading=self.reading)

    def by(self, factor: str) -> Facts:
        return comparison(self.names, factor, reading=self.reading)

    def command(self, *more: str) -> str:
        return shell_line(["tandem", "compare", *self.names, *more])

    def command_of_table(self) -> str:
        return shell_line(["tandem", "table", *self.names, "--kind", "experiments"])

    def left_out(self) -> list[Content]:
        """Say what the comparison left out, and what may have disturbed."""
        texts = [*remarks(self.found), *all_warnings(self.found)]
        for run in self.runs:
            texts = [run.without_path(text) for text in texts]
        return [bullets(texts)] if texts else []
