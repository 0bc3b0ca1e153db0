"""A heat map of ratios: how far each lies from 1 as a colour, and its number in every cell.

Which way it lies is a sign as well: a triangle that points up or down.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from tandem.report.compare.wording import number
from tandem.report.page.blocks import scrolling
from tandem.report.page.markup import Content, element

EDGES = (1.02, 1.1, 1.25, 1.5, 2.0)  # times more, or less, than 1; as far apart on a log scale
ABOVE, BELOW, NEAR = "\u25b2", "\u25bc", "="
NONE = "\u2013"


@dataclass(frozen=True)
class Heat:
    """A cell: `is_clear` is whether its interval leaves 1 out, None without one.

    Without a value `why` says why not.
    """

    value: float | None
    is_clear: bool | None = None
    why: str = ""


def heatmap(
    corner: str,
    rows: Sequence[str],
    columns: Sequence[str],
    cells: Mapping[tuple[int, int], Heat],
) -> Element:
    """Return the map; a cell that is in none of `cells` was not part of the design."""
    notes = list(dict.fromkeys(heat.why for heat in cells.values() if heat.value is None))
    head = element("tr", element("th", corner, scope="col"), *_titles(columns, "col"))
    body = [
        element(
            "tr", title, *(_cell(cells.get((at, column)), notes) for column in range(len(columns)))
        )
        for at, title in enumerate(_titles(rows, "row"))
    ]
    table = element("table", element("thead", head), element("tbody", *body), class_="heat")
    label = f"{corner}: table that scrolls sideways"
    parts: list[Content] = [
        scrolling(table, label),
        legend(),
    ]
    if notes:
        items = (element("li", note) for note in notes)
        parts.append(element("ol", *items, class_="notes"))
    return element("div", *parts)


def _titles(texts: Sequence[str], scope: str) -> list[Element]:
    return [element("th", text, scope=scope) for text in texts]


def _cell(heat: Heat | None, notes: Sequence[str]) -> Element:
    if heat is None:
        return element("td", NONE, class_="none", title="not measured together")
    if heat.value is None:
        note = element("sup", str(notes.index(heat.why) + 1))
        return element("td", NONE, note, class_="none", title=heat.why)
    text: Content = f"{sign(heat.value)} {number(heat.value)}"
    if heat.is_clear:
        text = element("strong", text)
    elif heat.is_clear is None:
        text = element("i", text)
    return element("td", text, class_=shade(heat.value))


def sign(value: float) -> str:
    if strength(value) == 0:
        return NEAR
    return ABOVE if value > 1 else BELOW


def strength(value: float) -> int:
    """Return how far a ratio lies from 1: 0 for next to nothing, up to 5."""
    far = value if value >= 1 else 1 / value if value > 0 else float("inf")
    return sum(far > edge for edge in EDGES)


def shade(value: float) -> str:
    """Return the classes of a cell's colour."""
    steps = strength(value)
    return f"{'up' if value > 1 else 'down'} s{steps}" if steps else "s0"


def legend() -> Element:
    """Say what colours and signs mean."""
    return element(
        "ul",
        *(_step(1 / edge, f"below {number(1 / edge)}") for edge in reversed(EDGES)),
        element("li", f"{NEAR} 1, within 2 %", class_="s0"),
        *(_step(edge, f"above {number(edge)}") for edge in EDGES),
        element("li", element("strong", "bold"), ": the 95 % interval leaves 1 out"),
        element("li", element("i", "italic"), ": no interval, as fewer than six count"),
        class_="legend",
    )


def _step(edge: float, text: str) -> Element:
    beyond = edge * 1.001 if edge > 1 else edge / 1.001
    return element("li", f"{sign(beyond)} {text}", class_=shade(beyond))
