"""summary.csv as tests read it: a cell of a column that the table lacks is empty."""

from __future__ import annotations

import csv
from pathlib import Path

from tandem.plan.model import Plan
from tandem.results.columns import columns_of

NAMES = frozenset(columns_of(Plan("p", None, Path(), Path(), 1, ())))


class Cells(dict[str, str]):
    """A row; KeyError for a column that no table has."""

    def __missing__(self, column: str) -> str:
        if column not in NAMES:
            raise KeyError(column)
        return ""


def rows_of(run: Path) -> list[Cells]:
    """Return the rows of the table in a run's folder."""
    with open(run / "summary.csv", newline="", encoding="utf-8") as file:
        return [Cells(row) for row in csv.DictReader(file, strict=True)]
