"""What parallel experiments and their controls say over all repeats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tandem.base.errors import UsageError
from tandem.interference.cells import KEYS, group_of
from tandem.interference.figures import NAMES
from tandem.interference.quantity import Quantity
from tandem.interference.repeats import is_below_resolution, repeats_of
from tandem.results.record import Figure, Interference, Record, last_window
from tandem.results.record_file import NAME, current_interference, read_record

# What each would be if the two did not touch each other, or (STP, saving) took turns.
NO_EFFECT = {
    "slowdown": 1.0,
    "slowdown_of_epochs": 1.0,
    "background_progress_ratio": 1.0,
    "antt": 1.0,
    "stp": 1.0,
    "energy_ratio": 1.0,
    "marginal_energy_joules": 0.0,
    "saving_of_sharing": 0.0,
}
_FIGURE = {"value", "clock_uncertainty", "label", "reason"}
_NOT_WHOLE = (KeyError, IndexError, TypeError, AttributeError, ValueError)
_NUMBER = re.compile(r"\d[\d.]*")


@dataclass(frozen=True)
class Pair:
    """A parallel record with figures; pairs with a baseline in common are not independent."""

    record: Record
    interference: Interference
    baselines: frozenset[tuple[str, ...]]

    @property
    def figures(self) -> Mapping[str, Figure]:
        return self.interference["figures"]


def compare(runs: Sequence[Path]) -> dict[str, Any]:
    """Return "groups", "left_out" (a count by reason) and "damaged", as JSON.

    The last one names each record that cannot be read; a run of which none can is a UsageError.
    A group has "foreground", its "values" (those not drawn, and its GPUs), "background", its
    "hyperparameters" and "dose" (where it is not the usual one, and its GPUs), "device",
    "experiments", "missing" (a count by reason) and "rows", one a figure: "figure", "label",
    "pairs" and, where there is any, the fields of Repeats, "no_effect" and "below_resolution".
    """
    groups: dict[tuple[str, ...], list[Pair]] = {}
    left_out, damaged = [], []
    for run in dict.fromkeys(run.resolve() for run in runs):
        records, problems = read_run(run)
        damaged += problems
        for folder, record in records.items():
            if record["mode"] != "parallel":
                continue
            interference = current_interference(folder, record)
            try:
                if reason := why_left_out(record, interference):
                    left_out.append(reason)
                elif interference:
                    pair = pair_of(record, interference, run)
                    groups.setdefault(group_of(record), []).append(pair)
            except _NOT_WHOLE:
                file = folder / NAME
                damaged.append(f"{file}: not a whole record (restore it, or move its folder away)")
    return {
        "groups": [group_facts(key, pairs) for key, pairs in sorted(groups.items())],
        "left_out": counted(left_out),
        "damaged": damaged,
    }


# -- reading ---------------------------------------------------------------------------


def read_run(run: Path) -> tuple[dict[Path, Record], list[str]]:
    """Return the records of a run's folder by their own folders, and what is wrong with others.

    UsageError: it is no run's folder, or none of its records can be read.
    """
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
    records, problems = {}, []
    for file in files:
        try:
            records[file.parent] = read_record(file.parent)
        except UsageError as error:
            problems.append(str(error))
    if not records:
        raise UsageError(f"{run}: none of its records can be read: {problems[0]}")
    return records, problems


def why_left_out(record: Record, interference: Interference | None) -> str | None:
    """Return why a parallel record cannot stand in the comparison; None if it can."""
    if not record["valid"]:
        return f"not valid: {record['invalid_reasons'][0]}"
    if not interference:
        return "without figures of interference (its control has not ended, or one was changed)"
    return None


def pair_of(record: Record, interference: Interference, run: Path) -> Pair:
    """Return what stands in the comparison of a record; one of _NOT_WHOLE: it lacks something."""
    baselines = {("record", str(run), record["experiment_id"])}
    if record["twin"]:
        baselines.add(("twin", str(run), record["twin"]))
    if alone := last_window(record["windows"], "background"):
        baselines.add(("background", record["environment"]["hostname"], str(alone["started"])))
    pair = Pair(record, interference, frozenset(baselines))
    if not all(pair.figures[name].keys() >= _FIGURE for name in NAMES):
        raise ValueError("a figure lacks a part")
    return pair


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
    names, other_work = list(NAMES), different_epochs(pairs)
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
    epochs = {done for pair in pairs if (done := pair.record["epochs_done"]) is not None}
    if len(epochs) < 2:
        return None
    return f"a median of joules, which are of {min(epochs)} to {max(epochs)} epochs"


def reasons_of(pair: Pair) -> list[str]:
    """Return why figures of a pair are null, each reason once."""
    nulls = [each["reason"] for each in pair.figures.values() if each["value"] is None]
    return list(dict.fromkeys(reason for text in nulls for reason in (text or "").split("; ")))


def row_of(name: str, blocks: Sequence[Sequence[Pair]]) -> dict[str, Any]:
    label = blocks[0][0].figures[name]["label"]
    figures = [[pair.figures[name] for pair in block] for block in blocks]
    quantities = [
        [
            Quantity(each["value"], each["clock_uncertainty"])
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
