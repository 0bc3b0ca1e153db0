"""Colour on a terminal, for what is not valid; the words stay the same without it."""

from __future__ import annotations

import os
import re

_RED, _PLAIN = "\x1b[31m", "\x1b[39m"
_BAD = re.compile(r"\b(?:[1-9][0-9]* )?(?:not valid|not running|not heard of|failed:)")


def has_colour(*, is_terminal: bool) -> bool:
    """Whether a stream shows colours: a terminal that can, unless NO_COLOR is set."""
    return (
        is_terminal and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("NO_COLOR")
    )


def coloured(text: str) -> str:
    """Return a text with what went wrong in red."""
    return _BAD.sub(lambda found: f"{_RED}{found[0]}{_PLAIN}", text)
