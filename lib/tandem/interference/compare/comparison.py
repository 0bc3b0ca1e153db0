"""What runs say over all repeats: of each cell, of the levels of a factor, or of two things.

    comparison(["RUN", "RUN"])                    repeats of both runs together, cell by cell
    comparison(["RUN"], by="background")          a group for each level of a factor
    comparison(["RUN:b1", "vs", "RUN:b2"])        by what the second differs from the first

Figures without text: report/ shows them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tandem.base.errors import UsageError
from tandem.config.options import CONDITIONS
from tandem.interference.compare.groups import (
    facets_of,
    grouped,
    identity_of,
    in_order,
    missing_by_figure,
    missing_in,
    no_joules,
    stratum_of,
    tallied,
    warnings_of,
    whole_cell,
)
from tandem.interference.compare.names import (
    INTENSITY,
    Name,
    Namer,
    level_of,
    levels_of,
    name_of,
    selected,
)
from tandem.interference.compare.pairs import Pair
from tandem.interference.compare.rows import TESTED, as_json, judge, names_without, rows_of
from tandem.interference.compare.runs import Reading, read_runs
from tandem.interference.compare.units import kind_of, units_of
from tandem.interference.compare.versus import versus
from tandem.interference.compare.why import whys
from tandem.interference.energy import NAMES as OF_WINDOWS
from tandem.interference.figures import NAMES
from tandem.interference.statistics.estimate import LEVEL
from tandem.results.record_pair import Figure

VERSION = 1
VERSUS = "vs"
LOW, HIGH = "foreground_energy_low_joules", "foreground_energy_high_joules"
DIVIDED = "gpu_divided_joules"  # gpu_joules of the pairs alone whose LOW and HIGH are known
ENERGIES = (*OF_WINDOWS, DIVIDED, LOW, HIGH)
COPY = "counted already (a copy, or the same run under another name)"
ALONE = "without a counterpart on the other side of vs"

Facts = dict[str, Any]


def comparison(
    words: Sequence[str],
    by: str | None = None,
    margin: float | None = None,
    reading: Reading | None = None,
) -> Facts:
    """Return a comparison as JSON; docs/measuring.md has its keys.

    `words` are names, of which one may be "vs"; `margin` is the share up to which two things are
    taken as equivalent; `reading` is what was read already, and `words` then its runs.
    UsageError: a name means nothing, or nothing is left of all runs.
    """
    sides = [[Name(word, word, ()) for word in words]] if reading else sides_of(words)
    if len(sides) == 2 and by:
        raise UsageError("--by and vs do not go together (name the two levels: RUN:b1 vs RUN:b2)")
    reading = reading or read_runs(name.run for side in sides for name in side)
    found = [chosen(reading.pairs, side) for side in sides]
    pairs = [without_copies(reading.pairs, side) for side in found]
    left_out = reading.left_out + [COPY] * (sum(map(len, found)) - sum(map(len, pairs)))
    namer = Namer(reading.pairs)
    over, energy = list[Facts](), list[Facts]()
    if len(sides) == 2:
        groups = versus(pairs[0], pairs[1], all(map(is_whole, sides)), namer)
        left_out += [ALONE] * (sum(map(len, pairs)) - sum(each["experiments"] for each in groups))
    elif by:
        groups = levels(pairs[0], by, namer)
    else:
        members = cells(pairs[0])
        groups = [group_of(each, namer, kind_of(each)) for each in members]
        energy = [energies(*each) for each in zip(groups, members, strict=True)]
        over = over_intensity(pairs[0], namer)
    verdicts = judge([row for group in groups for row in group["rows"]], margin)
    return {
        "comparison_version": VERSION,
        "names": [[name.text for name in side] for side in sides],
        "by": by,
        "confidence": float(LEVEL),
        "equivalent_within": margin,
        "verdicts": verdicts,
        "groups": [finished(group) for group in groups],
        "over_intensity": [finished(group) for group in over],
        "energy": [finished(group) for group in energy],
        "left_out": tallied([reason] for reason in left_out),
        "damaged": reading.damaged,
    }


def sides_of(words: Sequence[str]) -> list[list[Name]]:
    """Return the names on each side of "vs"."""
    sides: list[list[Name]] = [[]]
    for word in words:
        if word == VERSUS:
            sides.append([])
        else:
            sides[-1].append(name_of(word))
    if len(sides) > 2 or not all(sides):
        raise UsageError("vs stands once, between what is compared: compare RUN:b1 vs RUN:b2")
    return sides


def is_whole(side: Sequence[Name]) -> bool:
    """Whether a side is of whole runs."""
    return not any(name.terms for name in side)


def chosen(pairs: Sequence[Pair], side: Sequence[Name]) -> list[Pair]:
    """Return the pairs that one side means, in the order of the runs."""
    wanted = {pair.place for name in side for pair in selected(pairs, name)}
    return [pair for pair in pairs if pair.place in wanted]


def without_copies(every: Sequence[Pair], pairs: Sequence[Pair]) -> list[Pair]:
    """Return for each of some pairs the first one of its origin, of all that there are, once."""
    firsts: dict[tuple[str, ...], Pair] = {}
    for pair in every:
        firsts.setdefault(pair.origin, pair)
    return [firsts[origin] for origin in dict.fromkeys(pair.origin for pair in pairs)]


# -- groups ----------------------------------------------------------------------------


def cells(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Return the pairs of each cell: the same trainings, given values, load, device, code."""
    return sorted_by_name(grouped(pairs, whole_cell).values())


def sorted_by_name(groups: Any) -> list[list[Pair]]:
    return sorted(groups, key=lambda pairs: [str(each) for each in facets_of(pairs).values()])


def levels(
    pairs: Sequence[Pair], factor: str, namer: Namer, names: Sequence[str] = NAMES
) -> list[Facts]:
    """Return a group for each level of a factor, in its order, within each stratum."""
    levels_of(pairs, factor)
    found = []
    strata = sorted_by_name(grouped(pairs, stratum_of(factor)).values())
    for number, stratum in enumerate(strata, start=1):
        groups = grouped(stratum, identity_of(factor)).values()
        kind = kind_of(*groups)  # what counts once is the same in all levels
        for members in sorted(groups, key=lambda each: in_order(level_of(each[0], factor))):
            own = {"by": factor, "level": level_of(members[0], factor), "stratum": number}
            group = own | group_of(members, namer, kind, names)
            if factor in CONDITIONS:
                group["setup"] = members[0].cell.setup.label_but(factor)
            found.append(group)
    return found


def over_intensity(pairs: Sequence[Pair], namer: Namer) -> list[Facts]:
    """Return the levels of intensity of each background that has several, without verdicts."""
    several = [
        stratum
        for stratum in grouped(pairs, stratum_of(INTENSITY)).values()
        if len({pair.cell.load.intensity for pair in stratum}) > 1
    ]
    tested = [name for name in NAMES if name in TESTED]
    return levels([pair for stratum in several for pair in stratum], INTENSITY, namer, tested)


def energies(group: Facts, pairs: Sequence[Pair]) -> Facts:
    """Return a cell with the joules of its foreground windows, and the foreground's share."""
    whole = [replace(pair, figures=with_energy(pair)) for pair in pairs]
    units = units_of(whole, group["unit"])
    return {
        **group,
        "missing_by_figure": missing_by_figure(whole, ENERGIES),
        "rows": rows_of(units, names_without(group["no_joules"], ENERGIES)),
    }


def with_energy(pair: Pair) -> Mapping[str, Figure]:
    is_divided = pair.figures[LOW]["value"] is not None
    divided = pair.energy["gpu_joules"] if is_divided else pair.figures[LOW]
    return {**pair.figures, **pair.energy, DIVIDED: divided}


def group_of(pairs: Sequence[Pair], namer: Namer, kind: str, names: Sequence[str] = NAMES) -> Facts:
    """Return what some pairs that may be put together say; `kind` is what counts once."""
    why = no_joules(pairs)
    return {
        "names": namer.names(pairs),
        **facets_of(pairs),
        "unit": kind,
        "configurations": len({pair.configuration for pair in pairs}),
        "experiments": len(pairs),
        "boards": len({pair.board for pair in pairs if pair.board != pair.origin[0]}),
        "hosts": len({pair.origin[0] for pair in pairs}),
        "explanation": whys(pair.why for pair in pairs),
        "missing": missing_in(pairs),
        "missing_by_figure": missing_by_figure(pairs),
        "no_joules": why,
        "warnings": warnings_of(pairs),
        "rows": rows_of(units_of(pairs, kind), names_without(why, names)),
    }


def finished(group: Facts) -> Facts:
    return {"by": None, "level": None, "stratum": None, **group, "rows": as_json(group["rows"])}
