"""The timeline of an experiment as small panels of one width, below each other.

Words stand outside the drawings, so that they are read at any width; the drawings stretch to it.
A unit across is a bucket of time. Paths are of whole numbers, each step relative to the one before.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from xml.etree.ElementTree import Element

from tandem.report.details.chart import Chart, Lane
from tandem.report.details.samples import Panel
from tandem.report.details.spans import FAILED, Span
from tandem.report.details.thinning import Axis, Envelope
from tandem.report.page.markup import element

HIGH, _LANE_HIGH = 60, 12
_SHAPES = {FAILED: (0, 12)}  # of a lane: where it begins and ends from above; others (3, 9)
_USUAL_SHAPE = (3, 9)
_PATTERNS = {"foreground": "solid", "background": "dashed", "whole": "thin", "others": "dotted"}


def timeline(chart: Chart) -> Element:
    """Return the lanes and panels of an experiment, and its axis."""
    rows = [_lane(lane, chart.axis) for lane in chart.lanes]
    rows += [_panel(panel, chart.axis) for panel in chart.panels]
    return element("div", *rows, _axis(chart.length_s), class_="timeline")


def _row(title: str, text: str, high: int, width: int, paths: Iterable[Element]) -> Element:
    box = f"0 0 {width} {high}"
    kind = "lane" if high == _LANE_HIGH else "panel"
    drawing = element(
        "svg", *paths, viewBox=box, preserveAspectRatio="none", role="img", class_=kind
    )
    drawing.set("aria-label", f"{title}: {text}")
    return element("div", element("p", element("b", title), f" {text}"), drawing)


def _axis(length_s: float) -> Element:
    shares = (0.0, 0.25, 0.5, 0.75, 1.0)
    marks = (element("span", f"{length_s * share:.{_digits(length_s)}f} s") for share in shares)
    return element("p", *marks, class_="axis")


def _digits(length_s: float) -> int:
    return 0 if length_s >= 40 else 1


# -- lanes -----------------------------------------------------------------------------


def _lane(lane: Lane, axis: Axis) -> Element:
    kinds = dict.fromkeys(span.kind for span in lane.spans)
    paths = [
        element("path", d=_boxes([it for it in lane.spans if it.kind == kind], axis), class_=kind)
        for kind in kinds
    ]
    return _row(lane.title, lane.text, _LANE_HIGH, axis.buckets, paths)


def _boxes(spans: Sequence[Span], axis: Axis) -> str:
    """Return a path with a box for each stretch; those that touch in the drawing are one."""
    top, bottom = _SHAPES.get(spans[0].kind, _USUAL_SHAPE)
    return "".join(
        f"M{begin} {top}h{end - begin}v{bottom - top}h{begin - end}z"
        for begin, end in _merged(spans, axis)
    )


def _merged(spans: Sequence[Span], axis: Axis) -> Iterator[tuple[int, int]]:
    """Yield the stretches in buckets, each at least one wide."""
    edges = sorted(
        (axis.bucket(span.begin_s), axis.bucket(axis.end_s if span.end_s is None else span.end_s))
        for span in spans
    )
    begin, end = edges[0][0], max(edges[0][1], edges[0][0] + 1)
    for after, its_end in edges[1:]:
        if after > end:
            yield begin, end
            begin, end = after, after + 1
        end = max(end, its_end)
    yield begin, end


# -- panels ----------------------------------------------------------------------------


def _panel(panel: Panel, axis: Axis) -> Element:
    top = max(curve.envelope.largest for curve in panel.curves) or 1.0
    paths = [
        element("path", d=path_of(each.envelope, top), class_=each.kind) for each in panel.curves
    ]
    words = [
        f"{each.name} ({_PATTERNS[each.kind]}) {each.span(panel.unit)}" for each in panel.curves
    ]
    return _row(panel.title, ", ".join(words), HIGH, axis.buckets, paths)


def path_of(envelope: Envelope, top: float) -> str:
    """Return the line: in each bucket up and down between its least and its largest value."""

    def down(value: float) -> int:
        return round(HIGH - (HIGH - 2) * max(value, 0.0) / top) - 1

    return "".join(
        _stretch([(at, down(low), down(high)) for at, low, high in stretch])
        for stretch in envelope.stretches()
    )


def _stretch(points: Sequence[tuple[int, int, int]]) -> str:
    """Return one whole part of the line; `points` are bucket, and how far down both ends are."""
    x, low, high = points[0]
    pen = _Pen(x, low)
    pen.up_and_down(low, high)
    for x, low, high in points[1:]:
        near, far = (low, high) if abs(low - pen.y) <= abs(high - pen.y) else (high, low)
        pen.to(x, near)
        pen.up_and_down(near, far)
    pen.to(pen.x + 1, pen.y)
    return pen.text()


class _Pen:
    """Writes a path of relative steps in as few characters as it takes."""

    def __init__(self, x: int, y: int) -> None:
        self.begin, self.x, self.y = f"M{x} {y}", x, y
        self.steps: list[str] = []
        self.across = 0  # of a level step that may still go on

    def to(self, x: int, y: int) -> None:
        if y == self.y:
            self.across += x - self.x
        else:
            self._end_level()
            self.steps.append(f"l{x - self.x}{y - self.y:+d}".replace("+", " "))
        self.x, self.y = x, y

    def up_and_down(self, near: int, far: int) -> None:
        if near != far:
            self._end_level()
            self.steps.append(f"v{far - near}")
            self.y = far

    def text(self) -> str:
        self._end_level()
        return self.begin + "".join(self.steps)

    def _end_level(self) -> None:
        if self.across:
            self.steps.append(f"h{self.across}")
            self.across = 0
