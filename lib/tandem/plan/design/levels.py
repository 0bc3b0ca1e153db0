"""Beside what a design's foregrounds run: each background with each dose, and nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from tandem.config.entries import BackgroundEntry, DesignEntry
from tandem.config.hyperparameter import Value
from tandem.config.options import GpuSetup, as_settings
from tandem.config.problems import Problem, has_errors, join
from tandem.plan.context import Context
from tandem.plan.design.foregrounds import Foreground
from tandem.plan.model import Background
from tandem.plan.resolve import Resolved, background_of
from tandem.plan.sharing import Member, background_under_mps, load_of

Values = Mapping[str, Value]


@dataclass(frozen=True)
class Level:
    """What loops beside a foreground, numbered in its entry; without a number, nothing.

    `place` counts the levels in the order in which they are written, and `alike` is that of the
    first of those that are equal. `intensity` is None where the dose is each background's own.
    `members` are its backgrounds as what shares a GPU, `mps` what each may use under MPS. `written`
    are the ways in which its background can be written.
    """

    place: int
    alike: int
    number: int | None
    backgrounds: tuple[Background, ...]
    intensity: float | None
    members: tuple[Member, ...]
    mps: tuple[Mapping[str, Any], ...]
    written: tuple[Any, ...]

    def under_mps(self) -> Level:
        """The level under MPS, where what each background may use makes it another."""
        backgrounds = tuple(map(background_under_mps, self.backgrounds, self.mps))
        return replace(self, alike=self.place, backgrounds=backgrounds)


@dataclass(frozen=True)
class Cells:
    """A foreground with one level of each factor, and the levels beside which it runs."""

    foreground: Foreground
    values: Values
    gpu_setup: GpuSetup
    levels: tuple[Level, ...]

    @property
    def merged(self) -> Cells:
        """The same with equal levels once."""
        first: dict[int, Level] = {}
        for level in self.levels:
            first.setdefault(level.alike, level)
        return replace(self, levels=tuple(first.values()))


def levels_of(
    design: DesignEntry, foregrounds: Sequence[Resolved], context: Context
) -> tuple[list[Level], list[Problem]]:
    """The levels of an entry in the order in which they are written, equal ones once."""
    problems: list[Problem] = []
    levels: dict[Any, Level] = {}
    first: dict[Any, int] = {}
    number = 0
    for level in design.backgrounds:
        resolved, more = context.backgrounds(level.backgrounds, foregrounds)
        problems += more
        if has_errors(more) or len(resolved) < len(level.backgrounds):
            continue
        for intensity in (design.intensities or (None,)) if level.backgrounds else (None,):
            given = [_at(each, intensity) for each in level.backgrounds]
            backgrounds = tuple(map(background_of, resolved, given))
            mps = tuple(each.training.mps for each in given)
            plain = _key(backgrounds)
            key = plain, tuple(tuple(sorted(each.items())) for each in mps)
            if key not in levels:
                number += bool(backgrounds)
                where = _intensity_place(design, intensity)
                levels[key] = Level(
                    place=len(levels),
                    alike=first.setdefault(plain, len(levels)),
                    number=number if backgrounds else None,
                    backgrounds=backgrounds,
                    intensity=intensity,
                    members=tuple(map(partial(load_of, intensity_place=where), given, resolved)),
                    mps=mps,
                    written=(level.source, [_written(each) for each in given] or None),
                )
    return list(levels.values()), list(dict.fromkeys(problems))


def _intensity_place(design: DesignEntry, intensity: float | None) -> str:
    """Where the factor has it; "" where the dose is each background's own."""
    if intensity is None:
        return ""
    return join(design.places["intensity"], design.intensities.index(intensity))


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
        "mps": training.mps,
        **as_settings(background.dose),
    }
