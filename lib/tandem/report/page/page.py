"""The report as a page: every experiment is read once, each section takes what it needs.

A record that lacks what a section needs (it is damaged, or of an earlier version) is named in that
section; it stops neither the section nor the page.
"""

from __future__ import annotations

import gc
import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol
from xml.etree.ElementTree import Element

from tandem.base.files import write_whole
from tandem.base.text import counted, printable
from tandem.report.page.compared import Compared
from tandem.report.page.markup import Content, append, element, html_of
from tandem.report.page.runs import NAME, home_of, reported
from tandem.report.page.sections.answer import Answer
from tandem.report.page.sections.experiments import Experiments
from tandem.report.page.sections.head import Head
from tandem.report.page.sections.joules import Joules
from tandem.report.page.sections.methods import Methods
from tandem.report.page.sections.trust import Trust
from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.record import UNLIKE_A_RECORD

_HERE = Path(__file__).parent
_NAMED = 5  # experiments that a section could not read


class Section(Protocol):
    @property
    def title(self) -> str: ...

    def note(self, run: RunReading, experiment: ExperimentReading) -> None: ...

    def contents(self) -> list[Content]: ...


@dataclass
class Guarded:
    """A section and what it could not read, which it says."""

    section: Section
    unread: list[str] = field(default_factory=list)

    def note(self, run: RunReading, experiment: ExperimentReading) -> None:
        try:
            self.section.note(run, experiment)
        except UNLIKE_A_RECORD as error:
            self.unread.append(f"{experiment.id} ({_what(error)})")

    def contents(self) -> list[Content]:
        try:
            found = self.section.contents()
        except UNLIKE_A_RECORD as error:
            text = f"This section could not be made of these files: {_what(error)}."
            found = [element("p", text, class_="problem")]
        if self.unread:
            named = ", ".join(self.unread[:_NAMED])
            more = ", ..." if len(self.unread) > _NAMED else ""
            what = counted(len(self.unread), "experiment")
            text = f"Left out of this section, because the record lacks something: {what}: "
            found.append(element("p", f"{text}{named}{more}.", class_="problem"))
        return found


def _what(error: Exception) -> str:
    """Return an error as what it is and what it names: KeyError 'windows'."""
    return printable(f"{type(error).__name__} {error}")[:120]


@contextmanager
def without_collection() -> Iterator[None]:
    """Look for no circles of objects: there are none, and of ten thousand records it costs 2 s."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@without_collection()
def page_of(paths: Sequence[Path]) -> str:
    """Return the report of some runs as HTML; the same files give the same bytes."""
    runs = reported(paths)
    head = Guarded(Head(runs))
    compared = Compared(runs)
    kinds: list[Section] = [Answer(compared), Joules(compared)]
    kinds += [kind(runs) for kind in (Experiments, Trust, Methods)]
    sections = [Guarded(section) for section in kinds]
    for run in runs:
        for experiment in run.experiments():
            for section in (head, *sections):
                section.note(run, experiment)
    made = [(each.section.title, found) for each in sections if (found := each.contents())]
    top = element("header", _links_to([title for title, _ in made]), *head.contents())
    main = element("main", top, *(_section(*each) for each in made), id="main")
    title = ", ".join(run.label for run in runs)
    return f"<!DOCTYPE html>\n{html_of(_page(f'{title} · Tandem', main))}\n"


def _page(title: str, main: Element) -> Element:
    style, script = ((_HERE / name).read_text("utf-8") for name in ("page.css", "page.js"))
    # Should a text of a log ever become markup, it could still load and run nothing.
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:;"
        f" style-src 'unsafe-inline'; script-src 'sha256-{_digest(script)}'"
    )
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", title),
        element("style", style),
    )
    skip = element("a", "to the content", href="#main", class_="skip")
    return element("html", head, element("body", skip, main, element("script", script)), lang="en")


def _digest(text: str) -> str:
    return b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _section(title: str, contents: Sequence[Content]) -> Element:
    name = _name(title)
    made = element("section", element("h2", title, id=name), aria_labelledby=name)
    append(made, *contents)
    return made


def _links_to(titles: Sequence[str]) -> Element:
    links = (element("li", element("a", title, href=f"#{_name(title)}")) for title in titles)
    return element("nav", element("ul", *links), aria_label="contents", class_="contents")


def _name(title: str) -> str:
    return title.lower().replace(" ", "-")


def write_page(paths: Sequence[Path], file: Path | None = None) -> Path:
    """Write the report of some runs into a file, and return which; OSError: it cannot be written.

    One run has it in its folder if no file is named, several have it beside the first.
    """
    file = file or home_of(paths) / NAME
    write_whole(str(file), page_of(paths).encode(errors="replace"))
    return file
