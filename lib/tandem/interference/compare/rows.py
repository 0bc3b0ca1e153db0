"""A row of a comparison: what the units of some pairs say of one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tandem.interference.compare.pairs import Pair
from tandem.interference.compare.units import Unit
from tandem.interference.figures import NAMES
from tandem.interference.statistics.estimate import (
    Estimate,
    Scale,
    difference_of,
    estimate_of,
    holm,
)
from tandem.interference.statistics.resolution import equivalence

JOULES = "_joules"
TESTED = ("slowdown", "energy_ratio", "background_progress_ratio")
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
    "saving_of_sharing_above_idle": 0.0,
    "saving_of_sharing_above_idle_context": 0.0,
}
BELOW_RESOLUTION, ABOVE, BELOW = "below resolution", "above", "below"
LESS, MORE, NOT_KNOWN = "less", "more", "not known"  # than the margin of equivalence
KEYS = (  # of a row
    *("figure", "measure", "label", "board", "pairs", "units", "units_of_second"),
    *("first", "second", "estimate", "low", "high", "no_effect", "below_resolution"),
    *("p", "p_holm", "verdict", "equivalent_within", "more_repeats", "cliffs_delta"),
    *("clock_uncertainty", "values", "values_of_second"),
)

Row = dict[str, Any]


def scale_of(figure: str) -> Scale:
    return "ratio" if NO_EFFECT.get(figure) == 1.0 else "difference"


def value_of(pair: Pair, figure: str) -> float | None:
    return pair.figures[figure]["value"]


def names_without(joules: str | None, names: Sequence[str] = NAMES) -> list[str]:
    """Return the figures that there are rows of; `joules` is why there are none of joules."""
    return [name for name in names if not (joules and name.endswith(JOULES))]


def rows_of(units: Sequence[Unit], names: Sequence[str] = NAMES) -> list[Row]:
    """Return the rows of all figures; joules have one for each board: its gain is its own."""
    return [
        row_of(name, members, board) for name in names for board, members in by_board(name, units)
    ]


def by_board(name: str, units: Sequence[Unit]) -> list[tuple[str | None, list[Unit]]]:
    """Return the units that a row may put together, and of which boards they are."""
    if not name.endswith(JOULES):
        return [(None, list(units))]
    boards: dict[str, list[Unit]] = {}
    for unit in units:
        for board in dict.fromkeys(pair.board for pair in unit.pairs):
            parts = (tuple(each for each in part if each.board == board) for part in unit.parts)
            boards.setdefault(board, []).append(Unit(tuple(filter(None, parts)), unit.key))
    return list(boards.items())


def values_of(name: str, units: Sequence[Unit]) -> list[float]:
    found = (unit.value(lambda pair: value_of(pair, name)) for unit in units)
    return [value for value in found if value is not None]


def row_of(name: str, units: Sequence[Unit], board: str | None) -> Row:
    pairs = [pair for unit in units for pair in unit.pairs]
    known = [pair for pair in pairs if value_of(pair, name) is not None]
    values = values_of(name, units)
    row = heading(name, pairs, board) | {"pairs": len(known), "units": len(values)}
    if not values:
        return row
    row |= estimated(estimate_of(values, NO_EFFECT.get(name), scale_of(name)))
    if len(known) == 1:
        row["clock_uncertainty"] = known[0].figures[name].get("clock_uncertainty")
    return row


def row_of_two(name: str, first: Sequence[Unit], second: Sequence[Unit], is_paired: bool) -> Row:
    """Return by what the second sample differs: a ratio of ratios, else a difference.

    Where they are paired, the units of both stand in the same order.
    """
    pairs = [pair for unit in (*first, *second) for pair in unit.pairs]
    scale = scale_of(name)
    row = heading(name, pairs, None)
    if is_paired:
        both = [
            (a, b)
            for one, other in zip(first, second, strict=True)
            if (a := one.value(lambda pair: value_of(pair, name))) is not None
            and (b := other.value(lambda pair: value_of(pair, name))) is not None
        ]
        ours, theirs = [a for a, _ in both], [b for _, b in both]
    else:
        ours, theirs = values_of(name, first), values_of(name, second)
    row |= {"units": len(ours), "units_of_second": len(theirs)}
    if not ours or not theirs:
        return row
    middles = [estimate_of(values, None, scale).estimate for values in (ours, theirs)]
    row |= {"first": middles[0], "second": middles[1]}
    if not is_paired:
        return row | estimated(difference_of(ours, theirs, scale))
    if scale == "ratio" and min(*ours, *theirs) > 0:
        return row | estimated(estimate_of([b / a for a, b in both], 1.0, "ratio"))
    return row | estimated(estimate_of([b - a for a, b in both], 0.0, "difference"))


def heading(name: str, pairs: Sequence[Pair], board: str | None) -> Row:
    label = pairs[0].figures[name]["label"] if pairs else None
    measure = "J" if name.endswith(JOULES) else "1"
    return {"figure": name, "measure": measure, "label": label, "board": board}


def estimated(found: Estimate) -> Row:
    return {
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "no_effect": found.no_effect,
        "below_resolution": found.below_resolution,
        "p": found.p,
        "cliffs_delta": found.delta,
        "values": list(found.values),
        "values_of_second": list(found.others),
        "of": found,
    }


# -- verdicts --------------------------------------------------------------------------


def judge(rows: Sequence[Row], margin: float | None) -> int:
    """Put verdicts into the rows of one call that have one, and return how many there are.

    Holm's p-values go by their number. "below resolution": the interval holds no effect.
    """
    found: list[tuple[Row, Estimate]] = [
        (row, row["of"]) for row in rows if "of" in row and row["figure"] in TESTED
    ]
    tested = [row for row, _ in found if row["p"] is not None]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p
    for row, estimate in found:
        row.update(verdict_of(estimate) if margin is None else answer_of(estimate, margin))
    return len(tested)


def verdict_of(found: Estimate) -> Row:
    if found.below_resolution is None or found.no_effect is None or found.low is None:
        return {}
    if found.below_resolution:
        return {"verdict": BELOW_RESOLUTION}
    return {"verdict": ABOVE if found.low > found.no_effect else BELOW}


def answer_of(found: Estimate, margin: float) -> Row:
    """Return whether an effect is less or more than a margin, and how many more repeats tell."""
    answer = equivalence(found, margin)
    if answer is None:
        return {}
    answers = {"verdict": answer.answer, "more_repeats": answer.more_repeats}
    return {**answers, "equivalent_within": margin}


def as_json(rows: Sequence[Row]) -> list[Mapping[str, Any]]:
    """Return every row with every key, in the same order."""
    return [{key: row.get(key) for key in KEYS} for row in rows]
