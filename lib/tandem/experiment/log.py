"""What a training's log says: metrics by the patterns of the registry, the epoch, the device."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from tandem.base.files import open_log

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


_LOG_BYTES = 1024 * 1024
_DEVICE = re.compile(r"^[ \t]*device:[ \t]*(\S[^\r\n]{0,199})", re.IGNORECASE | re.MULTILINE)


def device_of(log: Path) -> str | None:
    """What the last line `Device: ...` of a training says, of the first MiB of its log."""
    found = _DEVICE.findall(_head(log, _LOG_BYTES).replace("\r", "\n"))
    return found[-1].strip() if found else None


def _head(path: Path, limit_bytes: int) -> str:
    try:
        with open_log(path) as stream:
            return stream.read(limit_bytes).decode("utf-8", "replace")
    except OSError:
        return ""


MAX_READ_BYTES = 64 * 1024
# Either a bar that counts epochs ("Epoch: 35%|###   | 7/20") or the number itself, which is not
# the percentage of a bar.
_EPOCH = re.compile(
    r"(?<!\w)(?<!best )epoch(?:s?:?[ ]*\d+%\|[^|\r\n]*\|[ ]*|['\"]?[ \t:=#(\[]{0,8})"
    r"(\d{1,7})(?!\d|[\d.]*%)(?:[ ]*(?:/|of)[ ]*(\d{1,7})(?!\d))?",
    re.IGNORECASE,
)


class EpochReader:
    """Follows a training's log and tells which epoch it is in.

    `epochs_expected` is the number of epochs where the log itself does not say it.
    """

    def __init__(self, log: Path, epochs_expected: int | None) -> None:
        self._log = log
        self._expected = epochs_expected
        self._forget()

    def _forget(self) -> None:
        self._file: tuple[int, int] | None = None
        self._size_bytes = 0
        self._read_bytes = 0
        self._seen: tuple[int | None, int | None] = (None, self._expected)

    def poll(self) -> tuple[int | None, int | None]:
        """The newest epoch in the log, and how many there are; None where not known.

        Reads at most the last 64 KiB of what is new, in whole lines; without news it costs one
        stat. A log that is gone, shorter or another file (a retry) starts anew.
        """
        try:
            status = self._log.stat()
            file = (status.st_dev, status.st_ino)
            if file != self._file or status.st_size < self._size_bytes:
                self._forget()
                self._file = file
            if status.st_size > self._size_bytes:
                self._size_bytes = status.st_size
                self._read(status.st_size)
        except OSError:
            self._forget()
        return self._seen

    def _read(self, size_bytes: int) -> None:
        start = max(self._read_bytes, size_bytes - MAX_READ_BYTES)
        with open_log(self._log) as stream:
            stream.seek(start)
            data = stream.read(MAX_READ_BYTES)
        # The last line may still grow ("Epoch 1" of "Epoch 12"): it is read again when it has.
        whole_bytes = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        self._read_bytes = start + whole_bytes
        for match in _EPOCH.finditer(data[:whole_bytes].decode("utf-8", "replace")):
            epochs = int(match[2]) if match[2] else self._expected
            self._seen = (int(match[1]), epochs)
