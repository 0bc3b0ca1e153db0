"""By what one thing differs from another: runs, cells, levels; paired where the design pairs them.

What both have in common is kept apart and compared piece by piece; in what they differ they must be
of one kind each. Two whole runs are compared cell by cell; of levels of a factor, the foregrounds'
configurations are units.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from tandem.base.errors import UsageError
from tandem.interference.compare.groups import (
    facets_of,
    grouped,
    missing_by_figure,
    missing_in,
    no_joules,
    warnings_of,
)
from tandem.interference.compare.names import Namer
from tandem.interference.compare.pairs import Pair
from tandem.interference.compare.rows import names_without, row_of_two
from tandem.interference.compare.units import PAIR, Key, Unit, kind_of, units_of
from tandem.interference.usable import flags

Facts = dict[str, Any]
Facet = Callable[[Pair], Hashable]

NEVER_TOGETHER: Mapping[str, Facet] = {
    "the background": lambda pair: (pair.cell.load.background, pair.cell.load.hyperparameters),
    "the dose": lambda pair: pair.cell.load.dose_but_intensity,
    "the intensity": lambda pair: pair.cell.load.intensity,
    "the device": lambda pair: pair.cell.hardware,
    "the code": lambda pair: pair.cell.code,
    "the sharing of the GPU": lambda pair: (pair.cell.setup.sharing, pair.cell.setup.more),
    "the power limit": lambda pair: pair.cell.setup.power_limit_w,
    "the SM clock": lambda pair: pair.cell.setup.sm_clock_mhz,
    "the memory clock": lambda pair: pair.cell.setup.memory_clock_mhz,
    "what was set of clocks and power": lambda pair: pair.cell.settings,
}
OF_WHOLE_RUNS: Sequence[Facet] = (
    lambda pair: pair.cell.foreground,
    lambda pair: flags(pair.given),
)


def versus(
    first: Sequence[Pair], second: Sequence[Pair], are_whole_runs: bool, namer: Namer
) -> list[Facts]:
    """Return a group for each piece that two things have in common.

    UsageError: they are the same, one is empty, or they cannot be compared.
    """
    if not first or not second:
        raise UsageError("one side of vs has nothing that can be compared")
    if shared := {pair.origin for pair in first} & {pair.origin for pair in second}:
        raise UsageError(f"the two sides of vs have {len(shared)} experiments in common")
    facets = in_common(first, second)
    if are_whole_runs:
        facets += [facet for facet in OF_WHOLE_RUNS if not are_apart(facet, first, second)]

    def piece(pair: Pair) -> Hashable:
        return tuple(facet(pair) for facet in facets)

    ours, theirs = grouped(first, piece), grouped(second, piece)
    found = [two(ours[key], theirs[key], namer) for key in ours if key in theirs]
    if not found:
        raise UsageError("the two sides of vs have nothing in common (name a load on each)")
    return found


def in_common(first: Sequence[Pair], second: Sequence[Pair]) -> list[Facet]:
    """Return by what both are cut into pieces; UsageError: a difference is of several kinds."""
    found = []
    for what, facet in NEVER_TOGETHER.items():
        if not are_apart(facet, first, second):
            found.append(facet)
        elif len({facet(pair) for pair in first}) > 1 or len({facet(pair) for pair in second}) > 1:
            raise UsageError(f"{what} on one side of vs is of several kinds (name one of them)")
    return found


def are_apart(facet: Facet, first: Sequence[Pair], second: Sequence[Pair]) -> bool:
    return not {facet(pair) for pair in first} & {facet(pair) for pair in second}


def two(first: Sequence[Pair], second: Sequence[Pair], namer: Namer) -> Facts:
    """Return by what the second of two samples that may be compared differs."""
    kind, both = kind_of(first, second), [*first, *second]
    key = key_of(kind, first, second)
    ours, theirs = units_of(first, kind, key), units_of(second, kind, key)
    matched = matching(ours, theirs)
    used = matched or (ours, theirs)
    why = no_joules(first) or no_joules(second)
    if len({pair.board for pair in both}) > 1:
        why = "joules of different boards are never put together"
    return {
        "names": namer.names(first),
        "names_of_second": namer.names(second),
        **facets_of(both),
        "first": facets_of(first),
        "second": facets_of(second),
        "paired": matched is not None,
        "unmatched": len(ours) + len(theirs) - len(used[0]) - len(used[1]),
        "unit": kind,
        "configurations": len({pair.configuration for pair in both}),
        "experiments": len(both),
        "missing": missing_in(both),
        "missing_by_figure": missing_by_figure(both),
        "no_joules": why,
        "warnings": warnings_of(both),
        "rows": [row_of_two(name, *used, matched is not None) for name in names_without(why)],
    }


def key_of(kind: str, first: Sequence[Pair], second: Sequence[Pair]) -> Key:
    """Return what pairs a unit with one of the other sample.

    Of one configuration it is the block, which a run has once; of several the configuration, but
    for the values in which the samples differ, and for their foregrounds if they do.
    """
    if kind == PAIR:
        return lambda pair: None if pair.block is None else (pair.run, pair.block)
    names = {name for pair in (*first, *second) for name in values_of(pair)}
    apart = {
        name
        for name in names
        if are_apart(lambda pair: str(values_of(pair).get(name)), first, second)  # noqa: B023
    }
    if apart & {name for pair in (*first, *second) for name in pair.drawn}:
        return lambda pair: None  # two draws have nothing to do with each other
    is_one_foreground = not are_apart(lambda pair: pair.cell.foreground, first, second)

    def key(pair: Pair) -> Hashable:
        rest = {name: value for name, value in values_of(pair).items() if name not in apart}
        return is_one_foreground and pair.cell.foreground, flags(rest)

    return key


def values_of(pair: Pair) -> Mapping[str, Any]:
    return {**pair.given, **pair.drawn}


def matching(first: Sequence[Unit], second: Sequence[Unit]) -> tuple[list[Unit], list[Unit]] | None:
    """Return the units that have the same key, in the same order; None: the design pairs none.

    It pairs them where no key stands twice, and at least half of the fewer units have a partner.
    """
    ours, theirs = ({unit.key: unit for unit in units} for units in (first, second))
    if None in ours or None in theirs or len(ours) < len(first) or len(theirs) < len(second):
        return None
    keys = [key for key in ours if key in theirs]
    if 2 * len(keys) < min(len(ours), len(theirs)):
        return None
    return [ours[key] for key in keys], [theirs[key] for key in keys]
