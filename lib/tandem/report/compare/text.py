"""The comparison of runs for a person: `tandem compare RUN...`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tandem.base.text import SCREEN_COLUMNS
from tandem.interference.compare.comparison import comparison
from tandem.interference.compare.rows import TESTED
from tandem.interference.compare.units import CONFIGURATION
from tandem.report.compare.exports import as_csv, as_json
from tandem.report.compare.layout import Block, Heading, Table, Text, as_markdown, as_screen
from tandem.report.compare.wording import (
    apart,
    background,
    cells,
    differing,
    level,
    load,
    notes,
    number,
    short,
    shown_rows,
    size,
    spread,
    spread_title,
    training,
    typed,
    units_title,
    verdict,
    where,
    with_values,
    without_values,
)
from tandem.report.titles import TITLES
from tandem.report.why import short_why

NOTHING = "no parallel record that can be compared"
LEGEND = (
    "Estimate: the Hodges-Lehmann pseudomedian. Interval: 95 %, of the exact signed-rank statistic,"
    " from six on; below six there are all values, and no verdict. Below resolution: the interval"
    " holds no effect (1 for ratios). Holm p: how likely so clear a figure is among all verdicts"
    " here, if nothing had an effect; above 0.05 it may be luck. Joules may be off by the board's"
    " gain as well."
)
LEGEND_OF_TWO = (
    "B against A: B / A, or B - A with a sign. Paired: the exact signed-rank statistic over what"
    " the design pairs; else Mann-Whitney, with Cliff's delta (1: every B above every A). Holm p:"
    " how likely so clear a figure is among all verdicts here, if there were no difference."
)
NAMES = (
    "To see one alone: compare NAME. To compare two: compare NAME vs NAME. To see the levels of a"
    " factor: compare RUN --by background (or config, foreground, intensity, sharing,"
    " power_limit_watts, sm_clock_mhz, a hyperparameter)."
)

Facts = Mapping[str, Any]


def text_of_compare(
    words: Sequence[str],
    by: str | None = None,
    margin: float | None = None,
    form: str = "table",
    columns: int = SCREEN_COLUMNS,
) -> tuple[str, list[str]]:
    """Return a comparison, and what is to be said beside it where its form has no place for it.

    UsageError: a name means nothing, or none of the runs can be read.
    """
    found = comparison(words, by, margin)
    if form == "json":
        return as_json(found), []
    if form == "csv":
        return as_csv(found), [*remarks(found), *all_warnings(found)]
    blocks = list(blocks_of(found))
    if form == "markdown":
        return as_markdown(blocks), []
    return as_screen(blocks, min(columns, SCREEN_COLUMNS)), []


def blocks_of(found: Facts) -> Iterator[Block]:
    groups = found["groups"]
    if not groups:
        yield Text(NOTHING)
    elif len(found["names"]) == 2:
        for group in groups:
            yield from blocks_of_two(group)
    elif found["by"]:
        yield from blocks_of_levels(groups, found["by"])
    else:
        for group in groups:
            yield from blocks_of_cell(group, apart(groups))
    if found["over_intensity"]:
        yield from blocks_of_levels(found["over_intensity"], "intensity", is_again=True)
    if groups:
        is_two = len(found["names"]) == 2
        yield Text(LEGEND_OF_TWO if is_two else LEGEND, is_apart=True)
        if not is_two:
            yield Text(NAMES)
    for remark in remarks(found):
        yield Text(remark)


def remarks(found: Facts) -> list[str]:
    """Return what was left out, and why."""
    left_out = [f"left out: {count} {reason}" for reason, count in found["left_out"].items()]
    return left_out + [f"left out: {problem}" for problem in found["damaged"]]


def all_warnings(found: Facts) -> list[str]:
    every = (warning for group in found["groups"] for warning in group["warnings"])
    return [f"warning: {warning}" for warning in dict.fromkeys(every)]


# -- a cell ----------------------------------------------------------------------------


def blocks_of_cell(group: Facts, shown: set[str]) -> Iterator[Block]:
    yield Heading(f"{training(group)} beside {load(group)}, {where(group, shown)}")
    yield Text(f"{size(group)}; its name: {typed(group['names'])}")
    rows = shown_rows(group)
    has_boards = len({row["board"] for row in rows if row["board"]}) > 1
    titles = ("figure", "label", units_title(group), "estimate", spread_title(rows))
    yield Table([titles, *(cells(row, has_boards) for row in rows)])
    yield from verdicts(group)
    if why := short_why(group["explanation"]):
        yield Text(why)
    yield from map(Text, (*without_values(group), *notes(group)))


def verdicts(group: Facts) -> Iterator[Block]:
    for row in group["rows"]:
        if row["verdict"]:
            yield Text(f"{TITLES[row['figure']]}: {verdict(row, group)}")


# -- levels of a factor ----------------------------------------------------------------


def blocks_of_levels(
    groups: Sequence[Facts], factor: str, is_again: bool = False
) -> Iterator[Block]:
    """Yield a table for each stratum: the levels of the figures that have verdicts.

    `is_again`: what is to be noted of the pairs was said before.
    """
    strata: dict[int, list[Facts]] = {}
    for group in groups:
        strata.setdefault(group["stratum"], []).append(group)
    for stratum in strata.values():
        members = [*with_own_levels(stratum)]
        yield Heading(heading_of_levels(members, factor, apart(groups)))
        for group in members:
            yield Text(
                f"{level(group)}: {described(group, factor)}; its name: {typed(group['names'])}"
            )
        yield Table([*level_rows(members)])
        if not is_again:
            yield from (
                Text(f"{level(group)}: {why}")
                for group in members
                if (why := short_why(group["explanation"]))
            )
            yield from map(Text, notes_of_levels(members))


def with_own_levels(groups: Sequence[Facts]) -> Iterator[Facts]:
    """Yield the groups; in several runs one number may be that of several loads: b1, b1 (2)."""
    seen = Counter[str]()
    for group in groups:
        name = group["level"]
        seen[name] += 1
        yield group if seen[name] == 1 else {**group, "level": f"{name} ({seen[name]})"}


def notes_of_levels(members: Sequence[Facts]) -> Iterator[str]:
    """Yield each note once, behind the levels that it is about."""
    found: dict[str, list[str]] = {}
    for group in members:
        for note in notes(group):
            found.setdefault(note, []).append(level(group))
    for note, levels in found.items():
        yield note if len(levels) == len(members) else f"{', '.join(levels)}: {note}"


def heading_of_levels(members: Sequence[Facts], factor: str, shown: set[str]) -> str:
    first = members[0]
    parts = [f"levels of {factor}"]
    if factor == "intensity":
        parts.append(f"of {background(first)}")
    elif factor != "background":
        parts.append(f"beside {load(first)}")
    return f"{' '.join(parts)}, {where(first, shown)}"


def described(group: Facts, factor: str) -> str:
    return f"{load(group)}; {size(group)}" if factor == "background" else size(group)


def level_rows(members: Sequence[Facts]) -> Iterator[tuple[str, ...]]:
    tested = [row for group in members for row in group["rows"] if row["figure"] in TESTED]
    last = ["verdict"] if any(row["verdict"] for row in tested) else []
    yield ("", units_title(members[0]), "estimate", spread_title(tested), *last)
    for figure in TESTED:
        yield (TITLES[figure], "", "", "", *("" for _ in last))
        for group in members:
            row = next(row for row in group["rows"] if row["figure"] == figure)
            units, estimate = str(row["units"]), number(row["estimate"])
            yield (
                f"  {short(level(group))}",
                units,
                estimate,
                spread(row),
                *(verdict(row, group) for _ in last),
            )


# -- two things ------------------------------------------------------------------------


def blocks_of_two(group: Facts) -> Iterator[Block]:
    first, second = group["first"], group["second"]
    ours = {name for name in first if first[name] != second[name]}
    yield Heading(f"B against A: {training(group)}, {where(group, set())}")
    for letter, side, names in (("A", first, "names"), ("B", second, "names_of_second")):
        yield Text(
            f"{letter}: {typed(group[names])} ({', '.join(differing(side, ours)) or 'alike'})"
        )
    how = f"paired by {'configuration' if group['unit'] == CONFIGURATION else 'block'}"
    text = how if group["paired"] else "not paired"
    yield Text(text + (f"; without a partner: {group['unmatched']}" if group["unmatched"] else ""))
    rows = with_values(group)
    delta = [] if group["paired"] else ["Cliff's delta"]
    titles = ("figure", units_title(group), "A", "B", "B against A", *delta, spread_title(rows))
    yield Table([titles, *(cells_of_two(row, group) for row in rows)])
    yield from verdicts(group)
    yield from map(Text, (*without_values(group), *notes(group)))


def cells_of_two(row: Facts, group: Facts) -> tuple[str, ...]:
    units, shown, delta = str(row["units"]), spread(row), list[str]()
    if not group["paired"]:
        units += f", {row['units_of_second']}"
        delta = [number(row["cliffs_delta"])]
        if row["low"] is None and row["values"]:
            both = (row["values"], row["values_of_second"])
            shown = " against ".join(", ".join(map(number, values)) for values in both)
    sign = "+" if row["no_effect"] == 0 and (row["estimate"] or 0) > 0 else ""
    middles = number(row["first"]), number(row["second"]), sign + number(row["estimate"])
    return (TITLES[row["figure"]], units, *middles, *delta, shown)
