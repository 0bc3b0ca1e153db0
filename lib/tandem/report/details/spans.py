"""What happened when in an experiment: windows, attempts, rounds, each with its begin and its end.

They stand in the record. Without one, the files of attempts and rounds tell as much as they can.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.background.rounds import ROUNDS, Stretch, read_rounds
from tandem.base.json_object import json_object
from tandem.report.details.words import is_number
from tandem.results.record import UNLIKE_A_RECORD

WINDOW, WHOLE, FAILED, HOLLOW, STOPPED = "window", "whole", "failed", "hollow", "stopped"


@dataclass(frozen=True)
class Span:
    """A stretch of time on CLOCK_BOOTTIME; without an end it went on as far as is known.

    `rounds` is how many of each kind one of rounds stands for: old ones are folded.
    """

    begin_s: float
    end_s: float | None
    kind: str
    name: str = ""
    rounds: tuple[tuple[str, int], ...] = ()


Spans = dict[str, list[Span]]


def spans_of(record: Mapping[str, Any] | None, folder: Path) -> Spans:
    """Return the stretches by what they are: windows, attempts, the rounds of each background."""
    if record is None:
        found = {"attempts": _attempts_by_files, **_rounds_by_files(folder)}
        made = {title: _read(maker, folder) for title, maker in found.items()}
    else:
        made = {title: _read(maker, record) for title, maker in _BY_RECORD.items()}
        made |= _rounds_by_record(record)
    return {title: spans for title, spans in made.items() if spans}


def _read(maker: Callable[[Any], Iterable[Span]], source: Any) -> list[Span]:
    """Return the spans of a source; [] where it is not what this version writes."""
    try:
        return [span for span in maker(source) if is_number(span.begin_s)]
    except UNLIKE_A_RECORD:
        return []


def _windows(record: Mapping[str, Any]) -> Iterator[Span]:
    for each in record["windows"]:
        yield Span(each["start_boottime_s"], each["end_boottime_s"], WINDOW, str(each["name"]))


def _attempts(record: Mapping[str, Any]) -> Iterator[Span]:
    for each in record["attempts"]:
        kind = WHOLE if each["exit_code"] == 0 else FAILED
        yield Span(each["start_boottime_s"], each["end_boottime_s"], kind, str(each["number"]))


def _rounds_by_record(record: Mapping[str, Any]) -> Spans:
    background = record.get("background")
    parts = background.get("parts") if isinstance(background, Mapping) else None
    made: Spans = {}
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, Mapping):
            made[f"rounds of {part.get('name')}"] = _read(_rounds, part)
    return made


def _rounds(part: Mapping[str, Any]) -> Iterator[Span]:
    for each in part["rounds"]:
        counts = {FAILED: each["failed"], HOLLOW: each["hollow"], WHOLE: each["completed"]}
        count = each["last"] - each["first"] + 1
        yield _of_rounds(each["start_boottime_s"], each["end_boottime_s"], counts, count)


def _of_rounds(begin_s: float, end_s: float | None, counts: Mapping[str, int], count: int) -> Span:
    """Return one or more rounds as one stretch, of the worst kind that is among them."""
    every = {**counts, STOPPED: count - sum(counts.values())}
    found = tuple((kind, number) for kind, number in every.items() if number > 0)
    return Span(begin_s, end_s, found[0][0] if found else STOPPED, rounds=found)


def _attempts_by_files(folder: Path) -> Iterator[Span]:
    for file in sorted(folder.glob("attempts/*/keeper.json")):
        if told := json_object(file):
            kind = WHOLE if told["exit_code"] == 0 else FAILED
            yield Span(told["started_s"], told["ended_s"], kind, file.parent.name)


def _rounds_by_files(folder: Path) -> dict[str, Callable[[Path], Iterator[Span]]]:
    files = sorted(folder.glob(f"background_logs*/{ROUNDS}"))
    return {f"rounds in {file.parent.name}": _rounds_in(file) for file in files}


def _rounds_in(file: Path) -> Callable[[Path], Iterator[Span]]:
    def found(_folder: Path) -> Iterator[Span]:
        try:
            yield from map(_span_of, read_rounds(file))
        except OSError:
            return

    return found


def _span_of(each: Stretch) -> Span:
    counts = {FAILED: each.failed, HOLLOW: each.hollow, WHOLE: each.completed}
    return _of_rounds(each.start_s, each.end_s, counts, each.last - each.first + 1)


_BY_RECORD: dict[str, Callable[[Any], Iterator[Span]]] = {
    "windows": _windows,
    "attempts": _attempts,
}
