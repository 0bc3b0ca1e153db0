"""One experiment opened up: its facts, timeline, the ends of its logs, links to its files."""

from __future__ import annotations

from urllib.parse import quote
from xml.etree.ElementTree import Element

from tandem.log.tail import Tail
from tandem.report.details import words
from tandem.report.details.facts import Part, parts_of
from tandem.report.details.files import files_of
from tandem.report.details.logs import tails_of
from tandem.report.page.markup import Content, element
from tandem.results.reading import ExperimentReading, RunReading


def details_of(run: RunReading, name: str, key: str, count: int) -> Element:
    """Return one experiment as an element to open; `count` of them share the page's bytes."""
    reading = run.experiment(name)
    mark = f"{words.MARKS[reading.standing]} {words.standing(reading)}"
    contents: list[Content] = [element("summary", element("b", name), f" {mark}")]
    if why := words.reasons(reading, run.path):
        contents.append(element("ul", *(element("li", each) for each in why), class_="why"))
    contents += [element("div", *map(_part, parts_of(reading)), class_="facts")]
    for log, tail in tails_of(reading):
        contents += _tail(log, tail)
    if files := _files(reading):
        contents.append(files)
    return element("details", *contents, id=key, class_="experiment")


def _part(part: Part) -> Element:
    rows: list[Content] = []
    for label, text in part.rows:
        rows += [element("dt", label), element("dd", text)]
    return element("section", element("h3", part.title), element("dl", *rows))


def _tail(log: str, tail: Tail) -> list[Content]:
    title = element("h3", f"End of {log}")
    if tail.problem:
        return [title, element("p", f"It cannot be read: {tail.problem}.")]
    before = ["[...]"] if tail.is_cut else []
    text = "\n".join([*before, *tail.lines])
    return [title, element("pre", text, tabindex="0")]


def _files(reading: ExperimentReading) -> Element | None:
    folder = f"{quote(reading.id)}/"
    links: list[Content] = []
    for kind, path in files_of(reading):
        links += [" · " if links else "", element("a", kind, href=folder + path)]
    return element("p", "Files: ", *links) if links else None
