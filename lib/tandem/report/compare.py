"""The comparison of runs as text: `driver.py compare RUN...`."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.base.text import SCREEN_COLUMNS, aligned, printable
from tandem.interference.compare import compare

TITLES = {
    "slowdown": "slowdown",
    "slowdown_of_epochs": "slowdown of epochs",
    "background_progress_ratio": "background progress",
    "antt": "ANTT",
    "stp": "STP",
    "energy_ratio": "energy ratio",
    "marginal_energy_joules": "marginal energy, J",
    "foreground_energy_low_joules": "fg energy low, J",
    "foreground_energy_high_joules": "fg energy high, J",
    "foreground_energy_shapley_joules": "fg energy Shapley, J",
    "saving_of_sharing": "saving of sharing",
    "foreground_energy_estimate_joules": "fg energy estimate, J",
}
COLUMNS = ("figure", "label", "pairs", "median", "spread", "", "")
LEGEND = (
    "95 %: percentile-bootstrap interval of the median, from six pairs on that share no baseline; "
    "range: all values; sd: the standard deviation of a single value, which does not include "
    "run-to-run variation. Below resolution: less than twice its uncertainty away from no effect "
    "(1 for ratios, 0 for marginal energy and saving). Joules may be off by the board's gain as "
    "well."
)


def text_of_compare(runs: Sequence[Path]) -> str:
    """Return the comparison of some runs' records for a person, at most 100 columns wide.

    Raises UsageError for a folder that is no run, or of whose records none can be read.
    """
    comparison = compare(runs)
    lines = [line for group in comparison["groups"] for line in (*group_lines(group), "")]
    lines += wrapped(LEGEND) if lines else ["no parallel record that can be compared"]
    for reason, count in comparison["left_out"].items():
        lines += wrapped(f"left out: {count} {reason}")
    for problem in comparison["damaged"]:
        lines += wrapped(f"left out: {problem}")
    return "\n".join(lines)


def group_lines(group: Mapping[str, Any]) -> list[str]:
    foreground = " ".join(filter(None, (group["foreground"], group["values"])))
    background = " ".join(filter(None, (group["background"], group["hyperparameters"])))
    load = ", ".join(filter(None, (background, group["dose"])))
    device = group["device"] or "an unknown device"
    lines = wrapped(f"{foreground} beside {load}, on {device}")
    lines += aligned([COLUMNS, *map(cells_of, group["rows"])])
    for reason, count in group["missing"].items():
        lines += wrapped(f"missing in {count} of {group['experiments']}: {reason}")
    return lines


def cells_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    title, label = TITLES[row["figure"]], row["label"]
    if not row["pairs"]:
        return (title, label, "0", "-", "", "", "")
    spread, kind = f"{shown(row['low'])} to {shown(row['high'])}", row["spread"]
    if kind is None:
        spread, kind = (f"± {shown(row['uncertainty'])}", "sd") if row["uncertainty"] else ("", "")
    note = "below resolution" if row["below_resolution"] else ""
    return (title, label, str(row["pairs"]), shown(row["median"]), spread, kind, note)


def shown(value: float) -> str:
    """Return a number in at most nine characters."""
    size = abs(value)
    if 0 < size < 0.0001 or size >= 10_000_000:
        return f"{value:.2e}"
    if size < 0.01:
        return f"{value:.4f}"
    return f"{value:.4g}" if size < 10_000 else f"{value:.0f}"


def wrapped(text: str) -> list[str]:
    return textwrap.wrap(
        printable(text), SCREEN_COLUMNS, subsequent_indent="  ", break_on_hyphens=False
    )
