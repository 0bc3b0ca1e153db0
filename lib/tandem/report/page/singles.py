"""Trainings one by one: durations and energies by configuration, every experiment a dot."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tandem.base.text import counted
from tandem.report.compare.wording import number
from tandem.report.page.blocks import bullets
from tandem.report.page.figure import Figure
from tandem.report.page.markup import Content
from tandem.report.page.trained import Trained
from tandem.report.plots.forest import ForestRow, forest
from tandem.report.plots.labels import shortened

_FEW = 5  # values that are written out
COLUMNS = ("experiment", "foreground", "values", "background")
WHAT = "Every dot is one valid experiment; without a comparison there is no estimate."


def alone(
    trained: Sequence[Trained], name: str, title: str, key: str, command: str
) -> list[Content]:
    """Return the figure of one thing of some trainings; [] where there are none."""
    if not trained:
        return []
    by_work: dict[str, list[Trained]] = {}
    for each in trained:
        beside = f" beside {each.background}" if each.background else ""
        by_work.setdefault(each.configuration + beside, []).append(each)
    common, labels = shortened(list(by_work))
    rows = [
        _row(label, members, name) for label, members in zip(labels, by_work.values(), strict=True)
    ]
    sentences = [WHAT, *([f"In all rows: {common}."] if common else [])]
    if any(row.values for row in rows):
        drawing = forest(rows, ("training", title, "values"))
    else:
        reasons = dict.fromkeys(text for row in rows for text in row.says)
        drawing = bullets(reasons)
    data = [
        (each.experiment, each.foreground, each.values, each.background, getattr(each, name))
        for each in trained
    ]
    figure = Figure(key, title, drawing, sentences, (*COLUMNS, name), data, command)
    return [figure.element()]


def why_not_measured(reason: str | None, name: str) -> str:
    """Return what a record's reason, `CPU: ...; GPU: ...`, says of the energy of that name."""
    parts = re.split("; (?=(?:CPU|GPU)\\b)", reason or "not measured")
    device = name.partition("_")[0].upper()
    return "; ".join(part for part in parts if part.startswith(device)) or "; ".join(parts)


def _row(label: str, members: Sequence[Trained], name: str) -> ForestRow:
    values = [value for each in members if (value := getattr(each, name)) is not None]
    says = [counted(len(values), "experiment")] if values else []
    if len(values) < len(members):
        reasons = dict.fromkeys(
            why_not_measured(each.energy_reason, name)
            for each in members
            if getattr(each, name) is None
        )
        says.append(f"without a value: {len(members) - len(values)}: {'; '.join(reasons)}")
    if 0 < len(values) <= _FEW:
        says.insert(0, ", ".join(map(number, values)))
    elif values:
        says.insert(0, f"{number(min(values))} to {number(max(values))}")
    return ForestRow(label, values, None, None, None, says)
