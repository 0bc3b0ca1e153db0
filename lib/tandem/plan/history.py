"""Tables of earlier results: which values stand in them, so that they are not drawn again."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from tandem.base.text import counted, quote_path
from tandem.config.hyperparameter import Hyperparameter, Value
from tandem.config.problems import Problem
from tandem.config.registry import Registry, Repository
from tandem.plan.draw import Combination, drawable
from tandem.plan.history_tables import Kind, Table, UnusableError, read_table

# Whether beside a background, and the values beside the drawn ones that are not the default.
Side = tuple[bool, frozenset[tuple[str, Value]]]


class History:
    """What the tables hold, asked for by those that are about to draw."""

    def __init__(self, tables: Sequence[Table], file: str) -> None:
        self._tables = tables
        self._file = file
        self._asked: dict[object, frozenset[Combination]] = {}
        self._concerned: dict[str, set[tuple[Kind, int]]] = {it.place: set() for it in tables}

    def taken(
        self,
        repository: Repository,
        model: str,
        drawn: Sequence[Hyperparameter],
        cells: Iterable[tuple[Mapping[str, Value], bool]],
        ignored: Collection[str] = (),
    ) -> frozenset[Combination]:
        """The combinations of `drawn`, in that order, that need not be drawn again for the cells.

        A cell has the values that are passed beside those that are drawn, and says whether it is
        parallel. The names `ignored` may have any value.
        """
        known = repository.hyperparameters
        sides = frozenset(
            (is_parallel, frozenset(it for it in values.items() if it[1] != known[it[0]].default))
            for values, is_parallel in cells
        )
        key = repository.name, model, tuple(drawn), sides, frozenset(ignored)
        if key not in self._asked:
            combinations = self._combinations(repository, model, drawn, sides, ignored)
            self._asked[key] = drawable(drawn, combinations)
        return self._asked[key]

    def _combinations(
        self,
        repository: Repository,
        model: str,
        drawn: Sequence[Hyperparameter],
        sides: Collection[Side],
        ignored: Collection[str],
    ) -> Iterator[Combination]:
        """The values of `drawn` in the rows that are like one of the sides in everything else."""
        known, names = repository.hyperparameters, {it.name for it in drawn}
        for table, kind, runs in self._runs_of(repository.name, model):
            others = [name for name in kind[3] if name not in names and name not in ignored]
            for index, run in enumerate(runs):
                row = dict(zip(kind[3], run, strict=True))
                values = [row.get(it.name, known[it.name].default) for it in drawn]
                combination = tuple(it for it in values if it is not None)
                is_possible = len(combination) == len(drawn) and all(
                    value != it.default for value, it in zip(combination, drawn, strict=True)
                )
                side = kind[2], frozenset((name, row[name]) for name in others)
                if is_possible and side in sides:
                    self._concerned[table.place].add((kind, index))
                    yield combination

    def _runs_of(
        self, name: str, model: str
    ) -> Iterator[tuple[Table, Kind, Sequence[Combination]]]:
        for table in self._tables:
            for kind, runs in table.runs.items():
                if kind[:2] == (name, model):
                    yield table, kind, runs

    def remarks(self) -> list[Problem]:
        """How many rows of each table concerned those who have asked."""
        remarks = []
        for table in self._tables:
            count = len(self._concerned[table.place])
            what = "rows that concern this plan, and whose values are not drawn again"
            message = f"{quote_path(table.path)}: {what}: {count} of {table.row_count}"
            remarks.append(Problem("remark", table.place, message, self._file))
        return remarks


def read_history(
    tables: Mapping[str, str], registry: Registry, file: str
) -> tuple[History, list[Problem]]:
    """Read the tables, named by where the settings `file` names them.

    Their paths are relative to the registry's root.

    What cannot be read is a warning: a table of old results is no reason not to run.
    """
    read: list[Table] = []
    problems: list[Problem] = []
    for place, name in tables.items():
        path = Path(os.path.abspath(registry.root / name))
        try:
            table = read_table(place, path, registry.repos)
        except UnusableError as error:
            message = f"{quote_path(path)} {error}: the values in it may be drawn again"
            problems.append(Problem("warning", place, message, file))
            continue
        read.append(table)
        if count := table.unread_count:
            rows = f"{counted(count, 'row')} of {quote_path(path)}"
            message = f"{rows} could not be read: the values there may be drawn again"
            problems.append(Problem("warning", place, message, file))
    return History(read, file), problems
