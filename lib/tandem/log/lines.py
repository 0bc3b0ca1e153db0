"""A log as lines that a terminal would show, read in blocks of constant size."""

from __future__ import annotations

import codecs
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from tandem.log.screen import CONTROLS, Screen, split_unfinished, without_invisible

CHUNK_BYTES = 256 * 1024
WHOLE_CHARACTERS = 256 * 1024
"""A line of up to so many characters is looked at as a whole, a longer one in parts."""
OVERLAP_CHARACTERS = 32 * 1024
"""So much of a part of a long line is the end of the part before it."""

# Of all characters below 0x20 tab, line feed and carriage return are usual.
_UNUSUAL = bytes({*range(0x20), 0x7F} - set(b"\t\n\r"))
_CHARACTERS_A_LINE = 200  # where a word is in most lines, it is no help to look for it
_LINE_END = re.compile("[\n\r]")
_UNUSUAL_WIDE = re.compile("[\x80-\x9f\ufeff\u200b-\u200f\u2060]")
_THIN = "\u00a0\u2007\u2009\u202f"
_THOUSANDS = re.compile(rf"(?<!\d)\d{{1,3}}(?:[{_THIN}]\d{{3}})+(?!\d)")
_NO_THIN = dict.fromkeys(map(ord, _THIN))


@dataclass(frozen=True)
class Block:
    """Whole lines with a line feed between them; or one part of a line that is too long.

    `base` is where the block begins among all characters of the log as they are shown, so that
    places can be compared. `starts` and `ends` say whether the first line is there from its begin
    and the last one up to its end.
    """

    text: str
    base: int
    starts: bool = True
    ends: bool = True

    @property
    def is_part(self) -> bool:
        """Whether it is a part of one long line."""
        return not (self.starts and self.ends)

    @cached_property
    def low(self) -> str:
        """The text in lower case, each character in its place."""
        return lower(self.text)

    def lines(self, word: str) -> Iterator[tuple[int, str]]:
        """Yield place and text of every line with a lower-case word in it."""
        at = 0
        while (at := self.low.find(word, at)) >= 0:
            line = self._line(at)
            yield line
            at = line[0] + len(line[1]) + 1
            if at > len(self.text):
                return

    def last_line(self, word: str, accepts: Callable[[str], object]) -> tuple[int, str] | None:
        """Return place and text of the last line with a lower-case word that is accepted."""
        if not word or self.low.count(word) > len(self.text) // _CHARACTERS_A_LINE:
            return self._last_of_all(accepts)
        end = len(self.text)
        while end >= 0 and (at := self.low.rfind(word, 0, end)) >= 0:
            begin, line = self._line(at)
            if accepts(line):
                return begin, line
            end = begin - 1
        return None

    def _last_of_all(self, accepts: Callable[[str], object]) -> tuple[int, str] | None:
        end = len(self.text)
        for line in reversed(self.text.split("\n")):
            if accepts(line):
                return end - len(line), line
            end -= len(line) + 1
        return None

    def _line(self, at: int) -> tuple[int, str]:
        begin = self.text.rfind("\n", 0, at) + 1
        end = self.text.find("\n", at)
        return begin, self.text[begin : end if end >= 0 else None]

    def without(self, spans: list[tuple[int, int]]) -> Block:
        """Return the block with spaces in place of some stretches."""
        text = self.text
        for begin, end in spans:
            text = text[:begin] + " " * (end - begin) + text[end:]
        return Block(text, self.base, self.starts, self.ends) if spans else self


def lower(text: str) -> str:
    """Return a text in lower case, of the same length: only one character becomes two."""
    return text.lower() if text.isascii() else text.replace("\u0130", "i").lower()


class Lines:
    """Makes blocks of the bytes of a log, in as many pieces as they come.

    Undecodable bytes become U+FFFD. What a terminal does not show is gone, and numbers are as
    programs read them: U+2212 is a hyphen-minus, thin spaces between thousands are gone. A carriage
    return ends a line as a line feed does; see Screen for what is erased or written over.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._screen = Screen()
        self._rest = ""  # of a line that has no end yet, as it came
        self._starts = True
        self._base = 0

    def feed(self, data: bytes) -> Iterator[Block]:
        """Yield blocks of what has an end, or is too long to wait for it."""
        text = self._rest + self._decoder.decode(data)
        end = max(text.rfind("\n"), text.rfind("\r")) + 1
        self._rest = text[end:]
        yield from self._blocks(text[:end])
        if len(self._rest) > WHOLE_CHARACTERS:
            yield from self._part()

    def end(self) -> Iterator[Block]:
        """Yield what is left where the log has ended."""
        rest, self._rest = self._rest + self._decoder.decode(b"", True), ""
        yield from self._blocks(f"{rest}\n" if rest or not self._starts else "")

    def _blocks(self, text: str) -> Iterator[Block]:
        if text and not self._starts:
            first = _LINE_END.split(text, maxsplit=1)[0]
            yield from self._after_parts(self._shown(f"{first}\n").rstrip("\n").split("\n"))
            text = text[len(first) + 1 :]
        shown = self._shown(text).rstrip("\n") if text else ""
        if shown:
            yield self._block(shown)

    def _after_parts(self, lines: list[str]) -> Iterator[Block]:
        """Yield lines, of which the first is the end of a long one whose parts were yielded."""
        if not self._starts:
            yield self._block(lines.pop(0), starts=False)
            self._starts = True
        if lines:
            yield self._block("\n".join(lines))

    def _part(self) -> Iterator[Block]:
        """Yield a part of a line that is too long, and keep the end of it before what follows."""
        raw, unfinished = split_unfinished(self._rest)
        raw = without_invisible(raw) if _is_unusual(raw) else raw
        cursor, text = len(raw), raw
        if CONTROLS.search(raw):
            screen = Screen()
            if ended := screen.show(raw):
                yield from self._after_parts([_plain_numbers(each) for each in ended])
            cursor, text = screen.cursor, screen.end()
        text = _plain_numbers(text)
        if len(text) > WHOLE_CHARACTERS:
            yield self._block(text, starts=self._starts, ends=False)
            self._starts = False
            cursor -= len(text) - OVERLAP_CHARACTERS
            text = text[-OVERLAP_CHARACTERS:]
            self._base -= len(text) + 1
        self._rest = text + "\b" * (len(text) - max(0, cursor)) + unfinished

    def _block(self, text: str, *, starts: bool = True, ends: bool = True) -> Block:
        block = Block(text, self._base, starts, ends)
        self._base += len(text) + 1
        return block

    def _shown(self, text: str) -> str:
        """Return lines that have an end as they are shown."""
        if _is_unusual(text):
            text = without_invisible(text)
            if CONTROLS.search(text) or self._screen.before:
                return _plain_numbers("".join(self._drawn(text)))
        self._screen.before = self._left(text)
        return _plain_numbers(text.replace("\r", "\n"))

    def _left(self, text: str) -> str:
        """Return what a last carriage return leaves on its line."""
        written = text[text.rfind("\n") + 1 :].rstrip("\r")
        if not written:
            return "" if "\n" in text else self._screen.before
        return written[written.rfind("\r") + 1 :]

    def _drawn(self, text: str) -> Iterator[str]:
        *lines, last = text.split("\n")
        for line in lines:
            if CONTROLS.search(line) or self._screen.before:
                yield from (f"{state}\n" for state in self._screen.show(line))
                yield f"{self._screen.end()}\n"
            else:
                yield line.replace("\r", "\n") + "\n"
        if last:
            yield from (f"{state}\n" for state in self._screen.show(last))


def _is_unusual(text: str) -> bool:
    if not text.isascii() and _UNUSUAL_WIDE.search(text):
        return True
    data = text.encode("utf-8", "replace")
    return len(data.translate(None, _UNUSUAL)) != len(data)


def _plain_numbers(text: str) -> str:
    if text.isascii():
        return text
    text = text.replace("\u2212", "-")
    if any(space in text for space in _THIN):
        text = _THOUSANDS.sub(lambda found: found[0].translate(_NO_THIN), text)
    return text
