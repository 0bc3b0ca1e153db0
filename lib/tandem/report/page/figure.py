"""A figure of the report: a drawing, what it says in words, its data, how to compute it anew."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote
from xml.etree.ElementTree import Element

from tandem.report.compare.exports import cell
from tandem.report.page.markup import Content, element

_PLAIN = ",:;=/()'*!@$"  # what the address of a link may hold as it is, beyond letters and digits


@dataclass(frozen=True)
class Figure:
    """`key` names it in the page and its file of data. `command` prints the same figures."""

    key: str
    title: str
    drawing: Element
    sentences: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    command: str

    def element(self) -> Element:
        words: list[Content] = [element("p", sentence) for sentence in self.sentences]
        return element(
            "figure",
            element("figcaption", element("h3", self.title), *words),
            self.drawing,
            element(
                "p",
                data_link(f"{self.key}.csv", self.columns, self.rows),
                " · ",
                element("code", self.command),
                class_="source",
            ),
            id=self.key,
        )


def data_link(name: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Element:
    """Return a link that holds a table; a browser saves it as a file of this name."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    address = f"data:text/csv;charset=utf-8,{quote(text.getvalue(), safe=_PLAIN)}"
    return element("a", "data as CSV", href=address, download=name)
