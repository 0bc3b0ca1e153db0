"""Experiments: every experiment in a table; the worst and newest with a timeline."""

from __future__ import annotations

from collections.abc import Sequence

from tandem.report.page.experiment import details_of
from tandem.report.page.experiment_table import Line, line_of, table_of
from tandem.report.page.markup import Content, element
from tandem.report.page.runs import ReportedRun
from tandem.results.reading import ExperimentReading, RunReading

MOST_DETAILS = 50  # of the worst, and of the newest
_HOW_CHOSEN = (
    f"Below the table stand the details of the {MOST_DETAILS} worst and the {MOST_DETAILS} newest"
    " experiments. The worst are those that are not valid; then those with the lowest coverage;"
    " then those with the most warnings."
)
_ALL = "Below the table stand the details of every experiment that has run, the worst first."


class Experiments:
    title = "Experiments"

    def __init__(self, runs: Sequence[ReportedRun]) -> None:
        self.runs = {run.path: run for run in runs}
        self.lines: list[Line] = []

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        """Keep the words of one experiment's row."""
        self.lines.append(line_of(self.runs[run.path], experiment, has_run=len(self.runs) > 1))

    def contents(self) -> list[Content]:
        if not self.lines:
            return [element("p", "There is no experiment.")]
        chosen = chosen_of(self.lines, MOST_DETAILS)
        everyone = len(chosen) == sum(line.has_begun for line in self.lines)
        words = (_ALL if everyone else _HOW_CHOSEN) if chosen else "No experiment has run."
        keys = {id(line): f"experiment-{number}" for number, line in enumerate(chosen, start=1)}
        parts: list[Content] = [element("p", words), *table_of(self.lines, keys)]
        parts += [details_of(line.run, line.id, keys[id(line)], len(chosen)) for line in chosen]
        return parts


def chosen_of(lines: Sequence[Line], most: int) -> list[Line]:
    """Return the experiments to be shown whole: the worst, the worst first, then the newest."""
    begun = [line for line in lines if line.has_begun]
    worst = sorted(begun, key=lambda line: line.badness)[:most]
    newest = sorted(begun, key=lambda line: line.began, reverse=True)[:most]
    known = {id(line) for line in worst}
    return [*worst, *(line for line in newest if id(line) not in known)]
