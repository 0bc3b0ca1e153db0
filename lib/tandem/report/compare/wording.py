"""The words and numbers of a comparison for a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tandem.base.text import counted, printable
from tandem.interference.compare.rows import BELOW_RESOLUTION, LESS, MORE, NOT_KNOWN
from tandem.interference.compare.units import CONFIGURATION
from tandem.interference.statistics.estimate import ENOUGH
from tandem.report.shell import shell_line
from tandem.report.titles import TITLES

LEVEL_SHOWN = 20
BOARD_SHOWN = 12  # characters of a UUID

Facts = Mapping[str, Any]


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
    pairs = counted(experiments, "pair")
    if group["unit"] == CONFIGURATION:
        return f"{pairs} of {group['configurations']} configurations, each of which counts once"
    return pairs


def typed(names: Sequence[str]) -> str:
    """Return names as they are typed into a shell."""
    return shell_line(names)


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


def level(group: Facts) -> str:
    short = {"background": "b", "config": "c"}.get(group["by"])
    return f"{short}{group['level']}" if short else f"{group['by']} {group['level']}"


def short(text: str) -> str:
    """Return a level as it fits into a table; its whole text stands above."""
    text = printable(text)
    return text if len(text) <= LEVEL_SHOWN else f"{text[: LEVEL_SHOWN - 3]}..."


def differing(side: Facts, names: set[str]) -> Iterator[str]:
    """Yield in what one side differs from the other, as far as it is one thing there."""
    for name in side:
        if name in names and name not in ("hardware", "intensity"):
            value = side[name]
            yield f"several {name}" if value is None else str(value) or f"no {name}"


# -- figures ----------------------------------------------------------------------------


def spread_title(rows: Sequence[Facts]) -> str:
    has_interval = {row["low"] is not None for row in rows if row["estimate"] is not None}
    if has_interval == {True}:
        return "95 % interval"
    return "95 % interval, or all values" if True in has_interval else "all values"


def cells(row: Facts, has_boards: bool) -> tuple[str, ...]:
    board = f" ({row['board'][:BOARD_SHOWN]})" if has_boards and row["board"] else ""
    title = TITLES[row["figure"]] + board
    return (title, row["label"] or "", str(row["units"]), number(row["estimate"]), spread(row))


def spread(row: Facts) -> str:
    """Return a row's interval; below six units all values, of one its clocks' uncertainty."""
    if row["low"] is not None:
        return f"{number(row['low'])} to {number(row['high'])}"
    values = row["values"] or []
    if len(values) == 1:
        clocks = row["clock_uncertainty"]
        return f"± {number(clocks)} by its clocks" if clocks is not None else ""
    return ", ".join(map(number, values)) if len(values) < ENOUGH else ""


def with_values(group: Facts) -> list[Facts]:
    return [row for row in group["rows"] if row["estimate"] is not None]


def without_values(group: Facts) -> Iterator[str]:
    """Say which figures nobody has."""
    names = [TITLES[row["figure"]] for row in group["rows"] if row["estimate"] is None]
    if names:
        yield f"without a value: {'; '.join(names)}"
    if group["no_joules"]:
        yield f"no joules: {group['no_joules']}"


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
        return f"{found}; about {counted(more, 'more repeat')} would tell"
    text = f"B {found} A" if is_of_two else f"{found} {row['no_effect']:g}"
    if found == MORE:
        text = f"more than {within}"
    return f"{text} (Holm p {row['p_holm']:.2g})"


def notes(group: Facts) -> Iterator[str]:
    """Say what is not known of a group, missing in it, or may have disturbed it."""
    most = max((row["units"] or 0 for row in group["rows"]), default=0)
    if 0 < most <= 2:
        yield "run-to-run variation unknown: one or two do not show it"
    for reason, count in group["missing"].items():
        yield f"missing in {count} of {group['experiments']}: {reason}"
    yield from (f"warning: {warning}" for warning in group["warnings"])
