"""The timeline of an experiment: what the sensors said and what happened, over one axis of time."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tandem.base.json_object import json_object
from tandem.base.text import counted
from tandem.measure.rows import last_row, read_rows
from tandem.report.details.held import HeldBack
from tandem.report.details.samples import Panel, SampleReader, Samples
from tandem.report.details.spans import FAILED, STOPPED, WHOLE, Span, Spans, spans_of
from tandem.report.details.thinning import Axis
from tandem.report.details.words import is_number
from tandem.results.reading import ExperimentReading

_LONGEST_S = 366 * 86400.0  # longer than this is a stamp that is damaged
_ROUNDS = {WHOLE: "completed", STOPPED: "stopped, or without a known end"}
HELD, UNKNOWN = "held", "unknown"


@dataclass(frozen=True)
class Lane:
    """Stretches of time in one row, and what they say in words."""

    title: str
    text: str
    spans: Sequence[Span]


@dataclass(frozen=True)
class Chart:
    """All lanes and panels of an experiment; `remarks` say what is missing."""

    axis: Axis
    lanes: Sequence[Lane]
    panels: Sequence[Panel]
    remarks: Sequence[str] = field(default_factory=list)

    @property
    def length_s(self) -> float:
        return self.axis.end_s - self.axis.begin_s

    def halved(self) -> Chart:
        """Return the same timeline with half as many buckets."""
        panels = [
            Panel(panel.title, panel.unit, [curve.halved() for curve in panel.curves])
            for panel in self.panels
        ]
        return replace(self, axis=self.axis.halved(), panels=panels)


def chart_of(reading: ExperimentReading, buckets: int) -> Chart | None:
    """Return the timeline of an experiment; None: no file tells of any moment."""
    folder = reading.folder / "energy"
    spans = spans_of(reading.record, reading.folder)
    edges = _edges(reading.folder, spans)
    if edges is None:
        return None
    axis = Axis(*edges, buckets)
    samples = SampleReader(folder, axis).read()
    lanes = [*_lanes(spans, axis), *_held(samples.held, axis), *_unknown(samples, axis)]
    return Chart(axis, lanes, samples.panels, samples.remarks)


def _edges(folder: Path, spans: Spans) -> tuple[float, float] | None:
    """Return begin and end of an experiment, by the driver's own stamps or by all others."""
    stamps = [*_stamps(spans), *_sampled(folder / "energy")]
    told = _outcome(folder)
    begin_s, end_s = told if told else (min(stamps, default=0.0), 0.0)
    end_s = max([end_s, *(each for each in stamps if each - begin_s < _LONGEST_S)])
    return (begin_s, end_s) if 0.0 < end_s - begin_s < _LONGEST_S else None


def _stamps(spans: Spans) -> Iterator[float]:
    for each in (span for them in spans.values() for span in them):
        yield from (float(stamp) for stamp in (each.begin_s, each.end_s) if stamp is not None)


def _sampled(folder: Path) -> Iterator[float]:
    for file in folder.glob("*.csv"):
        try:
            for row in (next(read_rows(file), None), last_row(file)):
                stamp = row["boottime_s"] if row else None
                if isinstance(stamp, float) and math.isfinite(stamp):
                    yield stamp
        except OSError:
            continue


def _outcome(folder: Path) -> tuple[float, float] | None:
    told: Any = json_object(folder / "outcome.json") or {}
    begin_s, end_s = told.get("started_s"), told.get("ended_s")
    return (begin_s, end_s) if is_number(begin_s) and is_number(end_s) else None


# -- lanes -----------------------------------------------------------------------------


def _lanes(spans: Spans, axis: Axis) -> Iterator[Lane]:
    for title, them in spans.items():
        named = all(span.name for span in them)
        yield Lane(title, "; ".join(_named(them, axis) if named else _counts(them)), them)


def _named(spans: Iterable[Span], axis: Axis) -> Iterator[str]:
    for span in spans:
        begin = _moment(span.begin_s, axis)
        end = "an end that is not known" if span.end_s is None else f"{_moment(span.end_s, axis)} s"
        failed = " (failed)" if span.kind == FAILED else ""
        yield f"{span.name}{failed}: {begin} to {end}"


def _moment(when_s: float, axis: Axis) -> str:
    digits = 1 if axis.end_s - axis.begin_s >= 10 else 2
    return f"{when_s - axis.begin_s:.{digits}f}"


def _counts(spans: Sequence[Span]) -> Iterator[str]:
    """Yield how many rounds are of each kind, and whether some are drawn as one."""
    counts = Counter[str]()
    for span in spans:
        counts.update(dict(span.rounds))
    yield from (f"{count} {_ROUNDS.get(kind, kind)}" for kind, count in counts.items())
    if counts.total() > len(spans):
        yield "old rounds are drawn together"


def _held(boards: Iterable[HeldBack], axis: Axis) -> Iterator[Lane]:
    for board in boards:
        if found := board.buckets:
            reasons = ", ".join(name.replace("_", " ") for name in found)
            every = sorted(set().union(*found.values()))
            spans = [Span(axis.begin_of(at), axis.begin_of(at + 1), HELD) for at in every]
            yield Lane(f"{board.title} held back", f"by {reasons}", spans)


def _unknown(samples: Samples, axis: Axis) -> Iterator[Lane]:
    kinds = {f"no rows in {name}": found for name, found in samples.unsampled.items()}
    kinds["suspended"] = samples.suspended
    for title, found in kinds.items():
        if found:
            lengths_s = [end - begin for begin, end in found]
            text = f"{counted(len(found), 'gap')}, the longest {max(lengths_s):.1f} s"
            yield Lane(title, text, [Span(begin, end, UNKNOWN) for begin, end in found])
