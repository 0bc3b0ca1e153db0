"""The words and numbers of a comparison for a person."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from tandem.base.text import counted, printable
from tandem.config.options import CONDITIONS, SHARING_NAMES, TIME_SLICING
from tandem.interference.compare.rows import BELOW_RESOLUTION, LESS, MORE, NOT_KNOWN
from tandem.interference.compare.setup import condition_label
from tandem.interference.compare.units import CONFIGURATION
from tandem.interference.statistics.estimate import ENOUGH
from tandem.report.shell import shell_line
from tandem.report.titles import TITLES, source

LEVEL_SHOWN = 20
BOARD_SHOWN = 12  # characters of a UUID
MOST_BOARDS = 4  # whose joules a table for people has

Facts = Mapping[str, Any]


def apart(groups: Sequence[Facts]) -> set[str]:
    """Return in which of code, setup and settings some groups of one comparison differ."""
    names = ("code", "setup", "settings")
    return {name for name in names if len({group[name] for group in groups}) > 1}


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
    """Return the device; how it was shared and set where that is unusual or tells groups apart.

    So for commits, and for what somebody else had set.
    """
    device = group["device"] or group["hardware"] or "several devices"
    is_unusual = group["setup"] not in (None, "", SHARING_NAMES[TIME_SLICING])
    more = [group["setup"] or "nothing asked for"] if "setup" in shown or is_unusual else []
    more += [f"at {group['code']}"] if "code" in shown else []
    more += [group["settings"] or "nothing set"] if "settings" in shown else []
    return f"on {', '.join([device, *more])}"


def units_title(group: Facts) -> str:
    return "configs" if group["unit"] == CONFIGURATION else "pairs"


def size(group: Facts) -> str:
    experiments = group["experiments"]
    pairs = counted(experiments, "pair")
    if group["unit"] == CONFIGURATION:
        if group["configurations"] == 1:
            return f"{pairs} of one configuration, which counts once"
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
    if group["by"] in CONDITIONS:
        return condition_label(group["by"], group["level"])
    short = {"background": "b", "config": "c"}.get(group["by"])
    return f"{short}{group['level']}" if short else f"{group['by']} {group['level']}"


def short(text: str) -> str:
    """Return a level as it fits into a table; its whole text stands above."""
    text = printable(text)
    return text if len(text) <= LEVEL_SHOWN else f"{text[: LEVEL_SHOWN - 3]}..."


def bound(value: float, row: Facts) -> str:
    """Return a bound; more digits where it would look like the number that a verdict goes by."""
    edges, within = {row["no_effect"]}, row["equivalent_within"]
    if within is not None and row["no_effect"]:
        edges |= {1 + within, 1 / (1 + within)}
    return told_apart(value, number(value), edges)


def told_apart(value: float, text: str, edges: Collection[float | None]) -> str:
    """Return a number as a text, or with more digits where that says one of the edges."""
    shown_edges = {number(edge) for edge in edges if value != edge}
    for digits in range(5, 18):
        if text not in shown_edges:
            break
        text = f"{value:.{digits}g}"
    return text


def differing(side: Facts, names: set[str]) -> Iterator[str]:
    """Yield in what one side differs from the other, as far as it is one thing there."""
    for name in side:
        if name in names and name not in ("hardware", "intensity"):
            value = side[name]
            yield f"several {name}" if value is None else str(value) or f"no {name}"


# -- figures ----------------------------------------------------------------------------


def spread_title(rows: Sequence[Facts]) -> str:
    known = [row for row in rows if row["estimate"] is not None]
    has_interval = {row["low"] is not None for row in known}
    if {len(row["values"] or []) for row in known} == {1}:
        return "uncertainty"
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
        return f"{bound(row['low'], row)} to {bound(row['high'], row)}"
    values = row["values"] or []
    if len(values) == 1:
        clocks = row["clock_uncertainty"]
        return f"± {number(clocks)} {source(row['figure'])}" if clocks is not None else ""
    return ", ".join(map(number, values)) if len(values) < ENOUGH else ""


def with_values(group: Facts) -> list[Facts]:
    return [row for row in group["rows"] if row["estimate"] is not None]


def shown_rows(group: Facts) -> list[Facts]:
    """Return what a table for people has: of many boards no joules, which have a row for each."""
    known = with_values(group)
    return [row for row in known if not row["board"]] if has_many_boards(group) else known


def has_many_boards(group: Facts) -> bool:
    return len({row["board"] for row in group["rows"] if row["board"]}) > MOST_BOARDS


def without_values(group: Facts) -> Iterator[str]:
    """Say which figures nobody has."""
    without = (TITLES[row["figure"]] for row in group["rows"] if row["estimate"] is None)
    names = list(dict.fromkeys(without))  # of several boards each has rows of its own
    if names:
        yield f"without a value: {'; '.join(names)}"
    if group["no_joules"]:
        yield f"no joules: {group['no_joules']}"


def verdict(row: Facts, group: Facts) -> str:
    found, within = row["verdict"], f"{100 * (row['equivalent_within'] or 0):.6g} %"
    if found in (None, BELOW_RESOLUTION):
        return found or ""
    if found == LESS:
        return f"less than {within} different"
    if found == NOT_KNOWN:
        more, what = row["more_repeats"], more_of(group)
        if more is None:
            return f"{found}; 1000 more {what}s would not tell"
        return f"{found}; about {counted(more, f'more {what}')} would tell"
    text = f"B {found} A" if "second" in group else f"{found} {row['no_effect']:g}"
    if found == MORE:
        text = f"more than {within}"
    p = told_apart(row["p_holm"], f"{row['p_holm']:.2g}", [0.05])
    return f"{text} (Holm p {p})"


def more_of(group: Facts) -> str:
    """Return what there must be more of to know more: what counts once."""
    return "configuration" if group["unit"] == CONFIGURATION else "repeat"


def notes(group: Facts) -> Iterator[str]:
    """Say what is not known of a group, missing in it, or may have disturbed it."""
    most = max((row["units"] or 0 for row in group["rows"]), default=0)
    if 0 < most <= 2:
        yield "run-to-run variation unknown: one or two values do not show it"
    boards, hosts = group.get("boards", 0), group.get("hosts", 1)
    if boards > 1 or hosts > 1:
        where = (
            f"{counted(boards, 'board')} of {counted(hosts, 'host')}"
            if boards
            else f"{hosts} hosts"
        )
        yield f"the pairs are from {where}; each is compared only within itself"
    if has_many_boards(group):
        yield "joules have a row for each board: --format csv has them"
    for reason, count in group["missing"].items():
        yield f"missing in {count} of {group['experiments']}: {reason}"
    yield from (f"warning: {warning}" for warning in group["warnings"])
