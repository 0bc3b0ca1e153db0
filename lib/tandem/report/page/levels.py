"""What a comparison says of the levels of a factor, and of the dose of a background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.base.text import counted
from tandem.interference.compare.pairs import Pair
from tandem.interference.compare.rows import NO_EFFECT, TESTED
from tandem.report.compare.text import heading_of_levels
from tandem.report.compare.wording import apart, level, load, number, spread, units_title, where
from tandem.report.page.effects import COLUMNS, data_of, forest_figure, rows_of
from tandem.report.page.figure import Figure
from tandem.report.page.markup import Content, element
from tandem.report.plots.dose import Dose, dose_curve
from tandem.report.plots.labels import shortened
from tandem.report.titles import TITLES

Facts = Mapping[str, Any]

MOST_LEVELS, MOST_FACTORS = 12, 4
MOST_PAIRS = 2000  # with more, levels take longer than a page may: their command is named


def factors_of(pairs: Sequence[Pair]) -> list[str]:
    """Return what has several levels: sharing, limits and clocks, loads, given hyperparameters."""
    found: dict[str, set[str]] = {}
    for pair in pairs:
        for name, condition in pair.cell.setup.values.items():
            found.setdefault(name, set()).add(str(condition))
        found.setdefault("background", set()).add(str(pair.cell.load))
        found.setdefault("foreground", set()).add(pair.cell.foreground)
        for name, value in pair.given.items():
            found.setdefault(name, set()).add(str(value))
    return [name for name, levels in found.items() if 1 < len(levels) <= MOST_LEVELS]


def level_figures(found: Facts, command: str) -> list[Figure]:
    """Return a forest for each figure that has verdicts; a row is a level beside its load."""
    groups, factor = found["groups"], found["by"]
    shown, several = apart(groups), len({where(group, set()) for group in groups}) > 1
    labels = []
    for group in groups:
        parts = [level(group)]
        parts.append(load(group) if factor == "background" else f"beside {load(group)}")
        parts += [where(group, shown)] if shown or several else []
        labels.append(" ".join(parts))
    common, short = shortened(labels)
    return [
        forest_figure(groups, name, f"by-{factor}-{name}", command, (short, common))
        for name in TESTED
    ]


def dose_figures(groups: Sequence[Facts], command: str) -> list[Figure]:
    """Return the curves of each background that ran at several intensities."""
    strata: dict[int, list[Facts]] = {}
    for group in groups:
        strata.setdefault(group["stratum"], []).append(group)
    return [
        _dose_figure(
            members,
            f"dose-{number}",
            heading_of_levels(members, "intensity", apart(groups)),
            command,
        )
        for number, members in strata.items()
    ]


def _dose_figure(members: Sequence[Facts], key: str, title: str, command: str) -> Figure:
    pairs = [pair for name in TESTED for pair in rows_of(members, name)]
    plots: list[Content] = []
    for name in TESTED:
        rows = list(rows_of(members, name))
        doses = [_dose(group, row) for group, row in rows if row["estimate"] is not None]
        heading = element("h4", TITLES[name])
        if doses:
            curve = dose_curve(f"{TITLES[name]}, {title}", doses, NO_EFFECT[name], "intensity")
            says = "; ".join(f"{each.dose:g}: {each.says}" for each in doses)
            plots.append(element("div", heading, curve, element("p", says, class_="note")))
        else:
            reasons = {why for group, _ in rows for why in group["missing_by_figure"].get(name, {})}
            text = f"No value: {'; '.join(sorted(reasons)) or 'not known'}."
            plots.append(element("div", heading, element("p", text, class_="note")))
    units = sorted({row["units"] for _, row in pairs if row["units"]})
    what = units_title(members[0])
    counts = " to ".join(dict.fromkeys(map(str, units[:1] + units[-1:]))) or "no"
    sentences = [f"{counted(len(members), 'dose')}, each of {counts} {what}; no verdicts."]
    drawing = element("div", *plots, class_="curves")
    return Figure(key, title, drawing, sentences, COLUMNS, data_of(pairs), command)


def _dose(group: Facts, row: Facts) -> Dose:
    shown = spread(row)
    says = number(row["estimate"]) + (f" ({shown})" if shown else "")
    ends = row["estimate"], row["low"], row["high"]
    return Dose(float(group["level"]), row["values"] or [], *ends, says)
