"""Words for a person: names quoted, the nearest name, columns that line up."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

_SHOWN_CHARACTERS = 60
PLAIN_KEY = re.compile(r"[\w-]{1,60}")


def printable(text: str) -> str:
    """The text with every control character and other invisible character escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def behind(prefix: str, line: str) -> str:
    """The line behind a prefix; an indented one belongs to the line above, and stays as it is."""
    return line if line.startswith(" ") else f"{prefix}{line}"


def quote(text: str, most: int = _SHOWN_CHARACTERS) -> str:
    """The text in double quotes, on one line, shortened if it has more than `most` characters."""
    if len(text) > most:
        return f"{quote(text[:most], most)}... ({len(text)} characters)"
    return printable(json.dumps(text, ensure_ascii=False))


def quote_path(path: Path) -> str:
    """The path in double quotes; it is shortened only where nobody could use it."""
    return quote(str(path), most=500)


def percent_down(value: float) -> float:
    """A share in percent, rounded down, so that what is below a limit never looks as if it were
    not; 0.57, of which a computer has a little less, is 57."""
    return math.floor(round(value * 1000, 9)) / 10


def share(value: float) -> str:
    """The same as a text: `94.9%`."""
    return f"{percent_down(value)}%"


def as_set(value: float) -> str:
    """A share as somebody has set it: `95%`, `97.5%`."""
    return f"{100 * value:g}%"


def share_text(value: float) -> str:
    """The same for people's eyes: `99.8 %`."""
    return f"{percent_down(value):g} %"


def two_digits(value: float) -> str:
    """`0.012`, `1.5`, `120`: two digits, or all that stand before the point."""
    return f"{value:.0f}" if value >= 99.5 else f"{value:.2g}"


def duration_text(seconds: float) -> str:
    """A length of time in two or three digits: `12 s`, `35 min`, `2.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def counted(count: int, what: str) -> str:
    """`1 run`, `2 runs`."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def some_of(names: Sequence[str], most: int) -> str:
    """`a, b`, or `a, b and 3 more`."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def span(counts: Collection[int]) -> str:
    """`6`, or `1 to 6`."""
    least, most = min(counts), max(counts)
    return str(least) if least == most else f"{least} to {most}"


def counted_span(counts: Collection[int], what: str) -> str:
    """`1 run`, `6 runs`, or `1 to 6 runs`."""
    least, most = min(counts), max(counts)
    return counted(most, what) if least == most else f"{least} to {most} {what}s"


def word(name: str) -> str:
    """The name as it stands where that is plain, else in quotes."""
    return name if PLAIN_KEY.fullmatch(name) else quote(name)


def show(value: Any) -> str:
    """A JSON value in a few words."""
    if isinstance(value, str):
        return f"text {quote(value)}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, Mapping):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


@lru_cache(maxsize=1024)
def _nearest(name: str, known: tuple[str, ...]) -> str:
    import difflib  # few programs need it

    # difflib is quadratic; nobody mistypes a name of a hundred characters by a letter.
    matches = difflib.get_close_matches(name[:100], known, n=1, cutoff=0.65)
    return matches[0] if matches else ""


def nearest(name: str, known: Collection[str]) -> str:
    """The known name most like `name`, or "" where none is near."""
    return _nearest(name, tuple(known))


def suggestion(name: str, known: Collection[str]) -> str:
    """' (did you mean ...?)' with the nearest known name, else the known names if they are few."""
    near = nearest(name, known)
    if near:
        return f" (did you mean {quote(near)}?)"
    if 0 < len(known) <= 10:
        return f" (known: {', '.join(map(quote, known))})"
    return ""


def suggestion_or_first(name: str, known: Sequence[str]) -> str:
    """The same, and of more known names than few the first."""
    first = f" (there are {len(known)}; the first is {quote(known[0])})" if known else ""
    return suggestion(name, known) or first


SCREEN_COLUMNS = 100
GAP = "  "


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines, each column as wide as its widest cell, nothing trailing."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [GAP.join(map(str.ljust, row, widths)).rstrip() for row in rows]
