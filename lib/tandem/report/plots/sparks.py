"""The timeline of an experiment in characters: a line of blocks for each quantity."""

from __future__ import annotations

from collections.abc import Iterator

from tandem.report.details.chart import Chart, Lane
from tandem.report.details.samples import Panel
from tandem.report.details.spans import FAILED, HOLLOW, Span
from tandem.report.details.thinning import Envelope
from tandem.report.grid import fold

_BLOCKS, _ASCII = "▁▂▃▄▅▆▇█", "_.-:=+*#"
_LANE = {FAILED: ("x", "x"), HOLLOW: ("○", "o")}  # in UTF-8, else; others are a plain line
_PLAIN_LANE = ("━", "=")


def sparks(chart: Chart, columns: int, *, has_utf8: bool) -> Iterator[str]:
    """Yield the lines of a timeline that has a bucket a character, each with what it shows.

    The height is that of the largest value, so that no spike is lost.
    """
    for lane in chart.lanes:
        yield from fold(f"{lane.title}: {lane.text}", columns)
        yield _lane(lane, chart, has_utf8).rstrip()
    for panel in chart.panels:
        yield from _panel(panel, chart.axis.buckets, columns, _BLOCKS if has_utf8 else _ASCII)
    end = f"{chart.length_s:.1f} s"
    yield f"0 s{end.rjust(chart.axis.buckets - 3)}"


def _panel(panel: Panel, width: int, columns: int, blocks: str) -> Iterator[str]:
    top = max(curve.envelope.largest for curve in panel.curves) or 1.0
    for curve in panel.curves:
        envelope = curve.envelope
        yield from fold(f"{panel.title}, {curve.name}: {curve.span(panel.unit)}", columns)
        yield _spark(envelope, top, width, blocks).rstrip()


def _spark(envelope: Envelope, top: float, width: int, blocks: str) -> str:
    """Return a character a bucket. Between two values that belong together the first one holds."""
    cells = [" "] * width
    for stretch in envelope.stretches():
        for (bucket, _, high), after in zip(stretch, [*stretch[1:], stretch[-1]], strict=True):
            level = blocks[min(int(max(high, 0.0) / top * len(blocks)), len(blocks) - 1)]
            end = max(after[0], bucket + 1)
            cells[bucket:end] = level * (end - bucket)
    return "".join(cells)


def _lane(lane: Lane, chart: Chart, has_utf8: bool) -> str:
    cells = [" "] * chart.axis.buckets
    for span in sorted(lane.spans, key=lambda it: it.kind in _LANE):
        begin, end = _cells_of(span, chart)
        mark = _LANE.get(span.kind, _PLAIN_LANE)[not has_utf8]
        cells[begin:end] = mark * (end - begin)
    return "".join(cells)


def _cells_of(span: Span, chart: Chart) -> tuple[int, int]:
    axis = chart.axis
    begin = axis.bucket(span.begin_s)
    end = axis.bucket(axis.end_s if span.end_s is None else span.end_s)
    return begin, max(end, begin + 1)
