"""One experiment opened up: its facts, timeline, the ends of its logs, links to its files."""

from __future__ import annotations

from urllib.parse import quote
from xml.etree.ElementTree import Element

from tandem.log.tail import Tail
from tandem.report.details import words
from tandem.report.details.chart import chart_of
from tandem.report.details.facts import Part, parts_of
from tandem.report.details.files import files_of
from tandem.report.details.logs import tails_of
from tandem.report.page.blocks import bullets
from tandem.report.page.markup import Content, element, html_of
from tandem.report.page.runs import ReportedRun
from tandem.report.plots.timeline import timeline
from tandem.results.reading import ExperimentReading

_BUCKETS, _LEAST_BUCKETS = 640, 40
_MOST_BYTES, _ALL_BYTES = 40_000, 450_000  # of one timeline, of all on the page
_BYTES_OF_MOST = 10_000  # what so many buckets take at least, where there is a value in each


def details_of(run: ReportedRun, name: str, key: str, count: int) -> Element:
    """Return one experiment as an element to open; `count` of them share the page's bytes."""
    reading = run.experiment(name)
    mark = f"{words.MARKS[reading.standing]} {words.standing(reading)}"
    contents: list[Content] = [element("summary", element("b", name), f" {mark}")]
    if why := words.reasons(reading, run.path):
        contents.append(bullets(why))
    contents += _timeline(reading, most_bytes=min(_MOST_BYTES, _ALL_BYTES // count))
    contents += [element("div", *map(_part, parts_of(reading)), class_="parts")]
    for log, tail in tails_of(reading):
        contents += _tail(log, tail)
    if files := _files(run, reading):
        contents.append(files)
    return element("details", *contents, id=key, class_="experiment")


def _part(part: Part) -> Element:
    rows: list[Content] = []
    for label, text in part.rows:
        rows += [element("dt", label), element("dd", text)]
    return element("section", element("h3", part.title), element("dl", *rows))


def _timeline(reading: ExperimentReading, most_bytes: int) -> list[Content]:
    """Return the timeline with as many buckets as the bytes allow, but not too few."""
    chart = chart_of(reading, _BUCKETS if most_bytes > _BYTES_OF_MOST else _BUCKETS // 2)
    if chart is None:
        return [element("p", "No file tells when anything happened.")]
    drawing = timeline(chart)
    while len(html_of(drawing)) > most_bytes and chart.axis.buckets > _LEAST_BUCKETS:
        chart = chart.halved()
        drawing = timeline(chart)
    title = element("h3", "Timeline, in seconds since the experiment began")
    return [title, drawing, *(element("p", text) for text in chart.remarks)]


def _tail(log: str, tail: Tail) -> list[Content]:
    title = element("h3", f"End of {log}")
    if tail.problem:
        return [title, element("p", f"It cannot be read: {tail.problem}.")]
    before = ["[...]"] if tail.is_cut else []
    text = "\n".join([*before, *tail.lines])
    return [title, element("pre", text, tabindex="0")]


def _files(run: ReportedRun, reading: ExperimentReading) -> Element | None:
    folder = f"{run.link}{quote(str(reading.folder.relative_to(run.path)))}/"
    links: list[Content] = []
    for kind, path in files_of(reading.folder):
        links += [" · " if links else "", element("a", kind, href=folder + path)]
    return element("p", "Files: ", *links) if links else None
