"""Why a record does not count, and whether that may be otherwise when the same runs again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple

Kind = Literal[
    "not ready",
    "background failed",
    "not recorded",
    "failed",
    "metric",
    "log",
    "epochs",
    "attempts",
    "loop",
    "coverage",
    "idle",
    "rounds",
    "weak",
    "dose",
    "unknown load",
    "left",
    "stopped",
    "place",
    "sharing",
    "client died",
    "mps",
    "gpu setup",
    "strangers",
    "unknown strangers",
    "sampling",
    "busy",
    "memory",
    "locks",
    "suspended",
    "cpus",
    "clocks",
    "unknown quiet",
    "monitor",
]


class Reason(NamedTuple):
    """Why a record does not count, for a person.

    `kind` is the same for reasons that are alike but for their figures and names.
    `may_pass` is True where it lay in the machine at that time: who else was there, how busy it
    was, what was killed. What lies in a training, the settings or the sensors comes again.
    """

    text: str
    kind: Kind
    may_pass: bool


def passing(kind: Kind, texts: Iterable[str]) -> Iterator[Reason]:
    """Yield reasons that may not come again."""
    yield from (Reason(text, kind, True) for text in texts)


def lasting(kind: Kind, texts: Iterable[str]) -> Iterator[Reason]:
    """Yield reasons that come again."""
    yield from (Reason(text, kind, False) for text in texts)
