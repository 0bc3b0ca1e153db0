"""Metrics of a log: of each pattern the newest match decides, and nothing stands in for it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from tandem.log.expressions import relaxed
from tandem.log.lines import Block
from tandem.log.numbers import Reading, read

MARGIN_CHARACTERS = 1024
"""A match so near to the cut of a line is not believed: more may belong to it."""

NOT_FOUND = "not found in the log"
HIDDEN = "the newest line that may have it is too long to be looked at as a whole"


@dataclass(frozen=True)
class Found:
    """A match and what it says."""

    match: re.Match[str]
    reading: Reading


class Metric:
    """The newest that a log says of one metric: `value`, or None and the `reason`.

    `at` is where the line that decides begins in the log, -1 if there is none.
    """

    def __init__(self, pattern: str, decimal_comma: bool = False) -> None:
        self.value: float | None = None
        self.reason: str | None = NOT_FOUND
        self.at = -1
        self._pattern = relaxed(pattern)
        self._words = set(self._pattern.words)
        self._longest = max(self._words, key=len, default="")
        self._decimal_comma = decimal_comma
        self._long_line = _LongLine()

    def look(self, block: Block) -> None:
        """Look at the next block of a log."""
        if block.is_part:
            self._look_at_part(block)
        elif all(word in block.low for word in self._words):
            last = block.last_line(self._longest, self._pattern.matches)
            if last and (newest := self._newest(last[1])):
                self._take(block.base + last[0], newest.reading)

    def _take(self, at: int, reading: Reading) -> None:
        self.at, self.value, self.reason = at, reading.value, reading.reason

    def _look_at_part(self, block: Block) -> None:
        """Look at a part of a long line; what is near a cut is seen again in the next part.

        If a match may be too long for that, nobody knows what the line says.
        """
        line = self._long_line = _LongLine() if block.starts else self._long_line
        line.words |= {word for word in self._words if word in block.low}
        if line.words != self._words:
            return
        newest = self._newest(block.text, 0 if block.starts else MARGIN_CHARACTERS)
        if newest:
            at, end = block.base + newest.match.start(), newest.match.end()
            if not block.ends and end > len(block.text) - MARGIN_CHARACTERS:
                line.open_at = at
            elif line.open_at is None or at >= line.open_at:
                line.open_at, line.is_found = None, True
                self._take(at, newest.reading)
        if block.ends and (line.open_at is not None or not line.is_found):
            self._take(block.base, Reading(None, HIDDEN, 0, 0))

    def _newest(self, line: str, least: int = 0) -> Found | None:
        """Return what decides in a line: a number, or what stands in the place of one."""
        if not self._pattern.matches(line):
            return None
        strict = self._found(_last(self._pattern.strict, line, least))
        either = self._found(_last(self._pattern.either, line, least))
        if not strict or not either:
            newest = strict or either
        elif strict.match.start() == either.match.start():
            is_word = either.reading.value is None and not either.reading.is_dash
            newest = either if is_word else strict
        else:
            newest = strict if strict.reading.begin >= either.reading.begin else either
        return self._nearer(newest) if newest and newest.reading.value is not None else newest

    def _found(self, match: re.Match[str] | None) -> Found | None:
        return Found(match, read(match, self._decimal_comma)) if match else None

    def _nearer(self, found: Found) -> Found:
        """Return the same, or `nan` and the like that its match has passed over."""
        for pattern in self._pattern.voids:
            passed = self._found(pattern.match(found.match.string, found.match.start()))
            is_void = passed and passed.reading.value is None
            if passed and is_void and passed.reading.end <= found.reading.begin:
                return passed
        return found


@dataclass
class _LongLine:
    """What is known so far of a line that is seen in parts; `open_at`: of a match near a cut."""

    words: set[str] = field(default_factory=set)
    is_found: bool = False
    open_at: int | None = None


def _last(pattern: re.Pattern[str] | None, line: str, least: int) -> re.Match[str] | None:
    last = None
    for match in pattern.finditer(line) if pattern else ():
        if match.start() >= least:
            last = match
    return last
