"""Methods: a paragraph ready for a paper, and the commands that recompute everything."""

from __future__ import annotations

from collections.abc import Sequence

from tandem.report.page.markup import Content
from tandem.results.reading import ExperimentReading, RunReading


class Methods:
    title = "Methods"

    def __init__(self, runs: Sequence[RunReading]) -> None:
        self.runs = runs

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        """Keep what this section needs of one experiment."""

    def contents(self) -> list[Content]:
        return []
