"""The design of a run in words: what `check` says of it, as it was planned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tandem.base.text import counted
from tandem.plan.model import Plan
from tandem.report.check.cells import HEADINGS, cells_of, row_of, training_name
from tandem.report.check.order import order_text
from tandem.report.page.blocks import scrolling
from tandem.report.page.markup import Content, element

_MOST_CELLS = 24
_OF_FOREGROUND = 2  # the last column that is one of the foreground's

Row = tuple[str, ...]


def as_planned(plan: Plan) -> Plan:
    """Return a plan without what was added while it ran."""
    first = [each for each in plan.experiments if each.try_number == 1 and not each.is_warm_up]
    return replace(plan, experiments=tuple(first))


def design_contents(plan: Plan, title: str) -> list[Content]:
    """Return the cells of a design as a table, and in which order they ran.

    `title` is the tag of its title.
    """
    planned = as_planned(plan)
    cells = cells_of(planned)
    titles = ("foreground", *HEADINGS)
    rows = [(training_name(cell.first.foreground), *row_of(cell)) for cell in cells[:_MOST_CELLS]]
    used = [at for at in range(len(titles)) if any(row[at] for row in rows)]
    head = element("tr", *(element("th", titles[at], scope="col") for at in used))
    body = [
        element("tr", *(_cell(rows, place, at) for at in used if _begins(rows, place, at)))
        for place in range(len(rows))
    ]
    more = len(cells) - len(rows)
    note = f" Of {counted(len(cells), 'cell')} the first {len(rows)} are shown." if more else ""
    size = counted(len(planned.experiments), "experiment")
    text = f"{size}, seed {plan.seed}: {order_text(planned)}.{note}"
    return [
        element(title, "Design", class_="minor"),
        element("p", text),
        scrolling(element("table", element("thead", head), element("tbody", *body)), "design"),
    ]


def _begins(rows: Sequence[Row], place: int, at: int) -> bool:
    """Whether a cell of the table stands here, and not one that goes on from the row above.

    What a foreground is stands once for all its loads.
    """
    return at > _OF_FOREGROUND or place == 0 or rows[place][: at + 1] != rows[place - 1][: at + 1]


def _cell(rows: Sequence[Row], place: int, at: int) -> Content:
    end = place + 1
    while end < len(rows) and not _begins(rows, end, at):
        end += 1
    return element("td", rows[place][at], rowspan=str(end - place) if end - place > 1 else None)
