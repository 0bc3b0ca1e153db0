"""The report as a page: every experiment is read once, each section takes what it needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from tandem.report.page.markup import Content, element, html_of
from tandem.report.page.sections.answer import Answer
from tandem.report.page.sections.experiments import Experiments
from tandem.report.page.sections.head import Head
from tandem.report.page.sections.joules import Joules
from tandem.report.page.sections.methods import Methods
from tandem.report.page.sections.trust import Trust
from tandem.results.reading import ExperimentReading, RunReading

NAME = "report.html"
_HERE = Path(__file__).parent


class Section(Protocol):
    @property
    def title(self) -> str: ...

    def note(self, run: RunReading, experiment: ExperimentReading) -> None: ...

    def contents(self) -> list[Content]: ...


def page_of(paths: Sequence[Path]) -> str:
    """Return the report of some runs as HTML; the same files give the same bytes."""
    runs = [RunReading(path) for path in paths]
    kinds = (Head, Answer, Joules, Experiments, Trust, Methods)
    sections: list[Section] = [kind(runs) for kind in kinds]
    for run in runs:
        for experiment in run.experiments():
            for section in sections:
                section.note(run, experiment)
    main = element("main", *(_element(section) for section in sections))
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", "Tandem"),
        element("style", (_HERE / "page.css").read_text(encoding="utf-8")),
    )
    script = element("script", (_HERE / "page.js").read_text(encoding="utf-8"))
    body = element("body", main, script)
    return "<!DOCTYPE html>\n" + html_of(element("html", head, body, lang="en")) + "\n"


def _element(section: Section) -> Content:
    name = section.title.lower().replace(" ", "-")
    title = element("h2", section.title, id=name)
    return element("section", title, *section.contents(), aria_labelledby=name)
