"""Points: one thing against another; what each point is of by its shape, filled or hollow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from tandem.report.page.markup import element
from tandem.report.plots.axis import levels, tick_texts, ticks_of
from tandem.report.plots.scale import Scale, around

HEIGHT = 300
SHAPES = (
    "M0 -4.5A4.5 4.5 0 1 1 0 4.5A4.5 4.5 0 1 1 0 -4.5Z",
    "M-4 -4H4V4H-4Z",
    "M0 -5L5 4H-5Z",
    "M0 -5.5L5.5 0L0 5.5L-5.5 0Z",
    "M0 5L5 -4H-5Z",
    "M-5 -2H-2V-5H2V-2H5V2H2V5H-2V2H-5Z",
)
_TOP, _BOTTOM = 14.0, 262.0
_LEFT, _RIGHT = 14.0, 96.0  # percent


@dataclass(frozen=True)
class Point:
    """`kind` numbers what it is of; beside a background it is filled."""

    x: float
    y: float
    kind: int
    is_filled: bool


def scatter(points: Sequence[Point], titles: tuple[str, str], key: str) -> Element:
    """Return the points, of which there is at least one; `titles` are of x and of y."""
    across = Scale(*around([point.x for point in points]), _LEFT, _RIGHT)
    down = Scale(*around([point.y for point in points]), _BOTTOM, _TOP)
    parts = [element("defs", *(_shape(at, key) for at in sorted({p.kind for p in points})))]
    parts += levels(down)
    ticks = ticks_of(across, 4)
    for value, text in zip(ticks, tick_texts(ticks), strict=True):
        x = f"{across(value):.2f}%"
        parts.append(element("line", x1=x, x2=x, y1=_BOTTOM, y2=_BOTTOM + 5, class_="tick"))
        parts.append(element("text", text, x=x, y=_BOTTOM + 18, class_="tick"))
    parts.append(element("text", titles[0], x="100%", y=HEIGHT - 4, class_="tick end"))
    for point in points:
        where: dict[str, str | float] = {"x": f"{across(point.x):.2f}%", "y": down(point.y)}
        kind, href = _class(point.is_filled), f"#{name_of(point.kind, key)}"
        parts.append(element("use", href=href, class_=kind, **where))
    says = f"{titles[1]} against {titles[0]}: {len(points)} points"
    return element("svg", *parts, class_="scatter", role="img", aria_label=says)


def shape_sign(kind: int, is_filled: bool) -> Element:
    """Return a small drawing of one kind of point, for a legend."""
    path = element("path", d=SHAPES[kind % len(SHAPES)], class_=_class(is_filled))
    says = "filled" if is_filled else "hollow"
    frame = element("svg", path, class_="shape", viewBox="-7 -7 14 14", role="img")
    frame.set("aria-label", f"{says} sign {kind + 1}")
    return frame


def _shape(kind: int, key: str) -> Element:
    return element("path", id=name_of(kind, key), d=SHAPES[kind % len(SHAPES)])


def name_of(kind: int, key: str) -> str:
    return f"{key}-{kind}"


def _class(is_filled: bool) -> str:
    return "point filled" if is_filled else "point"
