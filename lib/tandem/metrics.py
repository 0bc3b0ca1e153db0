"""Quality metrics of a training, read from its log by the patterns of the registry."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

MAX_LINE_BYTES = 64 * 1024
"""As much of a line as is looked at; it bounds the memory and the work of a pattern."""

_CHUNK_BYTES = 256 * 1024
_LINE_END = re.compile(rb"[\r\n]")
_NUMBER = re.compile(r"[-+]?(?:nan|inf\w*|[.\d]*\d[.\d]*(?:e[-+]?\d+)?)", re.IGNORECASE)


def read_metrics(log: Path, patterns: Mapping[str, str]) -> dict[str, float | None]:
    """The value of every pattern in `log`: of its last match the last group that holds a number.

    The last match decides, also where it holds no number: an older value never stands in for it.
    A pattern without groups gives the last number in the text it matched. A full stop behind a
    number is the end of a sentence: `97.` is 97.0. What is no number (`1.2.3`) or not finite
    (`nan`, `1e999`) is None, and so is everything when the log is missing or cannot be read to
    its end.

    Patterns ignore case and match within one line; a carriage return ends a line as well. Of a
    line only the first `MAX_LINE_BYTES` are looked at, and a match that touches this cut is not
    taken, for its number may be longer. Undecodable bytes become U+FFFD. A pattern that backtracks
    without end is not stopped: the line bound only keeps ordinary patterns cheap.
    """
    compiled = {name: re.compile(pattern, re.IGNORECASE) for name, pattern in patterns.items()}
    last: dict[str, re.Match[str]] = {}
    try:
        with log.open("rb") as stream:
            for line, is_cut in _lines(stream):
                for name, pattern in compiled.items():
                    for match in pattern.finditer(line):
                        if not (is_cut and match.end() == len(line)):
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
    candidates = match.groups() if match.re.groups else _NUMBER.findall(match.group())[-1:]
    for text in reversed(candidates):
        value = _number(text or "")
        if value is not None:
            return value if math.isfinite(value) else None
    return None


def _number(text: str) -> float | None:
    try:
        return float(text.strip().removesuffix("."))
    except ValueError:
        return None
