"""The power of idle boards over a run: a mark for each idle window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from tandem.base.text import some_of
from tandem.report.compare.wording import number
from tandem.report.page.markup import append, element
from tandem.report.plots.axis import tick_texts
from tandem.report.plots.scale import Scale, around

_WIDTH, _HEIGHT = 360.0, 170.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 40.0, 356.0, 24.0, 134.0
_SIZE = 2.6
_MOST_NAMED = 8
_SHAPES = ("circle", "square", "diamond", "triangle")


@dataclass(frozen=True)
class IdleWindow:
    """Mean power of a board in an idle window, so many hours after the run began."""

    hours: float
    board: str
    power_w: float
    experiment: str


def drift_plot(windows: Sequence[IdleWindow]) -> Element:
    """Return a drawing of at least one idle window; each board has a shape of its own."""
    boards = list(dict.fromkeys(window.board for window in windows))
    hours = [window.hours for window in windows]
    across = Scale(*around(hours), _LEFT, _RIGHT)
    up = Scale(*around([window.power_w for window in windows]), _BOTTOM, _TOP)
    title = f"Mean power of idle windows over the run, {some_of(boards, _MOST_NAMED)}"
    made = element(
        "svg",
        element("title", title),
        viewBox=f"0 0 {_WIDTH:g} {_HEIGHT:g}",
        role="img",
        class_="drift",
    )
    append(made, *_axes(across, up))
    for window in windows:
        mark = _mark(boards.index(window.board), across(window.hours), up(window.power_w))
        words = f"{window.experiment}, {window.board}: {number(window.power_w)} W"
        append(mark, element("title", words))
        append(made, mark)
    return made


def legend(boards: Sequence[str]) -> str:
    """Return which shape is which board; nothing of one board."""
    if len(boards) < 2:
        return ""
    shapes = (_SHAPES[place % len(_SHAPES)] for place in range(len(boards)))
    return ", ".join(f"{shape}: {board}" for shape, board in zip(shapes, boards, strict=True))


def _axes(across: Scale, up: Scale) -> list[Element]:
    parts = [
        _text("W", _LEFT, _TOP - 10, "end"),
        _text("hours since the run began", _RIGHT, 166, "end"),
    ]
    ticks = up.ticks(6)
    for value, text in zip(ticks, tick_texts(ticks), strict=True):
        at = up(value)
        parts.append(element("line", x1=_LEFT, x2=_RIGHT, y1=at, y2=at, class_="grid"))
        parts.append(_text(text, _LEFT - 6, at + 4, "end"))
    parts.append(element("line", x1=_LEFT, x2=_RIGHT, y1=_BOTTOM, y2=_BOTTOM, class_="axis"))
    parts += [
        _text(f"{value:g}", across(value), _BOTTOM + 15, "middle")
        for value in across.ticks(6)
        if value >= 0
    ]
    return parts


def _text(text: str, x: float, y: float, anchor: str) -> Element:
    return element("text", text, x=x, y=y, text_anchor=anchor)


def _mark(shape: int, x: float, y: float) -> Element:
    name = _SHAPES[shape % len(_SHAPES)]
    if name == "circle":
        return element("circle", cx=x, cy=y, r=_SIZE, class_="idle")
    corners = {
        "square": ((-1, -1), (1, -1), (1, 1), (-1, 1)),
        "diamond": ((0, -1.4), (1.4, 0), (0, 1.4), (-1.4, 0)),
        "triangle": ((0, -1.3), (1.2, 1), (-1.2, 1)),
    }[name]
    points = " ".join(f"{x + _SIZE * right:.2f},{y + _SIZE * down:.2f}" for right, down in corners)
    return element("polygon", points=points, class_="idle")
