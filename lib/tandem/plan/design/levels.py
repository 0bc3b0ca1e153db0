"""Beside what a design's foregrounds run: each background with each dose, and nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tandem.config.entries import BackgroundEntry, DesignEntry
from tandem.config.hyperparameter import Value
from tandem.config.options import as_settings
from tandem.config.problems import Problem, has_errors
from tandem.plan.context import Context
from tandem.plan.design.foregrounds import Foreground
from tandem.plan.model import Background
from tandem.plan.resolve import Resolved, background_of

Values = Mapping[str, Value]


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


@dataclass(frozen=True)
class Cells:
    """A foreground with one level of each of its factors, and the levels beside which it runs."""

    foreground: Foreground
    values: Values
    levels: tuple[Level, ...]


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
