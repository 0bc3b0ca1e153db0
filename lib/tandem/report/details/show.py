"""One experiment as a text for the terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from tandem.base.text import printable
from tandem.log.tail import CUT, Tail
from tandem.report.details import words
from tandem.report.details.chart import chart_of
from tandem.report.details.facts import Part, Row, parts_of
from tandem.report.details.files import files_of
from tandem.report.details.logs import tails_of
from tandem.report.grid import fold, labelled, wrapped
from tandem.report.plots.sparks import sparks
from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.record import UNFINISHED
from tandem.results.record_file import record_of
from tandem.results.shared.workers import other_tries

_ASCII = str.maketrans({"±": "+", "\u2013": "-", "°": " ", "…": "."})


def can_show(text: str, encoding: str | None = None) -> bool:
    """Whether the output has some characters."""
    try:
        text.encode(encoding or sys.stdout.encoding or "ascii")
    except (UnicodeError, LookupError):
        return False
    return True


def text_of_experiment(
    run: RunReading, reading: ExperimentReading, columns: int, *, has_utf8: bool
) -> str:
    """Return all that is known of an experiment, in lines of at most `columns` characters."""
    lines = [*_head(run, reading, columns, has_utf8)]
    parts = parts_of(reading)
    tries = Part("Other tries", [*_tries(run, reading)])
    for part in [*parts, tries] if tries.rows else parts:
        lines += _part(part, columns)
    lines += _timeline(reading, columns, has_utf8)
    for name, tail in tails_of(reading):
        lines += _tail(name, tail, columns)
    files = [("folder", f"{reading.folder}"), *files_of(reading.folder)]
    lines += _part(Part("Files", files), columns)
    text = "\n".join(lines)
    return text if has_utf8 else text.translate(_ASCII).encode("ascii", "replace").decode()


def _tries(run: RunReading, reading: ExperimentReading) -> Iterator[Row]:
    """Yield the tries of workers that do not stand for the experiment, and why."""
    for folder in other_tries(run.path, reading.id) if run.tries else ():
        if folder == reading.folder:
            continue
        record = record_of(folder.name, folder.parent)
        how = "without a record: it runs, or its worker was killed"
        if record:
            is_cut_off = record["status"] in UNFINISHED
            how = f"cut off: {record['error_message']}" if is_cut_off else "ended; another stands"
        yield str(folder.relative_to(run.path)), how


def _head(
    run: RunReading, reading: ExperimentReading, columns: int, has_utf8: bool
) -> Iterator[str]:
    mark = f"{words.MARKS[reading.standing]} " if has_utf8 else ""
    yield from fold(printable(reading.id), columns)
    yield from wrapped(f"{mark}{words.standing(reading)}", columns)
    for reason in words.reasons(reading, run.path):
        text = fold(printable(reason), columns - 4)
        yield from (f"{'  - ' if place == 0 else '    '}{line}" for place, line in enumerate(text))


def _part(part: Part, columns: int) -> list[str]:
    rows = [(printable(label), printable(text)) for label, text in part.rows]
    return ["", part.title, *labelled(rows, columns)]


def _timeline(reading: ExperimentReading, columns: int, has_utf8: bool) -> Iterator[str]:
    chart = chart_of(reading, max(columns - 3, 10))
    if chart is None:
        return
    yield from ("", *wrapped("Timeline, in seconds since the experiment began", columns))
    yield from (f"  {line}" for line in sparks(chart, columns - 2, has_utf8=has_utf8))
    for remark in chart.remarks:
        yield from (f"  {line}" for line in fold(printable(remark), columns - 2))


def _tail(name: str, tail: Tail, columns: int) -> Iterator[str]:
    yield ""
    yield from wrapped(f"End of {name}", columns)
    if tail.problem:
        yield from wrapped(f"  cannot be read: {tail.problem}", columns)
    elif tail.is_cut:
        yield f" {CUT}"
    for line in tail.lines:
        yield from (f"  {each}" for each in _broken(line, columns - 2))


def _broken(line: str, columns: int) -> Sequence[str]:
    """Return a line of a log in pieces, its spaces as they are where it fits."""
    return [line] if len(line) <= columns else fold(line, columns)
