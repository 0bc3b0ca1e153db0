"""Head: the question, when, where, how long, how much energy, and whether all of it is valid."""

from __future__ import annotations

from collections.abc import Sequence

from tandem.base.text import counted
from tandem.report.page.markup import Content, element
from tandem.report.page.runs import Standings
from tandem.results.reading import ExperimentReading, RunReading


class Head:
    title = "Head"

    def __init__(self, runs: Sequence[RunReading]) -> None:
        self.runs = runs
        self.standings = {run.path: Standings(run) for run in runs}

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        self.standings[run.path].note(experiment)

    def contents(self) -> list[Content]:
        found: list[Content] = []
        for run in self.runs:
            counts = self.standings[run.path].counts
            words = ", ".join(f"{count} {kind}" for kind, count in counts.items())
            text = f"{counted(sum(counts.values()), 'experiment')}: {words}"
            found += [element("h1", run.path.name), element("p", text)]
        return found
