"""The entries of settings of version 2, each a design: nothing that is written is ignored."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tandem.config.design.checks import check_entry, check_file
from tandem.config.design.setups import setups_of
from tandem.config.design.trainings import background_levels, foreground_of
from tandem.config.dialect import Level
from tandem.config.entries import BackgroundLevel, DesignEntry, ForegroundDesign
from tandem.config.jsonfile import is_annotation
from tandem.config.options import Controls, Course, Limits, Validity, read_options
from tandem.config.problems import Faults, Problem, join

MAX_COMBINATIONS = 100_000
TRAINING = ("repo", "model", "hyperparameters", "gpus", "mps")
_DEFAULTS = {"warmup_runs": 1}
_PLACES = ("draws", "repeats", "vary", "exclude", "order", "foreground", "background")


def read_designs(
    value: Mapping[str, Any], written: Mapping[str, Any], file: str, problems: Iterable[Problem]
) -> tuple[tuple[DesignEntry, ...], Sequence[Problem]]:
    """Return the designs of a file, and all that is to be said of it.

    `value` is what fits the schema of the file as it is `written`; `problems` says what does not. A
    design with an error inside may be missing.
    """
    faults = Faults(file, problems)
    top = Level("top level", "", value)
    entries = _entries(value, written)
    designs: list[DesignEntry] = []
    size = 0
    for entry, source in entries:
        if design := _design(entry, top, source, faults):
            designs.append(design)
            size += len(design.foregrounds) * len(design.backgrounds) * len(design.gpu_setups)
        if size > MAX_COMBINATIONS:
            how = "foregrounds with backgrounds and conditions, and so many are the most"
            faults.add("experiments", f"more than {MAX_COMBINATIONS} {how} (list fewer)")
            break
    check_file(top, [entry for entry, _ in entries], designs, faults)
    return tuple(designs), faults.problems


def _entries(
    value: Mapping[str, Any], written: Mapping[str, Any]
) -> list[tuple[Level, Mapping[str, Any]]]:
    """Return each entry and how it is written; without any, the top level is the one entry."""
    given = value.get("experiments", [])
    entries = [
        (Level("entry", join("experiments", index), entry), written["experiments"][index])
        for index, entry in enumerate(given)
        if not (entry and all(map(is_annotation, entry)))
    ]
    if not entries and "foreground" in value.get("factors", {}):
        return [(Level("entry", "factors", {}), written)]
    return entries


def _design(
    entry: Level, top: Level, source: Mapping[str, Any], faults: Faults
) -> DesignEntry | None:
    places = {key: place_of(key, entry, top) for key in _PLACES}
    foregrounds, where = _foregrounds(entry, top, faults)
    places["foreground"] = where
    backgrounds, places["background"] = _backgrounds(entry, top, faults)
    factors = entry.below("factors"), top.below("factors")
    places["intensity"] = place_of("intensity", *factors)
    if not foregrounds or not backgrounds:
        return None
    given = entry.values, top.values
    controls = read_options(Controls, *(it.below("controls").values for it in (entry, top)))
    has_load = any(level.backgrounds for level in backgrounds)
    if controls.solo and has_load and all(level.backgrounds for level in backgrounds):
        place = place_of("solo", entry.below("controls"), top.below("controls"))
        backgrounds = [BackgroundLevel(place, None, ()), *backgrounds]
    setups, own_places = setups_of(entry, top, faults, has_load=has_load)
    places |= own_places
    draws = any(foreground.drawn for foreground in foregrounds)
    design = DesignEntry(
        path=entry.path,
        source=source,
        foregrounds=tuple(foregrounds),
        backgrounds=tuple(backgrounds),
        intensities=tuple(map(float, _first("intensity", (), *(it.values for it in factors)))),
        draws=int(_first("draws", 1, *given)) if draws else 1,
        repeats=int(_first("repeats", 1, *given)),
        vary=tuple(_first("vary", (), *given)),
        exclude=tuple(_first("exclude", (), *given)),
        order=_first("order", "blocks", *given),
        course=read_options(Course, *given, _DEFAULTS),
        limits=read_options(Limits, *given),
        controls=controls,
        validity=read_options(Validity, *(it.below("validity").values for it in (entry, top))),
        gpu_setups=setups,
        places=places,
    )
    check_entry(design, entry, faults)
    return design


def _first(key: str, default: Any, *given: Mapping[str, Any]) -> Any:
    return next((values[key] for values in given if key in values), default)


def place_of(key: str, *levels: Level) -> str:
    """Return where the key stands in the first level that has it, or would stand in the first."""
    return next((it.place(key) for it in levels if key in it.values), levels[0].place(key))


def _foregrounds(entry: Level, top: Level, faults: Faults) -> tuple[list[ForegroundDesign], str]:
    """Return the foregrounds that count, and where they are written."""
    own, factors = entry.below("foreground"), entry.below("factors")
    direct = [key for key in TRAINING if key in entry.values]
    ways = {
        own.path: "foreground" in entry.values,
        factors.place("foreground"): "foreground" in factors.values,
        **{entry.place(key): True for key in direct[:1]},
    }
    found = [place for place, is_given in ways.items() if is_given]
    if len(found) > 1:
        faults.add(found[-1], f"this and {found[0]} both give a foreground (remove one)")
    if "foreground" in entry.values:
        return [foreground_of(own, faults)], own.path
    if direct and len(found) == 1:
        return [foreground_of(Level("foreground", entry.path, entry.values), faults)], entry.path
    for level in (factors, top.below("factors")):
        if "foreground" in level.values:
            place = level.place("foreground")
            each = enumerate(level.values["foreground"])
            levels = [Level("foreground", join(place, index), it) for index, it in each]
            return [foreground_of(it, faults) for it in levels], place
    if not faults.are_within(entry.path) and not faults.are_within("factors"):
        how = 'add "foreground": {"repo": ..., "model": ...}'
        faults.add(entry.path, f"has no training to measure ({how})")
    return [], own.path


def _backgrounds(entry: Level, top: Level, faults: Faults) -> tuple[list[BackgroundLevel], str]:
    """Return the levels of the background that count, and where they are written."""
    place, written = _written_backgrounds(entry, top, faults)
    levels = [
        level
        for at, value in written
        for level in background_levels(at, value, (entry, top), faults)
    ]
    direct = [key for key in TRAINING if key in entry.values]
    if direct and "foreground" not in entry.values and any(it.backgrounds for it in levels):
        message = f'beside a background ({place}) the training stands in "foreground" (move it in)'
        faults.add(entry.place(direct[0]), message)
    return levels, place


def _written_backgrounds(
    entry: Level, top: Level, faults: Faults
) -> tuple[str, Sequence[tuple[str, Any]]]:
    """Return where the levels of the background are written, and each with its own place."""
    place, factors = entry.place("background"), entry.below("factors")
    if "background" in entry.values:
        if "background" in factors.values:
            also = factors.place("background")
            faults.add(also, f"this and {place} both give a background (move that into this list)")
        return place, [(place, entry.values["background"])]
    for level in (factors, top.below("factors")):
        if "background" in level.values:
            place = level.place("background")
            each = enumerate(level.values["background"])
            return place, [(join(place, index), value) for index, value in each]
    return place, [(place, None)]
