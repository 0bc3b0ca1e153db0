"""Plain tables for the screen: the small one at the end of a run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tandem.base.text import SCREEN_COLUMNS, aligned, counted
from tandem.plan.model import WARM_UP
from tandem.report.grid import grid, wrapped
from tandem.results.columns import Row
from tandem.results.state import Counts

_TITLES = (
    *("experiment", "duration", "main metric", "GPU J"),
    *("rounds", "coverage", "slowdown", "valid"),
)
_ONLY_IF_KNOWN = ("GPU J", "slowdown")  # to anybody
_LONGEST_METRIC = 20
_MOST_ROWS = 50


def print_table(rows: Sequence[Row], columns: int = SCREEN_COLUMNS) -> str:
    """The rows as a small plain table for the end of a run, why a row is not valid below it.

    The main metric is the first of a row that has a value. No line is longer than `columns`, nor
    than `SCREEN_COLUMNS`: where the table is wider, long names and cells go on below. There is no
    newline at the end.
    """
    columns = min(columns, SCREEN_COLUMNS)
    cells = _known_columns([_TITLES, *(_screen_cells(row) for row in rows)])
    lines = aligned(cells)
    if max(map(len, lines)) > columns:
        titles, *known = cells
        lines = grid(titles, [("", known)], columns)
    return "\n".join(lines + [line for row in rows for line in _why(row, columns)])


def table_at_end(rows: Sequence[Row], file: str, columns: int = SCREEN_COLUMNS) -> str:
    """The table of a run at its end: the newest rows; how many are left out, and their `file`."""
    table = print_table(rows[-_MOST_ROWS:], columns)
    if not (earlier := rows[:-_MOST_ROWS]):
        return table
    invalid = sum(row["valid"] is not True for row in earlier)
    also = f", {invalid} of them not valid" if invalid else ""
    left_out = f"{counted(len(earlier), 'earlier experiment')}{also}: all are in {file}"
    return "\n".join([*wrapped(left_out, min(columns, SCREEN_COLUMNS)), "", table])


def counting_rows(rows: Iterable[Row]) -> list[Row]:
    """Return the rows that count: not those of warm-ups, and of groups that have run again."""
    return [row for row in rows if row["counts"] is True]


def counts_line(rows: Sequence[Row], counts: Counts, go_on: str) -> str:
    """`9 experiments: 7 valid, 2 missing (make resume RUN=...)`; `go_on` is that command.

    What does not count is named behind it: `; not counted: 3 of groups that ran again, 1 warm-up`.
    """
    hint = f" ({go_on})" if counts.missing else ""
    return f"{counts_text(counts)}{hint}{_not_counted(rows, counts)}"


def counts_text(counts: Counts) -> str:
    """`9 experiments: 7 valid, 2 missing`."""
    kinds = {"valid": counts.valid, "not valid": counts.not_valid, "missing": counts.missing}
    words = ", ".join(f"{count} {kind}" for kind, count in kinds.items() if count)
    total = counted(sum(kinds.values()), "experiment")
    return f"{total}: {words}" if words else total


def _not_counted(rows: Sequence[Row], counts: Counts) -> str:
    warm_ups = sum(row["control"] == WARM_UP for row in rows)
    again = len(rows) - warm_ups - counts.valid - counts.not_valid
    kinds = [f"{again} of groups that ran again"] if again else []
    kinds += [counted(warm_ups, "warm-up")] if warm_ups else []
    return f"; not counted: {', '.join(kinds)}" if kinds else ""


def _known_columns(cells: Sequence[Sequence[str]]) -> list[list[str]]:
    """The rows without the columns that few machines can fill, where no row fills them."""
    unknown = {
        title
        for title, *column in zip(*cells, strict=True)
        if title in _ONLY_IF_KNOWN and set(column) == {"-"}
    }
    kept = [place for place, title in enumerate(cells[0]) if title not in unknown]
    return [[row[place] for place in kept] for row in cells]


def _screen_cells(row: Row) -> tuple[str, ...]:
    metrics = [name for name in row if name.startswith("perf_") and row[name] is not None]
    rounds = _text(row, "bg_rounds_completed", "{}")
    for how in ("failed", "hollow"):
        if count := row.get(f"bg_rounds_{how}"):
            rounds += f", {count} {how}"
    coverage = row.get("coverage")
    # Rounded down, so that what is below a limit never looks as if it had reached it.
    share = f"{math.floor(coverage * 1000) / 10} %" if isinstance(coverage, (int, float)) else "-"
    return (
        str(row["experiment_id"]),
        _text(row, "duration_seconds", "{:.1f} s"),
        _shortened(_metric(row, metrics[0])) if metrics else "-",
        _text(row, "energy_gpu_total_joules", "{:,.0f}"),
        rounds,
        share,
        _text(row, "slowdown", "{:.3f}"),
        "yes" if row["valid"] is True else "no",
    )


def _text(row: Row, column: str, form: str) -> str:
    """Return a value in a form, "-" for what is not known."""
    value = row.get(column)
    return "-" if value is None else form.format(value)


def _metric(row: Row, column: str) -> str:
    return f"{column.removeprefix('perf_')} {row[column]:.4g}"


def _shortened(text: str) -> str:
    """Both ends of a metric that is too long: its value is the second."""
    return text if len(text) <= _LONGEST_METRIC else f"{text[: _LONGEST_METRIC - 15]}…{text[-14:]}"


def _why(row: Row, columns: int) -> list[str]:
    if row["valid"] is True:
        return []
    why = row["invalid_reasons"] or row["error_message"] or row["status"]
    text = f"{row['experiment_id']} is not valid: {why}"
    return wrapped(text, columns)
