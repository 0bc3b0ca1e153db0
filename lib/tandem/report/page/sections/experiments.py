"""Experiments: every experiment in a table; the worst and newest with a timeline."""

from __future__ import annotations

from collections.abc import Sequence

from tandem.report.page.markup import Content
from tandem.results.reading import ExperimentReading, RunReading


class Experiments:
    title = "Experiments"

    def __init__(self, runs: Sequence[RunReading]) -> None:
        self.runs = runs

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        """Keep what this section needs of one experiment."""

    def contents(self) -> list[Content]:
        return []
