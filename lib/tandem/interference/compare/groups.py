"""Pairs that may be put together, and what is to be said of them beside their figures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any

from tandem.config.options import CONDITIONS
from tandem.interference.compare.cells import UNKNOWN_CODE
from tandem.interference.compare.names import BACKGROUND, CONFIG, FOREGROUND, INTENSITY, level_of
from tandem.interference.compare.pairs import Pair
from tandem.interference.compare.setup import SHARING
from tandem.interference.figures import NAMES

CHANGES = " with changes, in "
CLOCKS_APART = 0.05  # share by which mean clocks differ that are worth a warning
THROTTLED_PERCENT = 5.0
_NUMBER = re.compile(r"\d[\d.]*")

Key = Callable[[Pair], Hashable]

# What tells groups apart; None in a group where it is not the same in all its pairs.
FACETS: Mapping[str, Callable[[Pair], Any]] = {
    "foreground": lambda pair: pair.cell.foreground,
    "values": lambda pair: pair.values,
    "background": lambda pair: pair.cell.load.background,
    "hyperparameters": lambda pair: pair.cell.load.hyperparameters,
    "dose": lambda pair: pair.cell.load.dose,
    "intensity": lambda pair: pair.cell.load.intensity,
    "device": lambda pair: pair.cell.device,
    "hardware": lambda pair: pair.cell.hardware,
    "code": lambda pair: pair.cell.code,
    "setup": lambda pair: pair.cell.setup.label,
    "settings": lambda pair: pair.cell.settings,
}


def facets_of(pairs: Sequence[Pair]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, facet in FACETS.items():
        values = dict.fromkeys(map(facet, pairs))
        found[name] = next(iter(values)) if len(values) == 1 else None
    return found


def whole_cell(pair: Pair) -> Hashable:
    """What is the same in repeats, but for values that were drawn."""
    return pair.cell, pair.values


def beside(pair: Pair, but: str = "") -> tuple[Hashable, ...]:
    """What is never put together, whatever the foreground: device, commits, what was set.

    `but` is a condition of the GPUs that is left out of it.
    """
    setup = pair.cell.setup
    others = tuple(value for name, value in setup.values.items() if name != but)
    more = "" if but == SHARING else setup.more
    return pair.cell.hardware, pair.cell.code, pair.cell.settings, others, more


def stratum_of(factor: str) -> Key:
    """Return what else is kept apart where levels of a factor are compared.

    Foregrounds are put together, since each configuration is a unit, but for the factor's own
    sake; loads never are.
    """
    if factor == BACKGROUND:
        return beside
    if factor == INTENSITY:
        return lambda pair: (*beside(pair), load_but_intensity(pair))
    if factor in CONDITIONS:
        return lambda pair: (*beside(pair, factor), pair.cell.load)
    if factor in (FOREGROUND, CONFIG):
        return lambda pair: (*beside(pair), pair.cell.load)
    return lambda pair: (*beside(pair), pair.cell.load, pair.cell.foreground)


def load_but_intensity(pair: Pair) -> Hashable:
    load = pair.cell.load
    return load.background, load.hyperparameters, load.dose_but_intensity


def identity_of(factor: str) -> Key:
    """Return what a level is: in several runs it may have several numbers."""
    if factor == BACKGROUND:
        return lambda pair: pair.cell.load
    if factor == CONFIG:
        return lambda pair: pair.configuration
    return lambda pair: level_of(pair, factor)


def grouped(pairs: Iterable[Pair], key: Key) -> dict[Hashable, list[Pair]]:
    found: dict[Hashable, list[Pair]] = {}
    for pair in pairs:
        found.setdefault(key(pair), []).append(pair)
    return found


def in_order(level: str) -> tuple[float, str]:
    """Numbers first, by their size; then words."""
    try:
        return float(level), ""
    except ValueError:
        return float("inf"), level


# -- what is to be said of a group -----------------------------------------------------


def tallied(pairs: Iterable[Iterable[str]]) -> dict[str, int]:
    """Return of how many pairs each text is, once a pair.

    Texts that differ in numbers alone count as the first of them.
    """
    firsts: dict[str, str] = {}
    count: Counter[str] = Counter()
    for texts in pairs:
        alike = (firsts.setdefault(_NUMBER.sub("0", text), text) for text in texts)
        count.update(dict.fromkeys(alike, 1))
    return dict(count)


def missing_in(pairs: Sequence[Pair]) -> dict[str, int]:
    """Return in how many pairs figures are missing, by the reason."""
    return tallied(map(reasons_of, pairs))


def missing_by_figure(
    pairs: Sequence[Pair], names: Sequence[str] = NAMES
) -> dict[str, dict[str, int]]:
    """Return the same for each figure that is missing in any of them."""
    found: dict[str, list[list[str]]] = {}
    for pair in pairs:
        for name in names:
            figure = pair.figures[name]
            if figure["value"] is None:
                found.setdefault(name, []).append((figure["reason"] or "").split("; "))
    return {name: tallied(found[name]) for name in names if name in found}


def reasons_of(pair: Pair) -> list[str]:
    """Return why figures of a pair are null, each reason once."""
    nulls = [each["reason"] for each in pair.figures.values() if each["value"] is None]
    return list(dict.fromkeys(reason for text in nulls for reason in (text or "").split("; ")))


def no_joules(pairs: Sequence[Pair]) -> str | None:
    """Return why the joules of some pairs cannot be put together: they are of different work."""
    if len({(pair.cell.foreground, pair.values) for pair in pairs}) > 1:
        return "joules of different trainings, or of different values, have no middle"
    epochs = {pair.epochs_done for pair in pairs if pair.epochs_done is not None}
    if len(epochs) > 1:
        return f"joules of {min(epochs)} to {max(epochs)} epochs have no middle"
    return None


def warnings_of(pairs: Sequence[Pair]) -> list[str]:
    """Return what may have disturbed, and what is not known of all of them."""
    found = []
    codes = {pair.cell.code for pair in pairs}
    if any(CHANGES in code for code in codes):
        found.append(
            "a repository had changes that no commit has: whether all repeats ran the same code is"
            " not known"
        )
    if any(UNKNOWN_CODE in code for code in codes):
        found.append("the commit of a repository is not known: taken as the same")
    if len({pair.tandem for pair in pairs}) > 1:
        found.append("measured by different versions of Tandem")
    return [*found, *clock_warnings(pairs)]


def clock_warnings(pairs: Sequence[Pair]) -> list[str]:
    found = []
    held = [max(each.throttled_percent or 0.0 for each in pair.clocks) for pair in pairs]
    if number := sum(percent > THROTTLED_PERCENT for percent in held):
        found.append(
            f"clocks were held down in {number} of {len(pairs)} experiments or their controls, for"
            f" up to {max(held):.3g} % of the time"
        )
    speeds = [each.sm_mhz for pair in pairs for each in pair.clocks if each.sm_mhz]
    if speeds and min(speeds) < (1 - CLOCKS_APART) * max(speeds):
        found.append(
            f"the mean SM clock was between {min(speeds):.0f} and {max(speeds):.0f} MHz:"
            " clocks that are locked make repeats more alike"
        )
    return found
