"""What a registry may say wrongly in the regular expressions by which logs are read."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from tandem.base.text import quote, suggestion
from tandem.config.problems import Flaw, join
from tandem.log.expressions import compiled
from tandem.log.failures import BUILT_IN


def pattern_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    """What is wrong with the patterns for metrics, epochs and failures."""
    where = join(join(place, "performance_metrics"), "log_patterns")
    patterns = raw.get("performance_metrics", {}).get("log_patterns", {})
    if not patterns:
        message = (
            "no pattern finds a metric: experiments may succeed, but are never valid (add one)"
        )
        yield "warning", where, message
    for name, pattern in patterns.items():
        yield from _flaws_of(join(where, name), pattern)
    if (epoch := raw.get("epoch_pattern")) is not None:
        yield from _epoch_flaws(join(place, "epoch_pattern"), epoch)
    where = join(place, "failure_patterns")
    for name, pattern in raw.get("failure_patterns", {}).items():
        if pattern is not None:
            yield from _flaws_of(join(where, name), pattern)
        elif name not in BUILT_IN:
            message = f"no built-in pattern is named {quote(name)}{suggestion(name, BUILT_IN)}"
            yield "error", join(where, name), message


def _epoch_flaws(where: str, pattern: str) -> Iterator[Flaw]:
    yield from _flaws_of(where, pattern)
    if not _reading_of(pattern)[0] and not compiled(pattern).groups:
        message = f"{quote(pattern)} has no group for the number of the epoch (put it in brackets)"
        yield "error", where, message


def _flaws_of(where: str, pattern: str) -> Iterator[Flaw]:
    why, doubts = _reading_of(pattern)
    if why:
        yield "error", where, f"{quote(pattern)} is no regular expression: {why}"
    for doubt in doubts:
        yield "warning", where, f"{quote(pattern)}: {doubt}"


@cache  # the compiler's warnings come once, for then it remembers the pattern
def _reading_of(pattern: str) -> tuple[str, tuple[str, ...]]:
    """Why the pattern cannot be compiled, or "", and what else is odd about it."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            re.compile(pattern)
            is_verbose = bool(compiled(pattern).flags & re.VERBOSE)
        except (ValueError, re.error, RecursionError, OverflowError) as error:
            return f"{error} (fix it)", ()
    doubts = [f"{warning.message} (escape it if it is meant as it stands)" for warning in caught]
    if {"\n", "\r"} & set(pattern) and not is_verbose:
        doubts.append("its line break is never found, because every line is looked at by itself")
    return "", tuple(doubts)
