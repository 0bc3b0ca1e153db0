"""Parts of a record as they must be; a damaged record may have anything in their place."""

from __future__ import annotations

from typing import Any, cast

_LARGEST = 1e99  # the ratio of two, and the sum of many, is still a number


def real(value: Any) -> float | None:
    """Return a number as it is; ValueError: it is none, or none that can be reckoned with."""
    if value is not None and type(value) not in (int, float):
        raise ValueError("no number")
    if value and not 1 / _LARGEST < abs(value) < _LARGEST:
        raise ValueError("no number that a figure can have")
    return cast("float | None", value)


def whole(value: Any) -> int | None:
    """Return a whole number as it is; ValueError: it is none."""
    if value is not None and type(value) is not int:
        raise ValueError("no whole number")
    return value


def text(value: Any) -> str:
    """Return a text as it is; ValueError: it is none."""
    if not isinstance(value, str):
        raise ValueError("no text")
    return value
