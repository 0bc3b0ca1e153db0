"""A value as a cell of a CSV file that a spreadsheet can open without harm."""

from __future__ import annotations

import re

from tandem.base.text import printable

# A spreadsheet takes what begins so for a formula, also behind what it takes for a separator.
_FORMULA = re.compile(r"(^|[;,])(\s*)(?=[=+\-@\uff1d\uff0b\uff0d\uff20])")


def cell(value: str | int | float | bool | None) -> str:
    """Return a cell that no spreadsheet executes; numbers stay as exact as they are."""
    if value is None:
        return ""
    if isinstance(value, float):
        return repr(value)
    return str(value) if isinstance(value, int) else _FORMULA.sub(r"\1\2'", printable(value))
