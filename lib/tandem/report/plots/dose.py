"""A curve over the dose: estimates joined by a line, intervals, every value a dot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from xml.etree.ElementTree import Element

from tandem.report.compare.wording import number
from tandem.report.page.markup import element
from tandem.report.plots.axis import levels
from tandem.report.plots.scale import Scale, around

HEIGHT = 220
_TOP, _BOTTOM = 14.0, 190.0  # pixels, of the plot itself
_LEFT, _RIGHT = 14.0, 94.0  # percent: left of it stand the values of the lines
_BESIDE = "translate(8 0)"  # dots stand beside their interval


@dataclass(frozen=True)
class Dose:
    """What was measured at one dose; `says` is its interval or its values."""

    dose: float
    values: Sequence[float]
    estimate: float
    low: float | None
    high: float | None
    says: str


def dose_curve(title: str, doses: Sequence[Dose], no_effect: float | None, unit: str) -> Element:
    """Return the curve of some doses, of which there is at least one."""
    across = Scale(*around([each.dose for each in doses]), _LEFT, _RIGHT)
    found = [value for each in doses for value in each.values]
    found += [end for each in doses for end in (each.low, each.high) if end is not None]
    ends = around(found, *(() if no_effect is None else (no_effect,)))
    down = Scale(*ends, _BOTTOM, _TOP)
    parts = levels(down)
    if no_effect is not None:
        y = down(no_effect)
        parts.append(element("line", x1="0", x2="100%", y1=y, y2=y, class_="no-effect"))
    ordered = sorted(doses, key=lambda each: each.dose)
    for one, other in pairwise(ordered):
        parts.append(_line(across, down, one, other))
    for each in ordered:
        parts += _point(across, down, each)
    parts.append(element("text", unit, x="100%", y=HEIGHT, class_="tick end"))
    says = "; ".join(f"{unit} {each.dose:g}: {number(each.estimate)}" for each in ordered)
    return element("svg", *parts, class_="curve", role="img", aria_label=f"{title}. {says}")


def _line(across: Scale, down: Scale, one: Dose, other: Dose) -> Element:
    return element(
        "line",
        x1=_percent(across(one.dose)),
        x2=_percent(across(other.dose)),
        y1=down(one.estimate),
        y2=down(other.estimate),
        class_="through",
    )


def _point(across: Scale, down: Scale, each: Dose) -> list[Element]:
    x = _percent(across(each.dose))
    parts = [element("text", f"{each.dose:g}", x=x, y=_BOTTOM + 18, class_="tick")]
    if each.low is not None and each.high is not None:
        ends = {"y1": down(each.low), "y2": down(each.high)}
        parts.append(element("line", x1=x, x2=x, class_="interval", **ends))
    for value in each.values:
        where: dict[str, str | float] = {"cx": x, "cy": down(value), "r": 3.0}
        parts.append(element("circle", class_="dot", transform=_BESIDE, **where))
    mark = element("path", d="M-5 0L0 -5L5 0L0 5Z", class_="estimate")
    parts.append(element("svg", mark, x=x, y=down(each.estimate), class_="mark"))
    return parts


def _percent(value: float) -> str:
    return f"{value:.2f}%"
