"""How much pairs of a kind differed from each other before: what repeats to come have to beat."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.interference.compare.cells import SEED, USUAL, gpus_in_use
from tandem.interference.compare.setup import setup_of
from tandem.interference.statistics.estimate import spread_within
from tandem.results.pace import Kind, kind_of_record
from tandem.results.record import Record
from tandem.results.record_file import current_interference
from tandem.results.record_pair import figures_of

_FEWEST = 3  # pairs; two say next to nothing of their spread

Sample = tuple[Kind, frozenset[str], str]  # kind, what is drawn, figure


@dataclass(frozen=True)
class Spread:
    """One standard deviation of the logarithm of a pair's ratio, and of how many pairs."""

    deviation: float
    pairs: int


class Spreads:
    """The spread of earlier pairs, within the runs and settings that they come from."""

    def __init__(self, records: Iterable[tuple[Path, Record]]) -> None:
        """Take records with their folders; those that are not valid or have no figures say nothing.

        What was drawn, too, differs between the configurations of a sample that has drawn values.
        """
        self.logs: dict[Sample, dict[Hashable, list[float]]] = defaultdict(
            lambda: defaultdict(list)
        )
        for folder, record in records:
            with suppress(KeyError, TypeError, AttributeError, ValueError):  # a damaged one
                for figure, log in _logs_of(folder, record):
                    self._add(folder.parent, record, figure, log)

    def of(self, kind: Kind, drawn: Collection[str], figure: str) -> Spread | None:
        """Return the spread of pairs in which so much is drawn; None: there are too few."""
        groups = self.logs.get((kind, frozenset(drawn) - {SEED}, figure), {})
        samples = [logs for logs in groups.values() if len(logs) > 1]
        pairs = sum(map(len, samples))
        deviation = spread_within(*samples) if pairs >= _FEWEST else None
        return None if deviation is None else Spread(deviation, pairs)

    def _add(self, run: Path, record: Record, figure: str, log: float) -> None:
        kind, drawn = kind_of_record(record), frozenset(record["mutated"]) - {SEED}
        for names in {frozenset[str](), drawn}:
            key = run, _given(record, names), _loads(record), _setup(record)
            self.logs[kind, names, figure][key].append(log)


def _logs_of(folder: Path, record: Record) -> Iterator[tuple[str, float]]:
    """Yield the logarithms of a valid parallel record's figures, where they are known."""
    if record["mode"] != "parallel" or not record["valid"]:
        return
    for name, figure in figures_of(current_interference(folder, record)).items():
        value = figure["value"]
        if value is not None and 0 < value < math.inf:
            yield name, math.log(value)


def _given(record: Record, drawn: Collection[str]) -> str:
    """Return the foreground's values but for those that differ between repeats."""
    place: Mapping[str, Any] | None = record.get("place")  # not before version 5
    if place and not drawn:
        return str(place["config"])
    left_out = {SEED, *drawn}
    values = {name: v for name, v in record["hyperparameters"].items() if name not in left_out}
    return json.dumps(values, sort_keys=True)


def _setup(record: Record) -> str:
    """Return how the GPUs were shared, and what was asked of them."""
    return setup_of(record, gpus_in_use(record)).label


def _loads(record: Record) -> str:
    """Return values and doses of the backgrounds."""
    parts = record["background"]["parts"] if record["background"] else ()
    loads = [[part["hyperparameters"], *(part.get(name) for name in USUAL)] for part in parts]
    return json.dumps(loads, sort_keys=True)
