"""The design of a run in words: what `check` says of it, as it was planned."""

from __future__ import annotations

from dataclasses import replace

from tandem.base.text import counted
from tandem.plan.model import Plan
from tandem.report.check.cells import HEADINGS, cells_of, row_of, training_name
from tandem.report.check.order import order_text
from tandem.report.page.markup import Content, element

_MOST_CELLS = 24


def as_planned(plan: Plan) -> Plan:
    """Return a plan without what was added while it ran."""
    first = [each for each in plan.experiments if each.try_number == 1 and not each.is_warm_up]
    return replace(plan, experiments=tuple(first))


def design_contents(plan: Plan) -> list[Content]:
    """Return the cells of a design as a table, and in which order they ran."""
    planned = as_planned(plan)
    cells = cells_of(planned)
    titles = ("foreground", *HEADINGS)
    rows = [(training_name(cell.first.foreground), *row_of(cell)) for cell in cells[:_MOST_CELLS]]
    used = [at for at in range(len(titles)) if any(row[at] for row in rows)]
    head = element("tr", *(element("th", titles[at], scope="col") for at in used))
    body = [element("tr", *(element("td", row[at]) for at in used)) for row in rows]
    more = len(cells) - len(rows)
    note = f" Of {counted(len(cells), 'cell')} the first {len(rows)} are shown." if more else ""
    size = counted(len(planned.experiments), "experiment")
    text = f"{size}, seed {plan.seed}: {order_text(planned)}.{note}"
    return [
        element("h3", "Design"),
        element("p", text),
        scrolling(element("table", element("thead", head), element("tbody", *body)), "design"),
    ]


def scrolling(table: Content, name: str) -> Content:
    """Return a table that scrolls by itself where the page is narrower, also by keyboard."""
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=name)
