"""Text in the columns of a terminal: wide characters take two, combining ones none."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

_WIDE = "WF"
_NO_WIDTH = ("Mn", "Me", "Cf", "Cc")


def width(text: str) -> int:
    """Return how many columns a text takes."""
    return len(text) if text.isascii() else sum(map(_of, text))


def _of(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def cut(text: str, columns: int) -> str:
    """Return as much of a text as has room."""
    return next(_pieces(text, columns), "")


def wrap(text: str, columns: int, indent: str | None = None) -> list[str]:
    """Return a text as lines, broken between words; only a word that is too long is broken itself.

    All lines but the first begin with `indent`: if none is given, with the text's own and two
    columns more.
    """
    own = text[: len(text) - len(text.lstrip())]
    indent = own + "  " if indent is None else indent
    if width(text) <= columns:
        return [text]
    if width(indent) >= columns // 2:  # else nothing would have room behind it
        own = indent = ""
    lines, line = list[str](), own
    for word in text.split():
        gap = "" if line in (own, indent) and not line.strip() else " "
        if width(line) + len(gap) + width(word) <= columns:
            line += gap + word
            continue
        if line.strip():
            lines.append(line)
        line = indent if lines else own
        *whole, last = _pieces(word, columns - max(width(own), width(indent)))
        for piece in whole:
            lines.append(line + piece)
            line = indent
        line += last
    return [*lines, line]


def _pieces(word: str, columns: int) -> Iterator[str]:
    """Yield a word in pieces that have room; a character that is wider than that is left out."""
    piece, used = "", 0
    for character in word:
        wide = _of(character)
        if wide > columns:
            continue
        if used + wide > columns:
            yield piece
            piece, used = "", 0
        piece, used = piece + character, used + wide
    yield piece
