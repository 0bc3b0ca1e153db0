"""The comparison of runs for a person: `driver.py compare RUN...`."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tandem.base.text import printable
from tandem.interference.compare import comparison
from tandem.interference.estimate import ENOUGH
from tandem.interference.rows import BELOW_RESOLUTION, LESS, MORE, NOT_KNOWN, TESTED
from tandem.interference.units import CONFIGURATION
from tandem.report.blocks import Block, Heading, Table, Text, as_markdown, as_screen
from tandem.report.exports import as_csv, as_json
from tandem.report.titles import TITLES

LEVEL_SHOWN = 20
BOARD_SHOWN = 12  # characters of a UUID
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
    " factor: compare RUN --by background (or config, foreground, intensity, a hyperparameter)."
)

Facts = Mapping[str, Any]


def text_of_compare(
    words: Sequence[str],
    by: str | None = None,
    margin: float | None = None,
    form: str = "table",
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
    return (as_markdown if form == "markdown" else as_screen)(blocks), []


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
        yield from blocks_of_levels(found["over_intensity"], "intensity")
    if groups:
        is_two = len(found["names"]) == 2
        yield Heading(LEGEND_OF_TWO if is_two else LEGEND)
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
    rows = group["rows"]
    has_boards = len({row["board"] for row in rows if row["board"]}) > 1
    titles = ("figure", "label", units_title(group), "estimate", spread_title(rows))
    yield Table([titles, *(cells(row, has_boards) for row in rows)])
    yield from verdicts(group)
    if group["no_joules"]:
        yield Text(f"no joules: {group['no_joules']}")
    yield from map(Text, notes(group))


def cells(row: Facts, has_boards: bool) -> tuple[str, ...]:
    board = f" ({row['board'][:BOARD_SHOWN]})" if has_boards and row["board"] else ""
    title = TITLES[row["figure"]] + board
    return (title, row["label"] or "", str(row["units"]), number(row["estimate"]), spread(row))


def spread_title(rows: Sequence[Facts]) -> str:
    has_interval = {row["low"] is not None for row in rows if row["estimate"] is not None}
    if has_interval == {True}:
        return "95 % interval"
    return "95 % interval, or all values" if True in has_interval else "all values"


def spread(row: Facts) -> str:
    """Return a row's interval; below six units all values, of one its clocks' uncertainty."""
    if row["low"] is not None:
        return f"{number(row['low'])} to {number(row['high'])}"
    values = row["values"] or []
    if len(values) == 1:
        clocks = row["clock_uncertainty"]
        return f"± {number(clocks)} by its clocks" if clocks is not None else ""
    return ", ".join(map(number, values)) if len(values) < ENOUGH else ""


def verdicts(group: Facts) -> Iterator[Block]:
    for row in group["rows"]:
        if row["verdict"]:
            yield Text(f"{TITLES[row['figure']]}: {verdict(row, 'second' in group)}")


def verdict(row: Facts, is_of_two: bool = False) -> str:
    found, within = row["verdict"], f"{100 * (row['equivalent_within'] or 0):.6g} %"
    if found in (None, BELOW_RESOLUTION):
        return found or ""
    if found == LESS:
        return f"less than {within} different"
    if found == NOT_KNOWN:
        more = row["more_repeats"]
        if more is None:
            return f"{found}; 1000 more repeats would not tell"
        return f"{found}; about {more} more repeat{'s' * (more != 1)} would tell"
    text = f"B {found} A" if is_of_two else f"{found} {row['no_effect']:g}"
    if found == MORE:
        text = f"more than {within} different"
    return f"{text} (Holm p {row['p_holm']:.2g})"


def notes(group: Facts) -> Iterator[str]:
    """Say what is not known of a group, missing in it, or may have disturbed it."""
    most = max((row["units"] or 0 for row in group["rows"]), default=0)
    if 0 < most <= 2:
        yield "run-to-run variation unknown: one or two do not show it"
    for reason, count in group["missing"].items():
        yield f"missing in {count} of {group['experiments']}: {reason}"
    yield from (f"warning: {warning}" for warning in group["warnings"])


# -- levels of a factor ----------------------------------------------------------------


def blocks_of_levels(groups: Sequence[Facts], factor: str) -> Iterator[Block]:
    """Yield a table for each stratum: the levels of the figures that have verdicts."""
    strata: dict[int, list[Facts]] = {}
    for group in groups:
        strata.setdefault(group["stratum"], []).append(group)
    for members in strata.values():
        yield Heading(heading_of_levels(members, factor, apart(groups)))
        for group in members:
            yield Text(
                f"{level(group)}: {described(group, factor)}; its name: {typed(group['names'])}"
            )
        yield Table([*level_rows(members)])
        for group in members:
            yield from (Text(f"{level(group)}: {note}") for note in notes(group))


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


def level(group: Facts) -> str:
    short = {"background": "b", "config": "c"}.get(group["by"])
    return f"{short}{group['level']}" if short else f"{group['by']} {group['level']}"


def short(text: str) -> str:
    """Return a level as it fits into a table; its whole text stands above."""
    text = printable(text)
    return text if len(text) <= LEVEL_SHOWN else f"{text[: LEVEL_SHOWN - 3]}..."


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
                *(verdict(row) for _ in last),
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
    rows = group["rows"]
    delta = [] if group["paired"] else ["Cliff's delta"]
    titles = ("figure", units_title(group), "A", "B", "B against A", *delta, spread_title(rows))
    yield Table([titles, *(cells_of_two(row, group) for row in rows)])
    yield from verdicts(group)
    if group["no_joules"]:
        yield Text(f"no joules: {group['no_joules']}")
    yield from map(Text, notes(group))


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


def differing(side: Facts, names: set[str]) -> Iterator[str]:
    """Yield in what one side differs from the other, as far as it is one thing there."""
    for name in side:
        if name in names and name not in ("hardware", "intensity"):
            value = side[name]
            yield f"several {name}" if value is None else str(value) or f"no {name}"


# -- words -----------------------------------------------------------------------------


def apart(groups: Sequence[Facts]) -> set[str]:
    """Return in which of code and settings some groups of one comparison differ."""
    return {name for name in ("code", "settings") if len({group[name] for group in groups}) > 1}


def training(group: Facts) -> str:
    foreground = group["foreground"] or "several foregrounds"
    values = "several values" if group["values"] is None else group["values"]
    return " ".join(filter(None, (foreground, values)))


def background(group: Facts) -> str:
    name = group["background"] or "several backgrounds"
    return " ".join(filter(None, (name, group["hyperparameters"])))


def load(group: Facts) -> str:
    return ", ".join(filter(None, (background(group), group["dose"])))


def where(group: Facts, shown: set[str]) -> str:
    """Return the device, and commits and what was set where that tells groups apart."""
    device = group["device"] or group["hardware"] or "several devices"
    more = [f"at {group['code']}"] if "code" in shown else []
    more += [group["settings"] or "nothing set"] if "settings" in shown else []
    return f"on {', '.join([device, *more])}"


def units_title(group: Facts) -> str:
    return "configs" if group["unit"] == CONFIGURATION else "pairs"


def size(group: Facts) -> str:
    experiments = group["experiments"]
    pairs = f"{experiments} pair{'s' * (experiments != 1)}"
    if group["unit"] == CONFIGURATION:
        return f"{pairs} of {group['configurations']} configurations, each of which counts once"
    return pairs


def typed(names: Sequence[str]) -> str:
    """Return names as they are typed into a shell."""
    return " ".join(map(shlex.quote, names))


def number(value: float | None) -> str:
    """Return a number in at most nine characters."""
    if value is None:
        return "-"
    size = abs(value)
    if 0 < size < 0.0001 or size >= 10_000_000:
        return f"{value:.2e}"
    if size < 0.01:
        return f"{value:.4f}"
    return f"{value:.4g}" if size < 10_000 else f"{value:.0f}"
