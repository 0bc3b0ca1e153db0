"""Stacked bars: parts of an amount beside each other, on one scale for all rows.

What is combined, or may be one or the other, is hatched: it is told apart without colours too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from tandem.report.compare.wording import number
from tandem.report.page.blocks import opened
from tandem.report.page.markup import Content, element
from tandem.report.plots.axis import Axis, from_zero, ruler

MOST = 40  # rows that stand open
_TOP, _TALL, _GAP = 3, 16, 3


@dataclass(frozen=True)
class Part:
    """From where to where, in the unit of the scale; `kind` is its class."""

    kind: str
    begin: float
    end: float
    is_hatched: bool = False


@dataclass(frozen=True)
class Bars:
    """One row: lanes of parts below each other, what they say, and what stands beside them."""

    label: str
    lanes: Sequence[Sequence[Part]]
    says: Sequence[str]


@dataclass(frozen=True)
class Sign:
    """What the legend says of a kind of part."""

    kind: str
    text: str
    is_hatched: bool = False


def stacked(
    rows: Sequence[Bars],
    titles: tuple[str, str, str],
    key: str,
    signs: Sequence[Sign],
    most: int = MOST,
) -> Element:
    """Return the bars as a table, with a legend; `key` is that of the figure.

    More rows than `most` stand behind them on the same scale, to be opened.
    """
    axis = from_zero([edge for row in rows for edge in _ends(row)])
    kinds = {part.kind for row in rows for lane in row.lanes for part in lane}
    legend = _legend([sign for sign in signs if sign.kind in kinds], f"{key}-hatch")
    table = _table(rows[:most], titles, axis, f"{key}-hatch")
    if len(rows) <= most:
        return element("div", legend, table)
    rest = _table(rows[most:], titles, axis, f"{key}-hatch")
    return element("div", legend, table, opened(f"The other {len(rows) - most} rows", rest))


def _table(rows: Sequence[Bars], titles: tuple[str, str, str], axis: Axis, hatch: str) -> Element:
    unit = titles[1]
    scale = f"{unit}, from {number(axis.scale.low)} to {number(axis.scale.high)}"
    head = [
        element("th", titles[0], scope="col"),
        element("th", unit, ruler(axis, scale), scope="col"),
        element("th", titles[2], scope="col"),
    ]
    body = [
        element(
            "tr",
            element("th", row.label, scope="row"),
            element("td", *_drawn(row, axis, hatch)),
            element("td", *(element("span", text) for text in row.says)),
        )
        for row in rows
    ]
    parts = element("thead", element("tr", *head)), element("tbody", *body)
    return element("table", *parts, class_="forest stacks")


def _ends(row: Bars) -> list[float]:
    return [edge for lane in row.lanes for part in lane for edge in (part.begin, part.end)]


def _drawn(row: Bars, axis: Axis, hatch: str) -> list[Content]:
    lanes = [lane for lane in row.lanes if lane]
    if not lanes:
        return []
    height = _TOP + len(lanes) * (_TALL + _GAP)
    parts = [
        piece
        for at, lane in enumerate(lanes)
        for part in lane
        for piece in _pieces(part, axis, _TOP + at * (_TALL + _GAP), hatch)
    ]
    says = f"{row.label}: {'; '.join(row.says)}"
    frame = element("svg", *parts, class_=f"lanes{len(lanes)}", role="img", aria_label=says)
    frame.set("height", str(height))
    return [frame]


def _pieces(part: Part, axis: Axis, top: int, hatch: str) -> list[Element]:
    begin, end = sorted(axis.at(edge) / 10 for edge in (part.begin, part.end))
    places: dict[str, str | float] = {
        "x": f"{begin:.2f}%",
        "width": f"{end - begin:.2f}%",
        "y": top,
        "height": _TALL,
    }
    found = [element("rect", class_=f"part {part.kind}", **places)]
    if part.is_hatched:
        found.append(element("rect", fill=f"url(#{hatch})", **places))
    return found


def _legend(signs: Sequence[Sign], hatch: str) -> Element:
    """Return what each kind of part means; its first drawing holds the hatching of the figure."""
    items = []
    for at, sign in enumerate(signs):
        contents = [_hatching(hatch)] if at == 0 else []
        places = {"x": "0", "y": "0", "width": "100%", "height": "100%"}
        contents.append(element("rect", class_=f"part {sign.kind}", **places))
        if sign.is_hatched:
            contents.append(element("rect", fill=f"url(#{hatch})", **places))
        swatch = element("svg", *contents, class_="swatch", role="img", aria_label="sign")
        items.append(element("li", swatch, sign.text))
    return element("ul", *items, class_="legend")


def _hatching(name: str) -> Element:
    """Return stripes in the colour of the paper, to be laid over a part."""
    stripe = element("path", d="M0 0L6 6M-1 5L1 7M5 -1L7 1", class_="stripe")
    pattern = element("pattern", stripe, id=name, width="6", height="6")
    pattern.set("patternUnits", "userSpaceOnUse")
    return element("defs", pattern)
