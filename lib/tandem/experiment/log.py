"""Quality metrics of a training, read from its log by the patterns of the registry."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from tandem.base.logs import open_log

MAX_LINE_BYTES = 64 * 1024
"""As much of a line as is looked at; it bounds the memory and the work of a pattern."""

_CHUNK_BYTES = 256 * 1024
_LINE_END = re.compile(rb"[\r\n]")
# A number may be this much longer than the part of it that a pattern matched.
_TAIL_CHARACTERS = 32
_LAST = re.compile(r"\b(?:nan|inf(?:inity)?)\b|\d", re.IGNORECASE)
_NUMBER = re.compile(
    r"(?:(?<![\d.])\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d*)?"  # in thousands: 1,234.5
    r"|(?:\d|\.\d)(?:[\d.]|_(?=\d))*)(?:e[-+]?\d+)?",
    re.IGNORECASE,
)
_HYPHEN_AFTER = re.compile(r"[\w)\]}%+-]")


def read_metrics(log: Path, patterns: Mapping[str, str]) -> dict[str, float | None]:
    """The value of every pattern in `log`: of its last match the last group that holds a number.

    Of what matched the last decides, also where it holds no number: an older match never stands
    in for it. (A line that does not match, as `loss: nan` does not match `loss: ([0-9.]+)`, leaves
    the older match.) A pattern without groups gives the last number in the text it matched.

    A group that holds a part of a number stands for the whole as the log has it: `([0-9.]+)` gives
    9.5e-05 of `9.5e-05`, and so does `.*([0-9]+)`. The dash before a number is its sign, also
    outside the group, unless it stands behind a letter, digit, closing bracket, % or sign, where
    it is a hyphen: 0.7 of `top-0.7`. A full stop behind a number ends a sentence: `97.` is 97.0.
    What cannot be read for certain (`1,234`, `1_000`, `1.2.3`) or is not finite (`nan`, `1e999`)
    is None, and so is everything when the log is missing or cannot be read to its end.

    Patterns ignore case and match within one line; a carriage return ends a line as well. Of a
    line only the first `MAX_LINE_BYTES` are looked at, and a match that ends right before this cut
    is not taken, for its number may be longer. Undecodable bytes become U+FFFD. A pattern that
    backtracks without end is not stopped: the line bound only keeps ordinary patterns cheap.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the registry's reader has told them
        compiled = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in patterns.items()}
    last: dict[str, re.Match[str]] = {}
    try:
        with open_log(log) as stream:
            for line, is_cut in _lines(stream):
                for name, pattern in compiled.items():
                    for match in pattern.finditer(line):
                        if not (is_cut and match.end() > len(line) - _TAIL_CHARACTERS):
                            last[name] = match
    except OSError:
        last.clear()
    return {name: _value(last[name]) if name in last else None for name in patterns}


def _lines(stream: BinaryIO) -> Iterator[tuple[str, bool]]:
    """Every line that is not empty, and whether it was cut at `MAX_LINE_BYTES`."""
    rest = b""
    while chunk := stream.read(_CHUNK_BYTES):
        *whole, tail = _LINE_END.split(chunk)
        if whole:
            whole[0] = rest + whole[0]
            yield from (_text(line) for line in whole if line)
            rest = b""
        # One byte more than is looked at shows that there was more.
        rest = (rest + tail)[: MAX_LINE_BYTES + 1]
    if rest:
        yield _text(rest)


def _text(line: bytes) -> tuple[str, bool]:
    return line[:MAX_LINE_BYTES].decode("utf-8", "replace"), len(line) > MAX_LINE_BYTES


def _value(match: re.Match[str]) -> float | None:
    line = match.string
    spans = [match.span(group) for group in range(1, match.re.groups + 1)]
    if not spans:
        spans = [found.span() for found in _LAST.finditer(line, *match.span())][-1:]
    for start, end in reversed(spans):
        if _number(line[start:end]) is not None:
            return _whole(line, start, end)
    return None


def _whole(line: str, start: int, end: int) -> float | None:
    """The number in the line of which `start` to `end` is at least a part; None if unclear."""
    found = next((found for found in _NUMBER.finditer(line) if found.end() > start), None)
    if found is None or found.start() >= end or not {",", "_"}.isdisjoint(found[0]):
        return None
    value = _number(found[0])
    if value is None or not math.isfinite(value):
        return None
    return -value if _is_negative(line, found.start(), start) else value


def _is_negative(line: str, first: int, group: int) -> bool:
    """Whether a minus sign stands before the digits at `first`, wherever the group begins."""
    if line[first - 1 : first] != "-":
        return False
    return group < first or not _HYPHEN_AFTER.match(line[first - 2 : first - 1])


def _number(text: str) -> float | None:
    try:
        return float(text.strip().removesuffix("."))
    except ValueError:
        return None
