"""Blocks that several sections have: lists, terms, what opens, tables that scroll."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from xml.etree.ElementTree import Element

from tandem.report.page.markup import Content, deeper, element


def bullets(texts: Iterable[str]) -> Element:
    return element("ul", *(element("li", text) for text in texts))


def terms(texts: Mapping[str, Sequence[str]], kind: str = "facts") -> Element:
    """Return a list of terms, each with one or more texts."""
    rows = (
        element("div", element("dt", term), *(element("dd", text) for text in each))
        for term, each in texts.items()
    )
    return element("dl", *rows, class_=kind)


def opened(summary: str, *contents: Content) -> Element:
    """Return what a reader opens."""
    return element("details", element("summary", summary), *contents)


def scrolling(table: Content, name: str) -> Element:
    """Return a table that scrolls by itself where the page is narrower, also by keyboard."""
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=name)


def of_run(label: str, contents: Sequence[Content]) -> Element:
    """Return what a section says of one run of several, below its label."""
    title = element("h3", label, class_="of-run")
    return element("div", title, *deeper(contents), class_="run")
