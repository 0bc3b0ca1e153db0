"""Head: the question, when, where, how long, and whether all of it is valid."""

from __future__ import annotations

from collections.abc import Sequence

from tandem.report.page.markup import Content
from tandem.results.reading import ExperimentReading, RunReading


class Head:
    title = "Head"

    def __init__(self, runs: Sequence[RunReading]) -> None:
        self.runs = runs

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        """Keep what this section needs of one experiment."""

    def contents(self) -> list[Content]:
        return []
