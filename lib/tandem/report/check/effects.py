"""The smallest effects that a plan can show, by how much earlier pairs of its kinds differed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from tandem.base.text import counted, two_digits
from tandem.interference.compare.units import CONFIGURATION, PAIR
from tandem.interference.spread import Spread, Spreads
from tandem.interference.statistics.estimate import ENOUGH
from tandem.interference.statistics.resolution import smallest_effect
from tandem.report.check.cells import Cell
from tandem.report.check.time_and_energy import kind_text
from tandem.report.check.verdicts import NEEDS, pairs_of
from tandem.report.grid import Line
from tandem.report.titles import TITLES
from tandem.results.pace import Kind, kind_of

_MOST_LINES = 20


@dataclass(frozen=True)
class Units:
    """What counts once, how often it is there at least, and which drawn values set it apart."""

    what: str
    count: int
    drawn: frozenset[str] = frozenset()


def effect_lines(cells: Iterable[Cell], spreads: Spreads) -> list[Line]:
    """Return a line for each kind of pair of which there are enough for a verdict."""
    kinds: dict[tuple[Kind, frozenset[str]], list[Cell]] = {}
    for cell in cells:
        if cell.first.backgrounds:
            key = kind_of(cell.first), frozenset(cell.first.foreground.mutated)
            kinds.setdefault(key, []).append(cell)
    lines = [
        (kind_text(kind), _text(kind, units, spreads))
        for (kind, drawn), members in kinds.items()
        if (units := units_by_figure(members, drawn))
    ]
    left = len(lines) - _MOST_LINES
    return lines[:_MOST_LINES] + [("", f"and {left} more")] * (left > 0)


def units_by_figure(cells: Sequence[Cell], drawn: frozenset[str]) -> dict[str, Units]:
    """Return the fewest units of any cell that has enough: configurations, or pairs of one."""
    found = {}
    for name, need in NEEDS.items():
        pairs = [pairs_of(cell.experiments, need) for cell in cells]
        options = (
            Units(CONFIGURATION, _least(map(len, pairs)), drawn),
            Units(PAIR, _least(count for each in pairs for count in each.values())),
        )
        if enough := [units for units in options if units.count >= ENOUGH]:
            found[name] = enough[0]
    return found


def _least(counts: Iterable[int]) -> int:
    return min((count for count in counts if count >= ENOUGH), default=0)


def _text(kind: Kind, units: Mapping[str, Units], spreads: Spreads) -> str:
    spread = {name: spreads.of(kind, each.drawn, name) for name, each in units.items()}
    if not any(spread.values()):
        return "unknown: too few earlier pairs"
    pairs = max(each.pairs for each in spread.values() if each)
    texts = (f"{TITLES[name]} {_effect(units[name], spread[name])}" for name in units)
    return f"{', '.join(texts)} (spread of {pairs} earlier pairs)"


def _effect(units: Units, spread: Spread | None) -> str:
    effect = smallest_effect(units.count, spread.deviation) if spread else None
    if effect is None:
        return "unknown"
    return f"{two_digits(100 * effect)} % with {counted(units.count, units.what)}"
