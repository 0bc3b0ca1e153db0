"""A line of a text with a mark below: where something is wrong."""

from __future__ import annotations

from unicodedata import combining, east_asian_width

_LONGEST = 76  # columns of an excerpt
_BEFORE = 56  # columns that it has before the mark, at most
_INDENTATION = "    "


def place_of(text: str, position: int) -> tuple[int, int]:
    """Return line and column, both counted from 1, of the character at a position."""
    return 1 + text.count("\n", 0, position), position - text.rfind("\n", 0, position)


def excerpt_of(text: str, position: int) -> tuple[str, str]:
    """Return the line of a position, cut to what a screen shows, and a line with ^ below it."""
    begin = text.rfind("\n", 0, position) + 1
    end = text.find("\n", position)
    before = _plain(text[begin:position])
    after = _plain(text[position : end if end >= 0 else len(text)].rstrip())
    if _columns(before) > _BEFORE:
        before = f"...{before[-_BEFORE:]}"
    room = _LONGEST - _columns(before)
    if _columns(after) > room:
        after = f"{after[:room]}..."
    return f"{_INDENTATION}{before}{after}", f"{_INDENTATION}{' ' * _columns(before)}^"


def _plain(text: str) -> str:
    """Return the text with one space for each character that would move or hide others."""
    return "".join(c if c.isprintable() else " " for c in text)


def _columns(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(0 if combining(c) else 1 + (east_asian_width(c) in "WF") for c in text)
