"""A forest plot: a row for each thing, its values as dots, estimate and interval above them.

It is a table, so that its words wrap on a narrow screen and are read out in their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from tandem.report.compare.wording import number
from tandem.report.page.blocks import opened
from tandem.report.page.markup import Content, element
from tandem.report.plots.axis import Axis, axis_of, place, ruler, strip, stroke, tick_texts

HEIGHT = 30
_BAR_Y, _DOTS_Y, _TALL = 10, 23, 7
_MOST_READ_OUT = 12
MOST = 40  # rows that stand open
_LONG = 12  # rows, after which the scale stands below them again


@dataclass(frozen=True)
class ForestRow:
    """One thing; `says` is what stands beside it. Without values it says why."""

    label: str
    values: Sequence[float]
    estimate: float | None
    low: float | None
    high: float | None
    says: Sequence[str]


def forest(
    rows: Sequence[ForestRow],
    titles: tuple[str, str, str],
    no_effect: float | None = None,
    most: int = MOST,
) -> Element:
    """Return the plot; `titles` are those of its columns, the middle one names the scale.

    More rows than `most` stand behind them on the same scale, to be opened.
    """
    axis = forest_axis(rows, no_effect)
    table = table_of(rows[:most], titles, axis, no_effect)
    if len(rows) <= most:
        return table
    rest = table_of(rows[most:], titles, axis, no_effect)
    return element("div", table, opened(f"The other {len(rows) - most} rows", rest))


def table_of(
    rows: Sequence[ForestRow],
    titles: tuple[str, str, str],
    axis: Axis | None,
    no_effect: float | None,
) -> Element:
    head = [element("th", title, scope="col") for title in titles]
    if axis:
        head[1].append(ruler(axis, axis_says(axis, titles[1])))
    parts = [
        element("thead", element("tr", *head)),
        element("tbody", *(row_element(row, axis, no_effect) for row in rows)),
    ]
    if axis and len(rows) > _LONG:
        again = element("td", ruler(axis, axis_says(axis, titles[1])))
        parts.append(element("tfoot", element("tr", element("td"), again, element("td"))))
    return element("table", *parts, class_="forest")


def forest_axis(rows: Sequence[ForestRow], no_effect: float | None) -> Axis | None:
    """Return a scale for all rows; None: none of them has a value."""
    found = [value for row in rows for value in row.values]
    found += [
        each for row in rows for each in (row.low, row.estimate, row.high) if each is not None
    ]
    if not found:
        return None
    return axis_of(found, *(() if no_effect is None else (no_effect,)), is_ratio=no_effect == 1)


def axis_says(axis: Axis, title: str) -> str:
    how = ", by logarithms" if axis.scale.is_log else ""
    low, high = tick_texts([axis.scale.low, axis.scale.high])
    return f"{title}, from {low} to {high}{how}"


def row_element(row: ForestRow, axis: Axis | None, no_effect: float | None) -> Element:
    drawn: list[Content] = []
    if axis and row.values:
        marks = marks_of(row, axis, no_effect)
        drawn.append(strip(marks, HEIGHT, read_out(row)))
    says = [element("span", text) for text in row.says]
    cells = element("td", *drawn), element("td", *says)
    return element("tr", element("th", row.label, scope="row"), *cells)


def marks_of(row: ForestRow, axis: Axis, no_effect: float | None) -> list[Element]:
    marks = []
    if no_effect is not None:
        marks.append(stroke("no-effect", f"M{place(axis.at(no_effect))} 0v{HEIGHT}"))
    if row.low is not None and row.high is not None:
        ends = place(axis.at(row.low)), place(axis.at(row.high))
        marks.append(stroke("interval", f"M{ends[0]} {_BAR_Y}H{ends[1]}"))
    if row.estimate is not None:
        x = place(axis.at(row.estimate))
        marks.append(stroke("estimate", f"M{x} {_BAR_Y - _TALL}v{2 * _TALL}"))
    dots = "".join(f"M{place(axis.at(value))} {_DOTS_Y}h0" for value in row.values)
    return [*marks, stroke("dots", dots)]


def read_out(row: ForestRow) -> str:
    """Return the row in words."""
    parts = [row.label]
    if row.estimate is not None:
        parts.append(f"estimate {number(row.estimate)}")
    if row.low is not None:
        parts.append(f"95 % interval {number(row.low)} to {number(row.high)}")
    if len(row.values) <= _MOST_READ_OUT:
        parts.append(f"values {', '.join(map(number, row.values))}")
    else:
        ends = number(min(row.values)), number(max(row.values))
        parts.append(f"{len(row.values)} values from {ends[0]} to {ends[1]}")
    return ": ".join((parts[0], "; ".join(parts[1:])))
