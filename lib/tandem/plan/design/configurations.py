"""The configurations of designs: the product of the factors, less what is excluded, and draws.

A cell is a foreground with one level of each of its factors beside one level of the background,
under one setup of the GPUs. A configuration is a foreground with all its values, the drawn ones
included, one setup, and the levels of the background beside which it runs.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, product
from typing import Any

from tandem.base.errors import UsageError
from tandem.config.entries import DesignEntry
from tandem.config.hyperparameter import Value
from tandem.config.options import MPS, GpuSetup
from tandem.config.problems import has_errors, is_within
from tandem.plan.context import MAX_EXPERIMENTS, Context
from tandem.plan.design.exclude import refuse_idle_excludes, without_excluded
from tandem.plan.design.foregrounds import Foreground, look_up
from tandem.plan.design.levels import Cells, Level, Values, levels_of
from tandem.plan.design.shared import flaws_of_cells, note_mps, refuse_idle_mps
from tandem.plan.draw import draw, stream


@dataclass(frozen=True)
class Configuration:
    """A foreground with all values that it has in every repeat, under one GPU setup.

    `number` counts through the plan.
    `levels` are those beside which it runs, in the order in which they are written. `varied` has
    the values of each repeat that are its alone.
    """

    number: int
    design: DesignEntry
    foreground: Foreground
    values: Values
    gpu_setup: GpuSetup
    levels: tuple[Level, ...]
    varied: Sequence[Values]


def configurations(designs: Sequence[DesignEntry], context: Context) -> list[Configuration]:
    """The configurations of all entries that can run, in the order in which they are written."""
    combined = sum(map(_product_size, designs))
    if combined > MAX_EXPERIMENTS:
        message = f"{combined} combinations of levels, and {MAX_EXPERIMENTS} are the most"
        context.fail("experiments", f"{message} (list fewer levels)")
        return []
    hits: dict[str, bool] = {}
    mps: dict[str, bool] = {}
    cells = [(design, _cells(design, context, hits, mps)) for design in designs]
    refuse_idle_excludes(hits, context)
    refuse_idle_mps(mps, context)
    total = sum(_size(design, each) for design, found in cells for each in found)
    if total > MAX_EXPERIMENTS:
        message = f"{total} experiments, and {MAX_EXPERIMENTS} are the most"
        context.fail("experiments", f"{message} (lower draws or repeats, or list fewer levels)")
        return []
    _refuse_idle_tables(cells, context)
    found: list[Configuration] = []
    alike: Counter[str] = Counter()
    for design, each in cells:
        text = json.dumps(design.source, sort_keys=True)
        alike[text] += 1
        found += _configurations(design, each, len(found), alike[text], context)
    return found


def _product_size(design: DesignEntry) -> int:
    """How many cells the product has at most, nothing merged and nothing left out."""
    parallel = sum(bool(level.backgrounds) for level in design.backgrounds)
    levels = parallel * max(1, len(design.intensities)) + 1
    sizes = (math.prod(map(len, it.factors.values())) for it in design.foregrounds)
    return levels * sum(sizes) * len(design.gpu_setups)


def _size(design: DesignEntry, cells: Cells) -> int:
    draws = design.draws if cells.foreground.drawn else 1
    return draws * design.repeats * len(cells.levels)


def _refuse_idle_tables(
    cells: Iterable[tuple[DesignEntry, Sequence[Cells]]], context: Context
) -> None:
    """An error for each table of earlier results where nothing is drawn that could stand in it."""
    found = [each for _, of_entry in cells for each in of_entry]
    if found and not any(each.foreground.drawn for each in found):
        for place in context.tables:
            context.fail(place, "nothing is drawn, so no value can be drawn again (remove it)")


def _cells(
    design: DesignEntry, context: Context, hits: dict[str, bool], mps: dict[str, bool]
) -> list[Cells]:
    """The cells of an entry that are not excluded; nothing where the entry cannot run.

    `hits` learns of each object of `exclude`, by its place, whether it has left out any cell, and
    `mps` of what each training may use under MPS, whether any cell runs it there.
    """
    foregrounds = _foregrounds(design, context)
    levels, problems = levels_of(design, [it.resolved for it in foregrounds], context)
    context.find(design.path, problems)
    is_wrong = context.is_wrong(design.path) or context.is_wrong_for_all or has_errors(problems)
    if is_wrong or len(foregrounds) < len(design.foregrounds):
        return []
    by_sharing = {True: tuple(each.under_mps() for each in levels), False: tuple(levels)}
    cells = [
        Cells(foreground, values, setup, by_sharing[setup.sharing == MPS])
        for foreground in foregrounds
        for values in _combinations(foreground)
        for setup in design.gpu_setups
    ]
    kept = list(without_excluded(design, cells, hits))
    note_mps(design, kept, mps)
    problems = [context.resolver.error(*flaw) for flaw in flaws_of_cells(design, kept)]
    context.find(design.path, problems)
    own = [place for place, is_hit in hits.items() if is_within(place, design.path) and not is_hit]
    if not kept:
        context.fail(design.places["exclude"], "leaves out everything (remove some of it)")
    return [] if own or problems else [each.merged for each in kept]


def _foregrounds(design: DesignEntry, context: Context) -> list[Foreground]:
    place = design.places["vary"]
    found = []
    for number, each in enumerate(design.foregrounds, 1):
        foreground, problems = look_up(each, number, design.vary, place, context.resolver)
        context.find(design.path, problems)
        found += [foreground] if foreground else []
    return found


def _combinations(foreground: Foreground) -> Iterator[Values]:
    """The values of each combination of the foreground's factors, those that are given included."""
    names = tuple(foreground.levels)
    for values in product(*foreground.levels.values()):
        yield {**foreground.resolved.given, **dict(zip(names, values, strict=True))}


def _configurations(
    design: DesignEntry, cells: Sequence[Cells], before: int, alike: int, context: Context
) -> list[Configuration]:
    """The configurations of an entry, numbered on from those before; equal ones are merged.

    `alike` counts the entries up to this one that are written as it is.
    """
    merged: dict[Any, tuple[Cells, Values, dict[int, Level]]] = {}
    varied: dict[int, list[Values]] = {}
    for number, group in groupby(cells, key=lambda each: each.foreground.number):
        own = list(group)
        foreground = own[0].foreground
        draws = _draws(design, foreground, own, alike, context)
        varied[number] = _varied(design, foreground, context)
        if not (draws and varied[number]):
            return []
        for drawn, each in product(draws, own):
            values = {**each.values, **drawn}
            key = foreground.key(each.gpu_setup), tuple(sorted(values.items()))
            _, _, levels = merged.setdefault(key, (each, values, {}))
            levels.update((level.place, level) for level in each.levels)
    return [
        Configuration(
            number=number,
            design=design,
            foreground=first.foreground,
            values=values,
            gpu_setup=first.gpu_setup,
            levels=tuple(levels[place] for place in sorted(levels)),
            varied=varied[first.foreground.number],
        )
        for number, (first, values, levels) in enumerate(merged.values(), before + 1)
    ]


def _draws(
    design: DesignEntry,
    foreground: Foreground,
    cells: Sequence[Cells],
    alike: int,
    context: Context,
) -> list[Values]:
    """The drawn values of each configuration, none that stands in a table; [] where that fails.

    They depend on what is drawn of which training, and on nothing else in the file: so they stay
    when others are added, and are the same in two entries that differ in something else.
    """
    drawn, repository = foreground.drawn, foreground.resolved.repository
    if not drawn:
        return [{}]
    identity = [repository.name, foreground.resolved.model, sorted(each.name for each in drawn)]
    sides = [
        (each.values, is_parallel)
        for each in cells
        for is_parallel in {bool(level.backgrounds) for level in each.levels}
    ]
    ignored = frozenset(each.name for each in foreground.varied)
    model = foreground.resolved.model
    taken = context.history.taken(repository, model, drawn, sides, ignored)
    random = stream(context.seed, "draws", identity, alike)
    hint = "lower draws, or widen what is drawn from"
    try:
        return list(draw(drawn, design.draws, random, taken, hint))
    except UsageError as error:
        context.fail(design.places["draws"], str(error))
        return []


def _varied(design: DesignEntry, foreground: Foreground, context: Context) -> list[Values]:
    """The values of each repeat that are its alone, all different; [] where that fails.

    They depend on the name alone, so that all configurations of a block have the same.
    """
    found: list[dict[str, Value]] = [{} for _ in range(design.repeats)]
    hint = "lower repeats, or let the registry allow more"
    for hyperparameter in foreground.varied:
        random = stream(context.seed, "vary", hyperparameter.name)
        try:
            drawn = draw([hyperparameter], design.repeats, random, hint=hint)
        except UsageError as error:
            context.fail(design.places["vary"], str(error))
            return []
        for values, more in zip(found, drawn, strict=True):
            values.update(more)
    return list(found)
