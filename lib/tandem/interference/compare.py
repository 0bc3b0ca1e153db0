"""What parallel experiments and their controls say over all repeats: `driver.py compare RUN...`."""

from __future__ import annotations

import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tandem.base.errors import UsageError
from tandem.config.problems import printable
from tandem.interference.cells import KEYS, group_of
from tandem.interference.quantity import Quantity
from tandem.interference.repeats import is_below_resolution, repeats_of
from tandem.measure.company import last_window
from tandem.report.summary import SCREEN_COLUMNS, aligned
from tandem.results.record import read_record

TITLES = {
    "slowdown": "slowdown",
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
# What each would be if the two did not touch each other, or (STP, saving) took turns.
NO_EFFECT = {
    "slowdown": 1.0,
    "background_progress_ratio": 1.0,
    "antt": 1.0,
    "stp": 1.0,
    "energy_ratio": 1.0,
    "marginal_energy_joules": 0.0,
    "saving_of_sharing": 0.0,
}
COLUMNS = ("figure", "label", "pairs", "median", "spread", "", "")
LEGEND = (
    "95 %: percentile-bootstrap interval of the median, from six pairs on that share no baseline; "
    "range: all values; sd: the one value's standard deviation, blind to how runs differ. Below "
    "resolution: less than twice its uncertainty away from no effect (1 for ratios, 0 for marginal "
    "energy and saving). Joules may be off by the board's gain as well."
)
_NUMBER = re.compile(r"\d[\d.]*")


@dataclass(frozen=True)
class Pair:
    """A parallel record with figures; pairs with a baseline in common are not independent."""

    record: Mapping[str, Any]
    baselines: frozenset[tuple[str, ...]]

    @property
    def figures(self) -> Mapping[str, Mapping[str, Any]]:
        figures: Mapping[str, Mapping[str, Any]] = self.record["interference"]["figures"]
        return figures


def text_of_compare(runs: Sequence[Path]) -> str:
    """Return the comparison of some runs' records for a person, at most 100 columns wide.

    Raises UsageError for a folder that is no run, and for a record that cannot be read.
    """
    comparison = compare(runs)
    lines = [line for group in comparison["groups"] for line in (*group_lines(group), "")]
    lines += wrapped(LEGEND) if lines else ["no parallel record that can be compared"]
    for reason, count in comparison["left_out"].items():
        lines += wrapped(f"left out: {count} {reason}")
    return "\n".join(lines)


def compare(runs: Sequence[Path]) -> dict[str, Any]:
    """Return the same for a machine: "groups", and "left_out", a count by reason.

    A group has "foreground", its "values" (those not drawn, and its GPUs), "background", its
    "hyperparameters" and "dose" (where it is not the usual one, and its GPUs), "device",
    "experiments", "missing" (a count by reason) and "rows", one a figure: "figure", "label",
    "pairs" and, where there is any, the fields of Repeats, "no_effect" and "below_resolution".
    """
    groups: dict[tuple[str, ...], list[Pair]] = {}
    left_out = []
    for run in dict.fromkeys(run.resolve() for run in runs):
        for record in read_run(run):
            if record["mode"] != "parallel":
                continue
            if reason := why_left_out(record):
                left_out.append(reason)
            else:
                groups.setdefault(group_of(record), []).append(pair_of(record, run))
    return {
        "groups": [group_facts(key, pairs) for key, pairs in sorted(groups.items())],
        "left_out": counted(left_out),
    }


# -- reading ---------------------------------------------------------------------------


def read_run(run: Path) -> list[dict[str, Any]]:
    """Return the records of a run's folder."""
    try:
        if not run.is_dir():
            raise UsageError(f"{run}: no such folder (name that of a run: results/run_...)")
        if (run / "experiment.json").exists():
            raise UsageError(f"{run}: the folder of one experiment (name the run's, one above)")
        files = sorted(run.glob("*/experiment.json"))
    except OSError as error:
        raise UsageError(f"{run}: cannot be read: {error.strerror} (check the folder)") from None
    if not files:
        raise UsageError(f"{run}: holds no records (name the folder of a run: results/run_...)")
    return [read_record(file.parent) for file in files]


def why_left_out(record: Mapping[str, Any]) -> str | None:
    """Return why a parallel record cannot stand in the comparison; None if it can."""
    if not record["valid"]:
        return f"not valid: {record['invalid_reasons'][0]}"
    if not record.get("interference"):
        return "without figures of interference (of an earlier version)"
    return None


def pair_of(record: Mapping[str, Any], run: Path) -> Pair:
    baselines = {("record", str(run), record["experiment_id"])}
    if record["twin"]:
        baselines.add(("twin", str(run), record["twin"]))
    if alone := last_window(record["windows"], "background"):
        baselines.add(("background", record["environment"]["hostname"], alone["started"]))
    return Pair(record, frozenset(baselines))


def in_blocks(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Return the pairs, those together that share a baseline, if only by way of others."""
    blocks: list[tuple[frozenset[tuple[str, ...]], list[Pair]]] = []
    for pair in pairs:
        baselines, members = pair.baselines, [pair]
        apart = []
        for block in blocks:
            if block[0] & pair.baselines:
                baselines, members = baselines | block[0], [*block[1], *members]
            else:
                apart.append(block)
        blocks = [*apart, (baselines, members)]
    return [members for _, members in blocks]


def counted(texts: Iterable[str]) -> dict[str, int]:
    """Return how often each text comes; those that differ in numbers alone count as the first."""
    firsts: dict[str, str] = {}
    return dict(Counter(firsts.setdefault(_NUMBER.sub("0", text), text) for text in texts))


# -- saying ----------------------------------------------------------------------------


def group_facts(key: tuple[str, ...], pairs: Sequence[Pair]) -> dict[str, Any]:
    blocks = in_blocks(pairs)
    missing = counted(reason for pair in pairs for reason in reasons_of(pair))
    names, other_work = list(TITLES), different_epochs(pairs)
    if other_work:
        names = [name for name in names if not name.endswith("_joules")]
        missing[other_work] = len(pairs)
    return {
        **dict(zip(KEYS, key, strict=True)),
        "experiments": len(pairs),
        "rows": [row_of(name, blocks) for name in names],
        "missing": missing,
    }


def different_epochs(pairs: Sequence[Pair]) -> str | None:
    """Return why the joules of pairs have no median: they are of different work."""
    epochs = {done for pair in pairs if (done := pair.record.get("epochs_done")) is not None}
    if len(epochs) < 2:
        return None
    return f"a median of joules, which are of {min(epochs)} to {max(epochs)} epochs"


def reasons_of(pair: Pair) -> list[str]:
    """Return why figures of a pair are null, each reason once."""
    nulls = [each["reason"] for each in pair.figures.values() if each["value"] is None]
    return list(dict.fromkeys(reason for text in nulls for reason in text.split("; ")))


def row_of(name: str, blocks: Sequence[Sequence[Pair]]) -> dict[str, Any]:
    label = blocks[0][0].figures[name]["label"]
    figures = [[pair.figures[name] for pair in block] for block in blocks]
    quantities = [
        [
            Quantity(each["value"], each["uncertainty"])
            for each in block
            if each["value"] is not None
        ]
        for block in figures
    ]
    known = [block for block in quantities if block]
    if not known:
        return {"figure": name, "label": label, "pairs": 0}
    repeats = repeats_of(known)
    no_effect = NO_EFFECT.get(name)
    is_below = None if no_effect is None else is_below_resolution(repeats, no_effect)
    own = {"no_effect": no_effect, "below_resolution": is_below}
    return {"figure": name, "label": label, **asdict(repeats), **own}


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
