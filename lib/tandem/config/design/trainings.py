"""The foregrounds and backgrounds of a design: what each of their hyperparameters is."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

from tandem.base.text import quote, show
from tandem.config.dialect import Level, exclusive_notes
from tandem.config.entries import (
    BackgroundEntry,
    BackgroundLevel,
    ForegroundDesign,
    Range,
    TrainingEntry,
)
from tandem.config.jsonfile import is_annotation
from tandem.config.keys import gpu_flaw, mps_of, visible_gpus
from tandem.config.options import Dose, read_options
from tandem.config.problems import Faults, join

MAX_LEVELS = 10_000
FORMS = ("values", "range", "draw")


def foreground_of(level: Level, faults: Faults) -> ForegroundDesign:
    """Return the foreground that stands in the level."""
    given: dict[str, Any] = {}
    factors: dict[str, tuple[Any, ...]] = {}
    drawn: dict[str, Range | None] = {}
    places = _places(level)
    for name, value in level.values.get("hyperparameters", {}).items():
        place = join(places["hyperparameters"], name)
        places[f"hyperparameters.{name}"] = place
        form = _form(name, value, place, faults)
        if form is None:
            given[name] = value
        elif form == "values":
            factors[name] = tuple(value["values"])
        elif form in FORMS:
            drawn[name] = _range(value, place, faults) if form == "range" else None
    return ForegroundDesign(
        path=level.path,
        repo=level.values.get("repo"),
        model=level.values.get("model"),
        given=given,
        factors=factors,
        drawn=drawn,
        places=places,
        gpus=_checked(level, faults),
        mps=mps_of(level.values),
    )


def background_levels(
    place: str, value: Any, outer: Sequence[Level], faults: Faults
) -> list[BackgroundLevel]:
    """Return the levels that one is written as: more where hyperparameters have several values.

    `outer` are the levels of the file that also say something of a dose, the first that counts
    first.
    """
    if value is None:
        return [BackgroundLevel(place, None, ())]
    written = Level("", "", {"background": value}).backgrounds()
    levels = [
        Level("background", f"{place}{each.path.removeprefix('background')}", each.values)
        for each in written
    ]
    for level in levels:
        _check_background(level, faults)
    counts = [len(form["values"]) for level in levels for form in _listed(level).values()]
    if (total := math.prod(counts)) > MAX_LEVELS:
        faults.add(place, f"makes {total} backgrounds, and {MAX_LEVELS} are the most (list fewer)")
        return []
    return [
        BackgroundLevel(
            place,
            [dict(it.values) for it in chosen] if isinstance(value, list) else chosen[0].values,
            tuple(_background(it, outer) for it in chosen),
        )
        for chosen in product(*map(_each_value, levels))
    ]


def _places(level: Level) -> dict[str, str]:
    return {key: level.place(key) for key in ("repo", "model", "hyperparameters", "gpus")}


def _checked(level: Level, faults: Faults) -> str | None:
    """Say what is wrong with the keys of any training; return the GPUs that it may see."""
    for key, what in (("repo", "repository"), ("model", "model")):
        wrong = faults.are_at(level.path) or faults.are_within(level.place(key))
        if key not in level.values and not wrong:
            faults.add(level.path, f"{quote(key)} is missing (name a {what} of the registry)")
    gpus = visible_gpus(level.values.get("gpus"))
    if flaw := gpu_flaw(gpus):
        faults.add(level.place("gpus"), flaw)
    return gpus


def _form(name: str, value: Any, place: str, faults: Faults) -> str | None:
    """Return what stands for the value of a hyperparameter; None for the value itself, "" if wrong.

    What annotates may be anything, but a form in it counts: the registry may know such a name.
    """
    if not isinstance(value, dict):
        return None
    found = [form for form in FORMS if form in value]
    if is_annotation(name) and not (len(found) == 1 and _is_well_formed(value)):
        return None
    if len(found) != 1:
        named = ", ".join(map(quote, found)) or "none"
        if not faults.are_within(place):
            faults.add(place, f'must have one of "values", "range" and "draw", not {named}')
        return ""
    if "distribution" in value and found != ["range"]:
        faults.add(join(place, "distribution"), 'no effect without "range" (remove it, or add one)')
    return found[0]


def _is_well_formed(form: Mapping[str, Any]) -> bool:
    """Whether it is what the schema asks of a form, which it does not see in an annotation."""
    values, ends = form.get("values", [0]), form.get("range", [0, 1])
    return (
        form.get("draw", True) is True
        and isinstance(values, list)
        and bool(values)
        and all(isinstance(value, (bool, int, float, str)) for value in values)
        and isinstance(ends, list)
        and [type(end) in (int, float) for end in ends] == [True, True]
        and form.get("distribution", "uniform") in ("uniform", "log_uniform")
    )


def _range(form: Mapping[str, Any], place: str, faults: Faults) -> Range:
    low, high = form["range"]
    distribution = form.get("distribution", "uniform")
    if not low < high:
        faults.add(join(place, "range"), f"{show(low)} must be less than {show(high)} (swap them)")
    elif distribution == "log_uniform" and low <= 0:
        message = f'must be more than 0 for "log_uniform", not {show(low)}'
        faults.add(join(join(place, "range"), 0), message)
    return Range(low, high, distribution)


def _check_background(level: Level, faults: Faults) -> None:
    _checked(level, faults)
    for note in exclusive_notes(level):
        faults.add(note.path, note.message)
    outer = level.place("hyperparameters")
    for name, value in level.values.get("hyperparameters", {}).items():
        place = join(outer, name)
        if _form(name, value, place, faults) in ("range", "draw"):
            how = 'write a value, or {"values": [...]} for a background of each'
            faults.add(place, f"the values of a background are not drawn ({how})")


def _listed(level: Level) -> dict[str, Mapping[str, Any]]:
    """Return the hyperparameters with several values."""
    return {
        name: value
        for name, value in level.values.get("hyperparameters", {}).items()
        if isinstance(value, dict) and "values" in value and _is_well_formed(value)
    }


def _each_value(level: Level) -> Iterator[Level]:
    """Yield the background with each combination of its hyperparameters' values."""
    listed = _listed(level)
    if not listed:
        yield level
        return
    for values in product(*(form["values"] for form in listed.values())):
        given = level.values["hyperparameters"] | dict(zip(listed, values, strict=True))
        yield Level(level.kind, level.path, {**level.values, "hyperparameters": given})


def _given(level: Level) -> dict[str, Any]:
    """Return the values, without the forms that have been refused already."""
    return {
        name: value
        for name, value in level.values.get("hyperparameters", {}).items()
        if is_annotation(name) or not isinstance(value, dict)
    }


def _background(level: Level, outer: Sequence[Level]) -> BackgroundEntry:
    training = TrainingEntry(
        path=level.path,
        mode="default",
        repo=level.values.get("repo"),
        model=level.values.get("model"),
        mutate={},
        draws_all=False,
        hyperparameters=_given(level),
        places=_places(level),
        gpus=visible_gpus(level.values.get("gpus")),
        mps=mps_of(level.values),
    )
    return BackgroundEntry(training, read_options(Dose, level.values, *(it.values for it in outer)))
