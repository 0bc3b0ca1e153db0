"""What `check` says of settings: the design as a table, what it takes, and what it can tell."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from tandem.config.problems import Problem
from tandem.plan.model import Plan
from tandem.report.cells import TITLES, Cell, cells_of, row_of, training_name
from tandem.report.grid import grid
from tandem.report.lines import NOTHING, plan_head
from tandem.report.problems import problem_blocks

MOST_ROWS = 100


def text_of_check(plan: Plan | None, problems: Sequence[Problem], columns: int) -> str:
    """Return the plan as a table, a line a cell, then what is wrong; at most `columns` wide."""
    blocks = [plan_head(plan), *_design(plan, columns)] if plan else [NOTHING]
    return "\n\n".join([*blocks, *problem_blocks(problems)])


def _design(plan: Plan, columns: int) -> list[str]:
    cells = cells_of(plan)
    return ["\n".join(_table(cells, columns))]


def _table(cells: Sequence[Cell], columns: int) -> list[str]:
    """Return the cells under their foregrounds; what nobody would read to its end is cut."""
    shown = cells[:MOST_ROWS]
    sections = [
        (name, list(map(row_of, members)))
        for name, members in groupby(shown, lambda cell: training_name(cell.first.foreground))
    ]
    left = len(cells) - len(shown)
    more = [f"and {left} more (--lines shows all)"] if left else []
    return grid(TITLES, sections, columns) + more
