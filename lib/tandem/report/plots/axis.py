"""What drawings have in common: places across the width, ticks, a scale that holds all values.

A drawing has no width of its own, so that its text keeps its size on every screen: places across
are percents, or thousandths in a strip of strokes that is stretched. Down it goes by pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from tandem.report.compare.wording import number
from tandem.report.page.markup import element
from tandem.report.plots.scale import Scale, around

WIDE = 1000.0  # thousandths of the width
_ROOM = 30.0  # of them left free on both sides
_MANY_TIMES = 8  # more than so many times from low to high: ticks go by 1, 2, 5, 10
_PER_DECADE = (1.0, 2.0, 5.0)


@dataclass(frozen=True)
class Axis:
    """A scale across the width, and the values that it names."""

    scale: Scale
    ticks: Sequence[float]

    def at(self, value: float) -> float:
        """Return where a value lies, in thousandths of the width."""
        return self.scale(value)

    def percent(self, value: float) -> str:
        return f"{self.scale(value) / WIDE * 100:.2f}%"


def axis_of(values: Sequence[float], *also: float, is_ratio: bool = False) -> Axis:
    """Return an axis that holds all values; one of ratios above zero goes by logarithms."""
    is_log = is_ratio and min([*values, *also]) > 0
    if is_log:
        bounds = around([math.log(value) for value in values], *map(math.log, also))
        low, high = map(math.exp, bounds)
    else:
        low, high = around(list(values), *also)
    scale = Scale(low, high, _ROOM, WIDE - _ROOM, is_log)
    return Axis(scale, ticks_of(scale))


def from_zero(values: Sequence[float]) -> Axis:
    """Return an axis of amounts that begins at zero, or below it where one of them does."""
    low, high = min([0.0, *values]), max([0.0, *values])
    scale = Scale(low, high * 1.02 or 1.0, 0.0, WIDE)
    return Axis(scale, ticks_of(scale))


def ticks_of(scale: Scale, most: int = 5) -> list[float]:
    """Return round values to name; of a wide logarithmic scale 1, 2, 5, 10 or powers of ten."""
    if not scale.is_log or scale.high <= _MANY_TIMES * scale.low:
        return scale.ticks(most)
    decades = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    for steps in (_PER_DECADE, _PER_DECADE[:1]):
        found = [step * 10.0**power for power in decades for step in steps]
        inside = [value for value in found if scale.low <= value <= scale.high]
        if len(inside) <= most + 2:
            break
    return inside[:: math.ceil(len(inside) / (most + 2))]


def tick_texts(values: Sequence[float]) -> list[str]:
    """Return values as texts, with more digits where two would look the same."""
    texts = [number(value) if value else "0" for value in values]
    for digits in range(5, 18):
        if len(set(texts)) == len(set(values)):
            break
        texts = [f"{value:.{digits}g}" for value in values]
    return texts


def ruler(axis: Axis, says: str) -> Element:
    """Return the axis as a strip of its own: a line, ticks and their values."""
    parts = []
    for value, text in zip(axis.ticks, tick_texts(axis.ticks), strict=True):
        at = axis.percent(value)
        parts.append(element("line", x1=at, x2=at, y1=16, y2=20, class_="tick"))
        parts.append(element("text", text, x=at, y=12, class_="tick"))
    line = element("line", x1="0", x2="100%", y1=20, y2=20, class_="tick")
    return element("svg", line, *parts, class_="ruler", role="img", aria_label=says)


def levels(down: Scale) -> list[Element]:
    """Return a line across for each round value of a scale that goes down, and the values."""
    parts = []
    ticks = ticks_of(down)
    for value, text in zip(ticks, tick_texts(ticks), strict=True):
        y = down(value)
        parts.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="tick"))
        parts.append(element("text", text, x="0", y=y - 3, class_="tick begin"))
    return parts


def strip(contents: Iterable[Element], height: int, says: str) -> Element:
    """Return strokes that are stretched to the width: their thickness stays as it is."""
    return element(
        "svg",
        *contents,
        viewBox=f"0 0 {WIDE:g} {height}",
        preserveAspectRatio="none",
        height=height,
        class_="strip",
        role="img",
        aria_label=says,
    )


def stroke(kind: str, path: str) -> Element:
    return element("path", d=path, class_=kind)


def place(value: float) -> str:
    """Return a thousandth of the width as short as a path needs it."""
    return f"{value:.1f}".removesuffix(".0")
