"""What a comparison says, as figures of the report: forests, heat maps, curves over the dose.

Every number is that of the comparison, every sentence that of report/compare/wording.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tandem.base.text import counted
from tandem.interference.compare.rows import NO_EFFECT
from tandem.report.compare.wording import (
    BOARD_SHOWN,
    apart,
    load,
    number,
    spread,
    training,
    units_title,
    verdict,
    where,
)
from tandem.report.page.blocks import bullets
from tandem.report.page.figure import Figure
from tandem.report.plots.forest import ForestRow, forest
from tandem.report.plots.heatmap import Heat, heatmap
from tandem.report.plots.labels import shortened
from tandem.report.titles import TITLES

Facts = Mapping[str, Any]

CELL_COLUMNS = ("foreground", "values", "background", "hyperparameters", "dose", "intensity")
PLACE_COLUMNS = ("device", "code", "setup", "settings", "level")
ROW_COLUMNS = (
    *("figure", "measure", "label", "board", "pairs", "units", "estimate", "low", "high"),
    *("no_effect", "below_resolution", "p", "p_holm", "verdict", "clock_uncertainty"),
)
COLUMNS = (*CELL_COLUMNS, *PLACE_COLUMNS, *ROW_COLUMNS, "values_of_units")
CLEAR = 0.05
MEANS = {
    "slowdown": "How many times longer the foreground took than alone.",
    "energy_ratio": "GPU energy beside the background, of both trainings, over that of the"
    " foreground alone.",
    "background_progress_ratio": "How fast the background went, as a share of its speed alone.",
}


# -- data ------------------------------------------------------------------------------


def rows_of(groups: Sequence[Facts], figure: str) -> Iterator[tuple[Facts, Facts]]:
    """Yield each group with its row of a figure; of joules it has one for each board."""
    for group in groups:
        yield from ((group, row) for row in group["rows"] if row["figure"] == figure)


def data_of(pairs: Sequence[tuple[Facts, Facts]]) -> list[list[object]]:
    """Return a line for each row, with the values in one cell: [1.25 1.3]."""
    return [
        [
            *(group[name] for name in (*CELL_COLUMNS, *PLACE_COLUMNS)),
            *(row[name] for name in ROW_COLUMNS),
            f"[{' '.join(map(repr, row['values'] or []))}]",
        ]
        for group, row in pairs
    ]


# -- words -----------------------------------------------------------------------------


def names_of(groups: Sequence[Facts]) -> tuple[list[str], str]:
    """Return what each cell is, and what all of them have in common."""
    common, trainings = shortened([place_of(group, groups) for group in groups])
    common_load, loads = shortened([load(group) for group in groups])
    parts = [f"foreground {common}"] if common else []
    parts += [f"background {common_load}"] if common_load else []
    names = [" beside ".join(each) for each in zip(trainings, loads, strict=True)]
    return names, ", ".join(parts)


def place_of(group: Facts, groups: Sequence[Facts]) -> str:
    """Return a foreground; and device, code and what was set, where they tell groups apart."""
    shown = apart(groups)
    has_place = shown or len({where(each, set()) for each in groups}) > 1
    return training(group) + (f", {where(group, shown)}" if has_place else "")


def says(group: Facts, row: Facts) -> list[str]:
    """Return what stands beside a row: estimate, interval or values, verdict; or why not."""
    if row["estimate"] is None:
        return [f"no value: {why_not(group, row['figure'])}"]
    units = row["units"]
    what = units_title(group) if units != 1 else units_title(group).removesuffix("s")
    interval = spread(row)
    if row["low"] is not None:
        interval = f"95 %: {interval}"
    lines = [number(row["estimate"]), interval, f"{units} {what}", verdict(row, group)]
    return [line for line in lines if line]


def why_not(group: Facts, figure: str) -> str:
    """Return why nobody has a figure of a group."""
    if group["no_joules"] and figure.endswith("_joules"):
        return str(group["no_joules"])
    reasons = group["missing_by_figure"].get(figure, {})
    return "; ".join(reasons) or "not known"


def counts_of(rows: Sequence[tuple[Facts, Facts]]) -> str:
    """Say in one sentence how the verdicts are spread."""
    found: dict[str, int] = {}
    for group, row in rows:
        if row["estimate"] is None:
            text = "without a value"
        else:
            text = verdict(row, group).partition(" (")[0] or "without a verdict"
        found[text] = found.get(text, 0) + 1
    clear = sum(row["p_holm"] <= CLEAR for _, row in rows if row["p_holm"] is not None)
    tested = any(row["p_holm"] is not None for _, row in rows)
    holm = f"; {clear} with a Holm p of at most {CLEAR}" if tested else ""
    return "; ".join(f"{count} {text}" for text, count in found.items()) + holm


# -- figures ---------------------------------------------------------------------------


def forest_figure(
    groups: Sequence[Facts],
    figure: str,
    key: str,
    command: str,
    named: tuple[Sequence[str], str],
) -> Figure:
    """Return the forest of one figure over some cells or levels; `named` is as of names_of()."""
    labels, common = named
    by_group = {id(group): label for group, label in zip(groups, labels, strict=True)}
    pairs = list(rows_of(groups, figure))
    has_boards = len({row["board"] for _, row in pairs}) > 1
    rows = [forest_row(by_group[id(group)], group, row, has_boards) for group, row in pairs]
    sentences = [MEANS[figure]] if figure in MEANS else []
    sentences += [f"{counted(len(rows), 'row')}: {counts_of(pairs)}."]
    sentences += [f"In all rows: {common}."] if common else []
    title = TITLES[figure]
    if any(row.values for row in rows):
        drawing = forest(rows, ("compared", title, "estimate"), NO_EFFECT.get(figure))
    else:
        reasons = dict.fromkeys(why_not(group, figure) for group in groups)
        drawing = bullets(f"no value: {why}" for why in reasons)
    return Figure(key, title, drawing, sentences, COLUMNS, data_of(pairs), command)


def forest_row(label: str, group: Facts, row: Facts, has_boards: bool) -> ForestRow:
    label = f"{label} ({row['board'][:BOARD_SHOWN]})" if has_boards else label
    ends = row["estimate"], row["low"], row["high"]
    return ForestRow(label, row["values"] or [], *ends, says(group, row))


def heat_figure(groups: Sequence[Facts], figure: str, key: str, command: str) -> Figure | None:
    """Return the heat map of one ratio: foregrounds by backgrounds; None: it has no value."""
    pairs = list(rows_of(groups, figure))
    if not any(row["estimate"] for _, row in pairs):
        return None
    names = {id(group): place_of(group, groups) for group in groups}
    rows = list(dict.fromkeys(names[id(group)] for group, _ in pairs))
    columns = list(dict.fromkeys(load(group) for group, _ in pairs))
    row_at = {name: at for at, name in enumerate(rows)}
    column_at = {name: at for at, name in enumerate(columns)}
    cells = {
        (row_at[names[id(group)]], column_at[load(group)]): heat_of(group, row)
        for group, row in pairs
    }
    (common, rows), (common_load, columns) = shortened(rows), shortened(columns)
    sentences = [MEANS[figure]]
    sentences += [f"Foreground in all rows: {common}."] if common else []
    sentences += [f"Background in all columns: {common_load}."] if common_load else []
    title = f"{TITLES[figure]}: foreground by background"
    drawing = heatmap(TITLES[figure], rows, columns, cells)
    return Figure(key, title, drawing, sentences, COLUMNS, data_of(pairs), command)


def heat_of(group: Facts, row: Facts) -> Heat:
    if row["estimate"] is None:
        return Heat(None, why=why_not(group, row["figure"]))
    below = row["below_resolution"]
    return Heat(row["estimate"], None if below is None else not below)
