"""The experiments of settings of version 1: the runs of each entry, controls beside their twins."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import cycle

from tandem.base.errors import UsageError
from tandem.config.entries import Entry
from tandem.config.hyperparameter import Value
from tandem.config.options import MPS
from tandem.config.problems import Problem, has_errors
from tandem.plan.context import MAX_EXPERIMENTS, Context
from tandem.plan.draw import draw, stream
from tandem.plan.model import Background, Experiment, Training
from tandem.plan.names import experiment_id
from tandem.plan.resolve import Resolved, background_of, training_of
from tandem.plan.sharing import (
    background_under_mps,
    load_of,
    member_of,
    sharing_flaws,
    threshold_flaws,
    under_mps,
)

Trainings = tuple[Training, tuple[Background, ...]]


def experiments_of_entries(entries: Sequence[Entry], context: Context) -> list[Experiment]:
    """Every run of every entry that can run, in their order, controls included."""
    if not _fits(entries, context):
        return []
    experiments: list[Experiment] = []
    turns = cycle((False, True))
    alike: Counter[str] = Counter()
    for entry in entries:
        for trainings in _trainings(entry, context, alike):
            experiment = _experiment(len(experiments) + 1, entry, trainings, context)
            twins = _has_twins(entry)
            experiments += with_control(experiment, turns) if twins else [experiment]
    return experiments


def _fits(entries: Sequence[Entry], context: Context) -> bool:
    """Whether there are not too many runs; else that is an error."""
    solo = sum(entry.runs for entry in entries if _has_twins(entry))
    total = sum(entry.runs for entry in entries) + solo
    if total <= MAX_EXPERIMENTS:
        return True
    controls = f", {solo} of them controls" if solo else ""
    most = f"{MAX_EXPERIMENTS} are the most (lower runs_per_config)"
    context.fail("experiments", f"{total} experiments{controls}, and {most}")
    return False


def _has_twins(entry: Entry) -> bool:
    """Whether each run of the entry has a control of its own."""
    return bool(entry.backgrounds) and entry.controls.solo


def _trainings(entry: Entry, context: Context, alike: Counter[str]) -> Iterable[Trainings]:
    """Foreground and backgrounds of each run; nothing where the entry cannot run."""
    foreground, problems = context.resolver.resolve(entry.foreground)
    resolved, more = context.backgrounds(entry.backgrounds, [foreground] if foreground else [])
    problems = problems + more
    if foreground and len(resolved) == len(entry.backgrounds):
        problems += _sharing_problems(entry, foreground, resolved, context)
    context.find(entry.path, problems)
    if has_errors(problems) or foreground is None or context.is_wrong(entry.path):
        return []
    try:
        values = _values(entry, foreground, resolved, context, alike)
    except UsageError as error:
        context.fail(entry.foreground.places["mutate"], str(error))
        return []
    backgrounds = list(map(background_of, resolved, entry.backgrounds))
    gpus = entry.foreground.gpus
    foregrounds = [training_of(foreground, each, gpus) for each in values]
    if entry.gpu_setup.sharing == MPS:
        given = [each.training.mps for each in entry.backgrounds]
        backgrounds = list(map(background_under_mps, backgrounds, given))
        foregrounds = [under_mps(each, entry.foreground.mps) for each in foregrounds]
    return [(each, tuple(backgrounds)) for each in foregrounds]


def _sharing_problems(
    entry: Entry, foreground: Resolved, backgrounds: Sequence[Resolved], context: Context
) -> list[Problem]:
    """The errors in how foreground and backgrounds are to share a GPU."""
    member = member_of(entry.foreground, foreground)
    loads = list(map(load_of, entry.backgrounds, backgrounds))
    sharing = entry.gpu_setup.sharing
    flaws = [
        *sharing_flaws(sharing, member, loads),
        *threshold_flaws(sharing, entry.validity, entry.path, entry.source),
    ]
    return [context.resolver.error(*flaw) for flaw in flaws]


def _values(
    entry: Entry,
    foreground: Resolved,
    backgrounds: Sequence[Resolved],
    context: Context,
    alike: Counter[str],
) -> list[Mapping[str, Value]]:
    """The hyperparameters of each run of the foreground."""
    if entry.foreground.mode != "mutation":
        return [foreground.given] * entry.runs
    # What makes an entry itself, so that its values do not depend on its neighbours.
    pair = [(it.repository.name, it.model) for it in (foreground, *backgrounds)]
    identity = [pair, sorted(hyperparameter.name for hyperparameter in foreground.drawn)]
    text = json.dumps(identity)
    alike[text] += 1
    random = stream(context.seed, identity, alike[text])
    alone = [(dict[str, Value](), bool(backgrounds))]
    taken = context.history.taken(foreground.repository, foreground.model, foreground.drawn, alone)
    return list(draw(foreground.drawn, entry.runs, random, taken))


def _experiment(number: int, entry: Entry, trainings: Trainings, context: Context) -> Experiment:
    foreground, backgrounds = trainings
    return Experiment(
        number=number,
        id=experiment_id(number, foreground, "parallel" if backgrounds else ""),
        foreground=foreground,
        backgrounds=backgrounds,
        foreground_mode=entry.foreground.mode,
        source_path=entry.path,
        source_entry=entry.source,
        limits=context.limits(entry.limits),
        warnings=context.warnings(entry.path, foreground, backgrounds),
        controls=entry.controls,
        validity=entry.validity,
        gpu_setup=entry.gpu_setup,
    )


def with_control(parallel: Experiment, turns: Iterator[bool]) -> list[Experiment]:
    """The experiment and its control in the order they run, numbered on from its number.

    Both have the same foreground object, so the same values and command; each names the other.
    Where they alternate, the next of `turns` says whether the control comes first.
    """
    order = parallel.controls.order
    solo_first = next(turns) if order == "alternate" else order == "solo_first"
    first, second = parallel.number, parallel.number + 1
    number, solo_number = (second, first) if solo_first else (first, second)
    own_id = experiment_id(number, parallel.foreground, "parallel")
    solo_id = experiment_id(solo_number, parallel.foreground, "solo")
    pair = [
        replace(parallel, number=number, id=own_id, twin=solo_id),
        replace(
            parallel,
            number=solo_number,
            id=solo_id,
            backgrounds=(),
            control="solo",
            twin=own_id,
        ),
    ]
    return sorted(pair, key=lambda experiment: experiment.number)
