"""What `check` says of settings: the design as a table, what it takes, and what it can tell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from tandem.config.problems import Problem
from tandem.interference.spread import Spreads
from tandem.plan.model import Plan
from tandem.report.check.cells import HEADINGS, Cell, cells_of, row_of, training_name
from tandem.report.check.effects import effect_lines
from tandem.report.check.levels import level_lines
from tandem.report.check.lines import NOTHING, plan_head
from tandem.report.check.order import order_text
from tandem.report.check.time_and_energy import energy_text, outlook_of, time_text
from tandem.report.check.verdicts import verdict_lines
from tandem.report.grid import Line, grid, labelled, wrapped
from tandem.report.problems import problem_blocks
from tandem.results.earlier import earlier_in

MOST_ROWS = 100
VERDICTS = "verdicts: six units or more give an interval and a verdict, fewer their values alone"
NO_VERDICTS = "verdicts: none, since nothing runs beside a background"
EFFECTS = "the smallest effect that shows in four of five such runs"


def text_of_check(
    plan: Plan | None, problems: Sequence[Problem], results: Path, columns: int
) -> str:
    """Return the plan as a table, what it takes, what it can tell, and what is wrong.

    `results` is the folder of earlier runs. Paths and problems apart, no line is longer than
    `columns`.
    """
    blocks = [plan_head(plan), *_design(plan, results, columns)] if plan else [NOTHING]
    return "\n\n".join([*blocks, *problem_blocks(problems)])


def _design(plan: Plan, results: Path, columns: int) -> list[str]:
    cells, earlier = cells_of(plan), earlier_in(results)
    outlook = outlook_of(plan, earlier)
    takes = [
        ("order", order_text(plan)),
        ("time", time_text(outlook, results)),
        ("energy", energy_text(outlook, earlier)),
    ]
    tells = [*verdict_lines(cells, earlier.gpu), *level_lines(cells)]
    shows = effect_lines(cells, Spreads(earlier.records))
    blocks = [_table(cells, columns), labelled(takes, columns)]
    blocks += [_under(VERDICTS, tells, columns)] if tells else [wrapped(NO_VERDICTS, columns)]
    blocks += [_under(EFFECTS, shows, columns)] if shows else []
    return list(map("\n".join, blocks))


def _under(heading: str, lines: Sequence[Line], columns: int) -> list[str]:
    return wrapped(heading, columns) + labelled(lines, columns)


def _table(cells: Sequence[Cell], columns: int) -> list[str]:
    """Return the cells under their foregrounds; what nobody would read to its end is cut."""
    shown = cells[:MOST_ROWS]
    sections = [
        (name, list(map(row_of, members)))
        for name, members in groupby(shown, lambda cell: training_name(cell.first.foreground))
    ]
    left = len(cells) - len(shown)
    more = [f"and {left} more (--lines shows all)"] if left else []
    return grid(HEADINGS, sections, columns) + more
