"""Tables of earlier results, read: which runs stand in them."""

from __future__ import annotations

import csv
import math
import os
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tandem.config.hyperparameter import SWITCH, Hyperparameter, Value
from tandem.config.registry import Repository
from tandem.plan.draw import Combination
from tandem.plan.model import WARM_UP

_VALUES = "hyperparam_"
# Parallel rows of old tables have their foreground under such columns, some of them only there.
_FOREGROUND = "fg_"
_NEVER_BEGAN = ("GPU busy", "background not ready")

# Repository, model, whether beside a background, and the names of the values in their order.
Kind = tuple[str, str, bool, tuple[str, ...]]


class UnusableError(Exception):
    """Why nothing of a table can be read."""


@dataclass(frozen=True)
class Table:
    """The runs of one table, by kind, each with its values in the order of the kind's names.

    A run is known by the values that differ from the registry's default, because a default may
    stand in its row or not. Of `row_count` rows, `unread_count` could not be read.
    """

    place: str
    path: Path
    row_count: int
    runs: Mapping[Kind, Sequence[Combination]]
    unread_count: int


def read_table(place: str, path: Path, repos: Mapping[str, Repository]) -> Table:
    """Return the table that the settings name at `place`; UnusableError: nothing can be read."""
    if not os.path.isfile(path):  # a pipe would wait for its writer
        raise UnusableError("is no file" if os.path.lexists(path) else "does not exist")
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            return _read_rows(place, path, stream, repos)
    except UnicodeDecodeError:
        raise UnusableError(f"is not UTF-8 text{_first_bad_line(path)}") from None
    except OSError as error:
        raise UnusableError(f"cannot be read ({error.strerror})") from None


def _first_bad_line(path: Path) -> str:
    with open(path, "rb") as stream:
        for number, line in enumerate(stream, 1):
            try:
                line.decode()
            except UnicodeDecodeError:
                return f" (line {number})"
    return ""


def _read_rows(
    place: str, path: Path, lines: Iterable[str], repos: Mapping[str, Repository]
) -> Table:
    reader = csv.reader(lines)
    runs: defaultdict[Kind, list[Combination]] = defaultdict(list)
    row_count = unread_count = 0
    try:
        header = next(reader, [])
        columns = _columns(header)
        for cells in filter(None, reader):
            row_count += 1
            try:
                if len(cells) != len(header):
                    raise ValueError
                run = _read_run(cells, columns, repos)
            except ValueError:
                unread_count += 1
                continue
            if run:
                runs[run[0]].append(run[1])
    except csv.Error as error:
        raise UnusableError(f"is not CSV at line {reader.line_num} ({error})") from None
    return Table(place, path, row_count, runs, unread_count)


Places = tuple[int, ...]


@dataclass(frozen=True)
class _Columns:
    """Where in a row what is looked for may stand; `values` by name of the hyperparameter."""

    repository: Places
    model: Places
    mode: Places
    experiment_id: Places
    sides: Places
    status: Places
    control: Places
    values: Sequence[tuple[str, Places]]


def _columns(header: Sequence[str]) -> _Columns:
    places: defaultdict[str, list[int]] = defaultdict(list)
    for index, column in enumerate(header):
        places[column].append(index)
    for column in list(places):
        if column.startswith(_FOREGROUND):
            places[column.removeprefix(_FOREGROUND)] += places[column]

    def of(*names: str) -> Places:
        return tuple(index for name in names for index in places.get(name, ()))

    names = (name for name in places if name.startswith(_VALUES))
    columns = _Columns(
        repository=of("repository"),
        model=of("model"),
        mode=of("mode"),
        experiment_id=of("experiment_id"),
        sides=of("fg_repository", "bg_repository"),
        status=of("status"),
        control=of("control"),
        values=sorted((name.removeprefix(_VALUES), of(name)) for name in names),
    )
    if not (columns.repository and columns.model):
        raise UnusableError('is no table of results: no column "repository" or no "model"')
    if not (columns.mode or columns.experiment_id):
        raise UnusableError('has neither a "mode" nor an "experiment_id" to tell parallel runs')
    return columns


def _read_run(
    cells: Sequence[str], columns: _Columns, repos: Mapping[str, Repository]
) -> tuple[Kind, Combination] | None:
    """Return the run, None where nothing that can be drawn is like it.

    Raises ValueError where the row cannot be read.
    """
    name, model = _cell(cells, columns.repository), _cell(cells, columns.model)
    if not (name and model):
        raise ValueError
    repository = repos.get(name)
    if repository is None or _cell(cells, columns.status) in _NEVER_BEGAN:
        return None
    if _cell(cells, columns.control) == WARM_UP:
        return None
    values: dict[str, Value] = {}
    for key, places in columns.values:
        texts = [cells[index] for index in places if cells[index]]
        if not texts:
            continue
        hyperparameter = repository.hyperparameters.get(key)
        if hyperparameter is None:
            return None
        value = _value(hyperparameter, texts)
        if value == hyperparameter.default:
            continue
        values[key] = value
    is_parallel = _is_parallel(cells, columns)
    return (name, model, is_parallel, tuple(values)), tuple(values.values())


def _cell(cells: Sequence[str], places: Places) -> str:
    return next((cells[index] for index in places if cells[index]), "")


def _is_parallel(cells: Sequence[str], columns: _Columns) -> bool:
    mode = _cell(cells, columns.mode)
    if mode:
        return mode == "parallel"
    is_named_so = _cell(cells, columns.experiment_id).endswith("_parallel")
    return is_named_so or bool(_cell(cells, columns.sides))


def _value(hyperparameter: Hyperparameter, texts: Sequence[str]) -> Value:
    """Return the one value that all the texts stand for. Raises ValueError."""
    readers: dict[str, Callable[[str], Value]] = {"str": str, SWITCH: _truth}
    reader = readers.get(hyperparameter.kind, _number)
    read = [reader(text) for text in texts]
    if any(value != read[0] for value in read):
        raise ValueError
    return read[0]


def _truth(text: str) -> bool:
    if text not in ("True", "False"):
        raise ValueError
    return text == "True"


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value
