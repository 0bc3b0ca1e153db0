"""A plan as it stands: with what was added while it ran, warm-ups and further tries of groups.

plan.json never changes. What is added stands in the journal, a line for all that was added at one
moment, so that a kill adds all of it or nothing:
{"event": "added", "as": "try", "experiments": {"x_try2": "x", ...}}. Each new id stands with that
of the experiment that it is made from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from tandem.base.changed import changed
from tandem.base.variables import VISIBLE
from tandem.config.options import Controls
from tandem.plan.model import WARM_UP, Experiment, Plan, try_suffix

TRY = "try"

Cold = tuple[str, str, str | None]  # repository, model, GPUs


def as_it_stands(plan: Plan, added: Iterable[Mapping[str, Any]]) -> Plan:
    """Return a plan with what was added to it, by the events of its journals, oldest first.

    Tries stand at the end of their block, a warm-up before what it is a copy of. `number` counts
    them anew; a warm-up has that of the experiment behind it. An event that fits nothing adds
    nothing.
    """
    known, new = dict(plan.by_id), list[Experiment]()
    for kind, name, of in fitting(known, added):
        known[name] = (next_try if kind == TRY else warm_up)(known[of], name)
        new.append(known[name])
    return replace(plan, experiments=numbered(in_order(plan.experiments, new))) if new else plan


def names_in(added: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, str, str]]:
    """Yield as what each experiment was added, its id, and that of the one it is made from."""
    for event in added:
        kind, names = event.get("as"), event.get("experiments")
        if kind in (TRY, WARM_UP) and isinstance(names, dict):
            yield from ((kind, name, str(of)) for name, of in names.items())


def fitting(
    known: Collection[str], added: Iterable[Mapping[str, Any]]
) -> Iterator[tuple[str, str, str]]:
    """Yield what names_in() does, each id once, and behind that of what it is made from.

    Several workers may add the same, and the clocks of their hosts may differ.
    """
    names, left = set(known), list(names_in(added))
    while left:
        later = []
        for each in left:
            _, name, of = each
            if name not in names and of in names:
                names.add(name)
                yield each
            elif name not in names:
                later.append(each)
        if len(later) == len(left):
            return
        left = later


def next_try(experiment: Experiment, name: str) -> Experiment:
    """Return an experiment of the next try of its group, under its new name."""
    number = experiment.try_number + 1
    twin = experiment.twin and with_try(experiment.twin, number)
    return replace(experiment, id=name, twin=twin, try_number=number)


def warm_up(experiment: Experiment, name: str) -> Experiment:
    """Return a copy that is thrown away: no windows of its own, and nobody's twin."""
    return replace(experiment, id=name, control=WARM_UP, twin=None, controls=Controls())


def names_of_next_try(members: Iterable[Experiment]) -> dict[str, str]:
    """Return the ids of a further try of a group, by those of its newest."""
    return {with_try(each.id, each.try_number + 1): each.id for each in members}


def cold_start_of(experiment: Experiment) -> Cold:
    """Return what is cold once: a model of a repository, on the GPUs that it is given."""
    foreground = experiment.foreground
    return foreground.repo, foreground.model, foreground.environment.get(VISIBLE)


def name_of_warm_up(plan: Plan, experiment: Experiment) -> str:
    """Return an id that no warm-up of an experiment has had yet."""
    number = 1
    while (name := f"{experiment.id}_{WARM_UP}{number}") in plan.by_id:
        number += 1
    return name


def copied_by(name: str) -> str:
    """Return the id of what a warm-up is a copy of, by the warm-up's."""
    return name.rpartition(f"_{WARM_UP}")[0]


def with_try(name: str, number: int) -> str:
    """Return the id of a try after the one that has this id."""
    return name.removesuffix(try_suffix(number - 1)) + try_suffix(number)


def in_order(planned: Sequence[Experiment], new: Sequence[Experiment]) -> list[Experiment]:
    """Return planned and new ones in the order in which they run."""
    before: dict[str, list[Experiment]] = {}
    behind: dict[int | None, list[Experiment]] = {}
    for each in new:
        if each.is_warm_up:
            before.setdefault(copied_by(each.id), []).append(each)
        else:
            behind.setdefault(block_of(each), []).append(each)
    ordered = list[Experiment]()
    for block, members in by_block(planned):
        ordered += (*members, *behind.pop(block, ()))
    return [each for one in ordered for each in (*before.get(one.id, ()), one)]


def numbered(experiments: Iterable[Experiment]) -> tuple[Experiment, ...]:
    """Return experiments counted from 1, each warm-up with the number of the next other one."""
    found, number = list[Experiment](), 1
    for each in experiments:
        found.append(each if each.number == number else changed(each, number=number))
        number += not each.is_warm_up
    return tuple(found)


def block_of(experiment: Experiment) -> int | None:
    """Return the block that an experiment runs in; outside a design all are of one, None."""
    return experiment.place.block if experiment.place else None


def by_block(
    experiments: Iterable[Experiment],
) -> list[tuple[int | None, list[Experiment]]]:
    """Return the experiments of each block that follow each other."""
    return [(block, list(members)) for block, members in groupby(experiments, block_of)]


def lost_additions(plan: Plan, begun: Iterable[str]) -> list[dict[str, Any]]:
    """Return the events of which a journal no longer tells, by the folders that were begun.

    `plan` is as it stands by the journal. Of a try, all is added.
    """
    unknown, events = set(begun) - plan.by_id.keys(), list[dict[str, Any]]()

    def add(kind: str, names: Mapping[str, str]) -> Plan:
        events.append({"as": kind, "experiments": dict(names)})
        return as_it_stands(plan, events[-1:])

    while names := {
        new: of
        for tries in (names_of_next_try(newest_try(each)) for each in plan.groups.values())
        if unknown & tries.keys()
        for new, of in tries.items()
    }:
        plan = add(TRY, names)
    copies = {name: copied_by(name) for name in sorted(unknown)}
    if names := {name: of for name, of in copies.items() if of in plan.by_id}:
        add(WARM_UP, names)
    return events


# -- what counts -----------------------------------------------------------------------


def newest_try(members: Sequence[Experiment]) -> list[Experiment]:
    """Return the experiments of the newest try of a group, of which all members are given."""
    newest = max(each.try_number for each in members)
    return [each for each in members if each.try_number == newest]


def counting_try(members: Sequence[Experiment], ended: Collection[str]) -> int:
    """Return which try of a group counts: the newest of which all have ended.

    Where none has ended whole, the newest counts: the others will never be whole.
    """
    tries = {each.try_number for each in members}
    open_tries = {each.try_number for each in members if each.id not in ended}
    return max(tries - open_tries or tries)


def counting(groups: Iterable[Sequence[Experiment]], ended: Collection[str]) -> frozenset[str]:
    """Return the ids of the experiments that count, of all members of some groups."""
    return frozenset(
        each.id
        for members in groups
        for number in [counting_try(members, ended)]
        for each in members
        if each.try_number == number
    )


def newest_of(planned: Iterable[str], added: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the ids of the newest tries of everything that is planned."""
    found = set(planned)
    for kind, name, of in fitting(found, added):
        if kind == TRY:
            found -= {of}
            found.add(name)
    return found


def still_to_run(plan: Plan, ended: Collection[str]) -> list[Experiment]:
    """Return what has not ended and is to: neither warm-ups nor a try that has a newer one."""
    newest = {name: newest_try(members)[0].try_number for name, members in plan.groups.items()}
    return [
        each
        for each in plan.experiments
        if each.id not in ended and not each.is_warm_up and each.try_number == newest[each.group]
    ]
