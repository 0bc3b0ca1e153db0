"""Why a record does not count, and whether that may be otherwise when the same runs again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Reason(NamedTuple):
    """Why a record does not count, for a person.

    `may_pass` is True where it lay in the machine at that time: who else was there, how busy it
    was, what was killed. What lies in a training, the settings or the sensors comes again.
    """

    text: str
    may_pass: bool


def passing(texts: Iterable[str]) -> Iterator[Reason]:
    """Yield reasons that may not come again."""
    yield from (Reason(text, True) for text in texts)


def lasting(texts: Iterable[str]) -> Iterator[Reason]:
    """Yield reasons that come again."""
    yield from (Reason(text, False) for text in texts)
