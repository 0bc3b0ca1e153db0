"""Answer: what each comparison says, every pair as a dot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from tandem.interference.compare.comparison import comparison
from tandem.interference.compare.rows import TESTED
from tandem.interference.compare.runs import RunReader, put_together
from tandem.interference.figures import NAMES
from tandem.report.compare.text import LEGEND, NOTHING, all_warnings, remarks
from tandem.report.page.effects import forest_figure, heat_figure, names_of
from tandem.report.page.markup import Content, element
from tandem.report.page.trained import Trained, trained
from tandem.report.shell import shell_line
from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.record_file import NAME as RECORD

Facts = Mapping[str, Any]

HEATED = ("slowdown", "energy_ratio")


class Answer:
    title = "Answer"

    def __init__(self, runs: Sequence[RunReading]) -> None:
        self.names = names_to_type([run.path for run in runs])
        self.readers = {
            run.path: RunReader(name, run.path) for run, name in zip(runs, self.names, strict=True)
        }
        self.trained: list[Trained] = []

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        """Keep what a comparison needs of a record, and what it did."""
        reader = self.readers[run.path]
        if experiment.record and experiment.digest:
            reader.take(experiment.folder / RECORD, experiment.record, experiment.digest)
        elif experiment.problem:
            reader.damaged.append(experiment.problem)
        if found := trained(experiment):
            self.trained.append(found)

    def contents(self) -> list[Content]:
        reading = put_together(self.readers.values())
        found = comparison(self.names, reading=reading)
        groups = found["groups"]
        if not groups:
            return [element("p", f"{NOTHING}."), *self.left_out(found)]
        command = self.command()
        named = names_of(groups)
        figures = [
            forest_figure(groups, name, f"answer-{name}", command, named).element()
            for name in TESTED
        ]
        heat: list[Content] = []
        if len(groups) > 1:
            maps = (heat_figure(groups, name, f"heat-{name}", command) for name in HEATED)
            heat = [each.element() for each in maps if each]
        others = [
            forest_figure(groups, name, f"answer-{name}", command, named).element()
            for name in NAMES
            if name not in TESTED
        ]
        return [
            *figures,
            *heat,
            details("The other figures", *others),
            element("p", LEGEND, class_="source"),
            *self.left_out(found),
        ]

    def command(self, *more: str) -> str:
        return shell_line(["tandem", "compare", *self.names, *more])

    def left_out(self, found: Facts) -> list[Content]:
        """Say what the comparison left out, and what may have disturbed."""
        texts = [*remarks(found), *all_warnings(found)]
        for path, reader in self.readers.items():
            texts = [text.replace(str(path), reader.run) for text in texts]
        return [element("ul", *(element("li", text) for text in texts))] if texts else []


def names_to_type(paths: Sequence[Path]) -> list[str]:
    """Return the names of the runs' folders; their paths where two have the same name."""
    names = [path.resolve().name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


def details(summary: str, *contents: Content) -> Element:
    return element("details", element("summary", summary), *contents)
