"""A comparison for other programs: JSON, and CSV with a row for each figure of each group."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping
from typing import Any

from tandem.base import cells
from tandem.interference.compare.rows import KEYS

GROUP_COLUMNS = (
    *("names", "names_of_second", "by", "level"),
    *("foreground", "values", "background", "hyperparameters", "dose", "intensity"),
    *("device", "code", "setup", "settings", "unit", "paired", "configurations", "experiments"),
)
# A group has the "values" of its foreground, so those of a row are called after its units.
COLUMNS = (*GROUP_COLUMNS, *("values_of_units" if key == "values" else key for key in KEYS))
_FEW = 5  # units, of which all values are shown


def as_json(comparison: Mapping[str, Any]) -> str:
    """Return it as JSON; characters beyond ASCII are escaped."""
    return json.dumps(comparison, indent=2, allow_nan=False)


def as_csv(comparison: Mapping[str, Any]) -> str:
    """Return its groups as CSV. Values of units are there where there are up to five of them."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for group in comparison["groups"]:
        of_group = [cell(group.get(name)) for name in GROUP_COLUMNS]
        for row in group["rows"]:
            of_row = [cell(row[key]) for key in KEYS]
            writer.writerow([*of_group, *of_row])
    return text.getvalue().removesuffix("\n")


def cell(value: Any) -> str:
    """Return a cell that no spreadsheet executes; numbers stay as exact as they are."""
    if isinstance(value, list):
        if value and not isinstance(value[0], str):
            return " ".join(map(repr, value)) if len(value) <= _FEW else ""
        value = " ".join(value)
    return cells.cell(value)
