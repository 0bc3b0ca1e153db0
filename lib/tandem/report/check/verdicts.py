"""Which verdicts a plan can reach, and with how many units.

A unit of one configuration is a pair; of several, the configuration. Six give an interval and a
verdict, fewer their values alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from tandem.base.text import counted_span, printable
from tandem.interference.compare.units import CONFIGURATION, PAIR
from tandem.interference.statistics.estimate import ENOUGH
from tandem.plan.model import Experiment
from tandem.report.check.cells import Cell, configuration_of
from tandem.report.grid import Line
from tandem.report.titles import TITLES
from tandem.results.earlier import Power
from tandem.results.pace import Kind, kind_of


@dataclass(frozen=True)
class Need:
    """What a parallel experiment must have for a figure, and what is said where it has not."""

    is_met: Callable[[Experiment], bool]
    otherwise: str
    is_of_sensors: bool = False


_SOLO = 'the foreground never runs alone (set "controls": {"solo": true})'
_ALONE = 'the background never runs alone (set "controls": {"background_seconds": 60})'
NEEDS: Mapping[str, Need] = {
    "slowdown": Need(lambda each: each.twin is not None, _SOLO),
    "energy_ratio": Need(lambda each: each.twin is not None, _SOLO, is_of_sensors=True),
    "background_progress_ratio": Need(lambda each: each.controls.background_s > 0, _ALONE),
}


@dataclass
class Reach:
    """Of the cells in which a figure can be known: pairs of each configuration, and how many."""

    pairs: list[int] = field(default_factory=list)
    configurations: list[int] = field(default_factory=list)

    def add(self, pairs: Collection[int]) -> None:
        self.pairs += pairs
        self.configurations.append(len(pairs))


def verdict_lines(cells: Iterable[Cell], gpu: Power) -> list[Line]:
    """Return for each figure that gets a verdict how it can be had, or why it cannot.

    Nothing where nothing runs beside a background.
    """
    parallel = [cell for cell in cells if cell.first.backgrounds]
    if not parallel:
        return []
    kinds = {kind_of(cell.first) for cell in parallel}
    return [(TITLES[name], _verdict(NEEDS[name], parallel, kinds, gpu)) for name in NEEDS]


def _verdict(need: Need, parallel: Sequence[Cell], kinds: Collection[Kind], gpu: Power) -> str:
    reach = Reach()
    for cell in parallel:
        if pairs := pairs_of(cell.experiments, need):
            reach.add(pairs.values())
    if not reach.pairs:
        return f"none: {need.otherwise}"
    sensors = ""
    if need.is_of_sensors and not any(kind in gpu.watts for kind in kinds):
        if reasons := [gpu.reasons[kind] for kind in kinds if kind in gpu.reasons]:
            return f"none: {printable(reasons[0])} (by earlier records; make doctor)"
        sensors = ", where the energy of the GPUs can be read (make doctor)"
    lacking = len(parallel) - len(reach.configurations)
    after = f"; none in {lacking} of {len(parallel)} lines: {need.otherwise}" if lacking else ""
    return _reach_text(reach) + sensors + after


def pairs_of(experiments: Iterable[Experiment], need: Need) -> Counter[Hashable]:
    """Return how many experiments each configuration has that meet a need."""
    return Counter(configuration_of(each) for each in experiments if need.is_met(each))


def _reach_text(reach: Reach) -> str:
    if max(reach.configurations) == 1:
        return f"{counted_span(reach.pairs, PAIR)} a line: {answer(reach.pairs)}"
    lines = f"{counted_span(reach.configurations, CONFIGURATION)} a line"
    each = f"{counted_span(reach.pairs, PAIR)} a configuration"
    return f"{lines}: {answer(reach.configurations)}; {each}: {answer(reach.pairs)}"


def answer(counts: Collection[int]) -> str:
    """Return what so many units give: from six on an interval and a verdict, below only values."""
    if min(counts) >= ENOUGH:
        return "verdict"
    return "values alone" if max(counts) < ENOUGH else f"verdict where there are {ENOUGH}"
