"""What a tidy table is: its columns, and how an experiment becomes rows of it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from tandem.results.columns import BESIDE
from tandem.results.reading import ExperimentReading, RunReading

Kind = Literal["string", "integer", "number", "boolean", "datetime", "any"]
Value = str | int | float | bool | None
Row = dict[str, Value]
Facts = Mapping[str, Any]

_UNITS = {  # by the end of a column's name
    "_joules": "J",
    "_j": "J",
    "_mj": "mJ",
    "_uj": "uJ",
    "_watts": "W",
    "_w": "W",
    "_w2": "W^2",
    "_seconds": "s",
    "_mib_per_s": "MiB/s",
    "_s": "s",
    "_per_second": "1/s",
    "_percent": "%",
    "_mib": "MiB",
    "_bytes": "B",
    "_mhz": "MHz",
    "_celsius": "degrees Celsius",
    "_c": "degrees Celsius",
    "_utc": "ISO 8601, UTC",
}


_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}[0-9.]*(Z|\+00:00)")
_IS: Mapping[Kind, Callable[[Value], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "datetime": lambda value: isinstance(value, str) and bool(_MOMENT.fullmatch(value)),
    "any": lambda value: True,
}


@dataclass(frozen=True)
class Column:
    """A column: its type (as Frictionless names it), what it says, and where that stands.

    `path` leads through the facts that a row is made of ("window.cpu.package_joules"), then `key`
    where there is one, which may be any text. Where nothing stands there the cell is None.
    """

    name: str
    kind: Kind
    description: str
    path: str = ""
    key: str | None = None

    @property
    def unit(self) -> str | None:
        """The unit, as the end of the name says it; None: it has none, or a training's own."""
        if self.key is not None:
            return None
        name = self.name.removesuffix(BESIDE)
        fitting = (end for end in _UNITS if name.endswith(end))
        return _UNITS.get(max(fitting, key=len, default=""))

    @cached_property
    def steps(self) -> tuple[str, ...]:
        way = tuple(self.path.split(".")) if self.path else (self.name,)
        return way if self.key is None else (*way, self.key)

    def value(self, facts: Facts) -> Value:
        """Return what the facts of a row say; several texts as one, with "; " between.

        TypeError: it is not of the column's kind.
        """
        found: Any = facts
        for step in self.steps:
            if not isinstance(found, dict):
                return None
            found = found.get(step)
        value = plain(found)
        if value is None or _IS[self.kind](value):
            return value
        raise TypeError(f"{value!r} is no {self.kind}")


def plain(value: Any) -> Value:
    """Return what a cell can hold: a list as one text; a number that is none as None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, (list, tuple)):
        return "; ".join(map(str, value))
    if value is None or isinstance(value, (str, int)):
        return value
    raise TypeError(f"{type(value).__name__} in place of a value")


RUN = Column("run", "string", "Name of the run's folder; its path where two have one name.")
EXPERIMENT = Column("experiment", "string", "Id of the experiment, and name of its folder.")
KEYS = (RUN, EXPERIMENT)
WORTH = (
    Column("valid", "boolean", "Whether the experiment is valid.", "record.valid"),
    Column("counts", "boolean", "False for a warm-up, and where the group has run again."),
)


@dataclass(frozen=True)
class Table:
    """A kind of rows.

    `rows` yields the facts that each row of an experiment is made of, and says what it passes over.
    `more` are the columns that depend on the runs; they stand behind the others. Of a table that
    `streams`, the rows of one experiment may be too many to be in memory at once.
    """

    name: str
    description: str
    key: tuple[str, ...]
    columns: Sequence[Column]
    rows: Callable[[RunReading, ExperimentReading, Callable[[str], None]], Iterable[Facts]]
    more: Callable[[Iterable[RunReading]], Iterable[Column]] = lambda _: ()
    streams: bool = False

    def columns_of(self, runs: Iterable[RunReading]) -> list[Column]:
        """Return the columns that the table of some runs has."""
        return [*self.columns, *self.more(runs)]


def made(columns: Sequence[Column], facts: Facts) -> Row:
    """Return a row."""
    return {column.name: column.value(facts) for column in columns}


def schema_of(table: Table, columns: Sequence[Column]) -> dict[str, Any]:
    """Return the Frictionless Table Schema of a table."""
    return {
        "$schema": "https://datapackage.org/profiles/1.0/tableschema.json",
        "description": table.description,
        "fields": [*map(_field, columns)],
        "missingValues": [""],
        "primaryKey": list(table.key),
    }


def _field(column: Column) -> dict[str, Any]:
    field: dict[str, Any] = {"name": column.name, "type": column.kind}
    if column.kind == "datetime":
        field["format"] = "any"
    if column.unit:
        field["unit"] = column.unit
    return {**field, "description": column.description}
