"""Beside what a design's foregrounds run: each background with each dose, and nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tandem.config.entries import BackgroundEntry, DesignEntry
from tandem.config.jsonfile import is_annotation
from tandem.config.keys import visible_gpus
from tandem.config.options import as_settings
from tandem.config.problems import Problem, has_errors
from tandem.plan.context import Context
from tandem.plan.model import Background
from tandem.plan.resolve import Resolved, background_of

FOREGROUND, BACKGROUND, INTENSITY = "foreground", "background", "intensity"


@dataclass(frozen=True)
class Level:
    """What loops beside a foreground, numbered in its entry; without a number, nothing.

    `place` counts the levels in the order in which they are written. `intensity` is None where the
    dose is each background's own. `written` are the ways in which its background can be written.
    """

    place: int
    number: int | None
    backgrounds: tuple[Background, ...]
    intensity: float | None
    written: tuple[Any, ...]


def levels_of(
    design: DesignEntry, foregrounds: Sequence[Resolved], context: Context
) -> tuple[list[Level], list[Problem]]:
    """The levels of an entry in the order in which they are written, equal ones once."""
    problems: list[Problem] = []
    levels: dict[Any, Level] = {}
    number = 0
    for level in design.backgrounds:
        resolved, more = context.backgrounds(level.backgrounds, foregrounds)
        problems += more
        if has_errors(more) or len(resolved) < len(level.backgrounds):
            continue
        for intensity in (design.intensities or (None,)) if level.backgrounds else (None,):
            given = [_at(each, intensity) for each in level.backgrounds]
            backgrounds = tuple(map(background_of, resolved, given))
            key = _key(backgrounds)
            if key not in levels:
                number += bool(backgrounds)
                own = number if backgrounds else None
                written = (level.source, [_written(each) for each in given] or None)
                levels[key] = Level(len(levels), own, backgrounds, intensity, written)
    return list(levels.values()), list(dict.fromkeys(problems))


def _at(background: BackgroundEntry, intensity: float | None) -> BackgroundEntry:
    """The background with an intensity, if there is one."""
    if intensity is None:
        return background
    return replace(background, dose=replace(background.dose, intensity=intensity))


def _key(backgrounds: Sequence[Background]) -> Any:
    """What makes two levels equal: the same commands in the same places, with the same doses."""
    return tuple(
        (
            background.training.command,
            background.training.work_dir,
            tuple(background.training.environment.items()),
            background.dose,
            background.auto,
        )
        for background in backgrounds
    )


def _written(background: BackgroundEntry) -> dict[str, Any]:
    training = background.training
    return {
        "repo": training.repo,
        "model": training.model,
        "hyperparameters": training.hyperparameters,
        "gpus": training.gpus,
        **as_settings(background.dose),
    }


def is_excluded(
    pattern: Mapping[str, Any],
    level: Level,
    values: Mapping[str, Any],
    foreground: Mapping[str, Any],
) -> bool:
    """Whether a cell is what an object of `exclude` leaves out: every key that it gives is equal.

    `values` are the cell's values by hyperparameter, `foreground` is its foreground as it could be
    written.
    """
    for key, wanted in pattern.items():
        if key == FOREGROUND:
            found: Sequence[Any] = [foreground]
        elif key == BACKGROUND:
            found = [_like(wanted, written) for written in level.written]
        elif key == INTENSITY:
            found = [level.intensity]
        else:
            found = [values[key]] if key in values else []
        if not any(_fits(wanted, each) for each in found) and not is_annotation(key):
            return False
    return True


def _like(wanted: Any, written: Any) -> Any:
    """A background as it is written, one in a list and one alone as the other is written."""
    if isinstance(wanted, Mapping) and isinstance(written, list) and len(written) == 1:
        return written[0]
    if isinstance(wanted, list) and isinstance(written, Mapping):
        return [written]
    return written


def _fits(wanted: Any, found: Any) -> bool:
    """Whether what is found is what is wanted, or one of the values that are listed.

    An object may have more keys than are wanted.
    """
    if isinstance(wanted, Mapping) and isinstance(wanted.get("values"), list) and len(wanted) == 1:
        return any(_fits(value, found) for value in wanted["values"])
    if isinstance(wanted, Mapping):
        return isinstance(found, Mapping) and all(
            _fits_in(key, value, found[key]) if key in found else is_annotation(key)
            for key, value in wanted.items()
        )
    if isinstance(wanted, (list, tuple)):
        return (
            isinstance(found, (list, tuple))
            and len(wanted) == len(found)
            and all(map(_fits, wanted, found))
        )
    return bool(wanted == found) and isinstance(wanted, bool) == isinstance(found, bool)


def _fits_in(key: str, wanted: Any, found: Any) -> bool:
    if key == "gpus":
        return visible_gpus(wanted) == visible_gpus(found)
    return _fits(wanted, found)
