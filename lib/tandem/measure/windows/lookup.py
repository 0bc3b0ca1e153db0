"""Any stretch of time, found again in the folders that a monitor wrote to."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import date, datetime, time
from pathlib import Path

from tandem.base.clock import Moment
from tandem.base.errors import UsageError
from tandem.base.text import quote
from tandem.measure.rows import last_row, read_rows
from tandem.measure.windows.edges import time_of
from tandem.measure.windows.gpu import Facts
from tandem.measure.windows.window import read_monitor, window_facts

Span = tuple[float, float]


def facts_of(
    folders: Sequence[Path], from_text: str, to_text: str, *, is_run: bool
) -> dict[str, Facts]:
    """Return the facts of a window by the experiment's name; of a run's, each for its own part.

    Where nothing was measured then, there are none. UsageError: a time is none.
    """
    found = {}
    spans = {folder: span for folder in folders if (span := span_s(folder))}
    whole = whole_utc_s(spans)
    for folder, (first_s, last_s) in spans.items():
        from_s = moment_s(folder, "--from", from_text, whole) if from_text else first_s
        to_s = moment_s(folder, "--to", to_text, whole) if to_text else last_s
        if from_text and to_text and from_s >= to_s:
            raise UsageError(f"--from {from_text} is not before --to {to_text}")
        if max(from_s, first_s) >= min(to_s, last_s):
            continue
        if is_run:
            from_s, to_s = max(from_s, first_s), min(to_s, last_s)
        found[name_of(folder)] = window_facts(folder, from_s, to_s)
    return found


def monitor_folders(path: Path) -> list[Path]:
    """Return the folders that a monitor wrote to: this one, the one in it, or those of a run."""
    if not path.is_dir():
        raise UsageError(f"there is no folder {quote(str(path))}")
    for folder in (path, path / "energy"):
        if (folder / "monitor.json").exists():
            return [folder]
    folders = sorted(file.parent for file in path.glob("*/energy/monitor.json"))
    if not folders:
        raise UsageError(f"{quote(str(path))} holds no samples: there is no monitor.json in it")
    return folders


def name_of(folder: Path) -> str:
    folder = folder.resolve()
    return folder.parent.name if folder.name == "energy" else folder.name


def row_files(folder: Path) -> list[Path]:
    """Return the files that hold rows."""
    names = ["cpu.csv", *(gpu["file"] for gpu in read_monitor(folder)["gpus"])]
    return [folder / name for name in names if last_row(folder / name)]


def span_s(folder: Path) -> Span | None:
    """Return from when to when all files have rows; None where there is none.

    The rows of one moment are written one after the other, milliseconds apart.
    """
    spans = [
        (time_of(first), time_of(last))
        for file in row_files(folder)
        if (first := next(read_rows(file), None)) and (last := last_row(file))
    ]
    if not spans:
        return None
    begins_s, ends_s = zip(*spans, strict=True)
    return max(begins_s), min(ends_s)


def whole_utc_s(spans: Mapping[Path, Span]) -> Span:
    """Return from when to when any folder has rows, in seconds since 1970."""
    edges = [
        Moment(**read_monitor(folder)["clock"]).at(edge_s).utc_s
        for folder, span in spans.items()
        for edge_s in span
    ]
    return min(edges, default=0.0), max(edges, default=0.0)


def moment_s(folder: Path, option: str, text: str, whole: Span) -> float:
    """Return a moment on CLOCK_BOOTTIME, from seconds on it, a date and time, or a time alone."""
    try:
        when_s = float(text)
    except ValueError:
        return boottime_s(folder, utc_s(option, text, whole))
    if not math.isfinite(when_s):
        raise not_a_time(option, text)
    return when_s


def utc_s(option: str, text: str, whole: Span) -> float:
    """Return when a text says, which is in local time unless it names a zone."""
    for form in ("%H:%M", "%H:%M:%S"):
        with suppress(ValueError):
            return newest_s(datetime.strptime(text, form).time(), *whole)
    try:
        return datetime.fromisoformat(re.sub("Z$", "+00:00", text)).timestamp()
    except (ValueError, OverflowError, OSError):
        raise not_a_time(option, text) from None


def newest_s(clock: time, first_s: float, last_s: float) -> float:
    """Return when the clock showed a time last between two moments, else when nearest to them."""
    day, end = (datetime.fromtimestamp(edge_s).date() for edge_s in (first_s, last_s))
    days = range(day.toordinal() - 1, end.toordinal() + 2)
    moments = [datetime.combine(date.fromordinal(each), clock).timestamp() for each in days]
    inside = [when_s for when_s in moments if first_s <= when_s <= last_s]
    return max(inside or [min(moments, key=lambda when_s: max(first_s - when_s, when_s - last_s))])


def not_a_time(option: str, text: str) -> UsageError:
    return UsageError(
        f"{option} takes HH:MM, a date and time in ISO 8601, or seconds on CLOCK_BOOTTIME,"
        f" not {quote(text)}"
    )


def boottime_s(folder: Path, when_utc_s: float) -> float:
    """Return when that was, by both clocks as they were when the monitor began."""
    clock = Moment(**read_monitor(folder)["clock"])
    return round(when_utc_s - clock.utc_s + clock.boottime_s, 4)  # as rows are
