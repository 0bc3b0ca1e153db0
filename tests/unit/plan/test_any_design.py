"""Whatever a design asks for is planned whole, in a balanced order."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby, product
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.designs import (
    DRAW,
    LARGE,
    Reader,
    foreground,
    ids,
    place_of,
    plan_of,
    text,
    values,
)
from tandem.plan.file import read_plan_file, write_plan
from tandem.plan.model import Experiment, Plan

CELLS = st.fixed_dictionaries(
    {
        "foregrounds": st.lists(
            st.fixed_dictionaries(
                {
                    "model": st.sampled_from(["small", "large"]),
                    "dropout": st.lists(st.sampled_from([0, 0.25, 0.5]), min_size=1, unique=True),
                    "is_drawn": st.booleans(),
                }
            ),
            min_size=1,
            max_size=2,
            unique_by=lambda it: it["model"],
        ),
        "folds": st.lists(st.sampled_from([None, 2, 3, 4]), min_size=1, unique=True),
        "limits": st.lists(st.sampled_from([None, 200, 300]), max_size=2, unique=True),
        "intensity": st.lists(st.sampled_from([0.25, 0.5, 1]), max_size=3, unique=True),
        "exclude": st.sets(st.integers(0, 60), max_size=4),
        "draws": st.integers(1, 3),
        "repeats": st.integers(1, 7),
        "seed": st.integers(0, 2**32),
    }
)
# model, dropout, folds, intensity, power limit
Cell = tuple[str, float, int | None, float | None, float | None]


def cells_of(some: Any) -> list[Cell]:
    """Every cell of the product, by another way than that of the planner."""
    loads: list[tuple[int | None, float | None]] = []
    for folds in some["folds"]:
        loads += (
            [(folds, dose) for dose in some["intensity"] or [None]] if folds else [(None, None)]
        )
    return [
        (it["model"], dropout, *load, limit)
        for it in some["foregrounds"]
        for dropout in it["dropout"]
        for load in loads
        for limit in some["limits"] or [None]
    ]


def cell_of(experiment: Experiment) -> Cell:
    own = experiment.foreground
    dropout = own.hyperparameters["dropout"]
    limit = experiment.gpu_setup.power_limit_w
    assert isinstance(dropout, float)
    for load in experiment.backgrounds:
        folds = load.training.hyperparameters["folds"]
        assert isinstance(folds, int)
        return own.model, dropout, folds, load.dose.intensity, limit
    return own.model, dropout, None, None, limit


def exclusion(cell: Cell) -> dict[str, Any]:
    """The object that leaves out exactly this cell."""
    model, dropout, folds, dose, limit = cell
    found: dict[str, Any] = {"foreground": {"model": model}, "dropout": dropout}
    found["power_limit_watts"] = limit
    found["background"] = {"hyperparameters": {"folds": folds}} if folds else None
    return found | ({} if dose is None else {"intensity": dose})


def differ_by_one(counts: Iterable[int]) -> bool:
    found = list(counts)
    return max(found) - min(found) <= 1


@settings(max_examples=settings().max_examples * 2 // 5)
@given(CELLS)
def test_any_design_is_planned_whole_and_balanced(
    read: Reader, tmp_path_factory: pytest.TempPathFactory, some: Any
) -> None:
    some["intensity"] = some["intensity"] if any(some["folds"]) else []
    cells = cells_of(some)
    excluded = {cells[index] for index in some["exclude"] if index < len(cells)}
    kept = [cell for cell in cells if cell not in excluded]
    assume(kept)
    drawn = {it["model"]: it["is_drawn"] for it in some["foregrounds"]}
    draws = {"draws": some["draws"]} if any(drawn.values()) else {}
    design = {
        "factors": {
            "foreground": [
                foreground(
                    {"repo": "vision", "model": it["model"]},
                    dropout=values(*it["dropout"]),
                    **{"learning_rate": DRAW} if it["is_drawn"] else {},
                )
                for it in some["foregrounds"]
            ],
            "background": [text(folds) if folds else None for folds in some["folds"]],
            **({"intensity": some["intensity"]} if some["intensity"] else {}),
            **({"power_limit_watts": some["limits"]} if some["limits"] else {}),
        },
        "exclude": [exclusion(cell) for cell in sorted(excluded, key=str)],
        **{"repeats": some["repeats"], "vary": ["seed"]},
        **draws,
    }
    reading = read(seed=some["seed"], **design)
    plan = plan_of(reading)
    check_cells(plan, kept, {model: some["draws"] if it else 1 for model, it in drawn.items()})
    check_groups(plan)
    check_balance(plan)
    names = [each.id for each in plan.experiments]
    assert len(set(names)) == len(names)
    assert sorted(names, key=str) == sorted(names, key=lambda name: key_of(plan.by_id[name]))
    assert read(seed=some["seed"], **design).plan == plan
    folder = tmp_path_factory.mktemp("run")
    write_plan(plan, folder)
    assert read_plan_file(folder) == plan


def key_of(experiment: Experiment) -> Any:
    """What names sort by, the foregrounds first."""
    place = place_of(experiment)
    load = place.background_number
    own = experiment.foreground.model, place.config
    return *own, load is None, load or 0, place.repeat


def check_cells(plan: Plan, kept: Sequence[Cell], draws: dict[str, int]) -> None:
    """Every cell that is not excluded stands once in each block, for each of its draws."""
    expected = Counter({cell: draws[cell[0]] for cell in kept})
    for block in {place_of(each).block for each in plan.experiments}:
        own = [each for each in plan.experiments if place_of(each).block == block]
        assert Counter(map(cell_of, own)) == expected
        distinct = {(place_of(each).config, place_of(each).background_number) for each in own}
        assert len(distinct) == len(own)
    values_of = {
        (
            each.foreground.model,
            each.gpu_setup,
            *sorted(each.foreground.hyperparameters.items()),
        )
        for each in plan.experiments
    }
    configs = {(place_of(each).config, place_of(each).repeat) for each in plan.experiments}
    assert len(values_of) == len(configs)


def check_groups(plan: Plan) -> None:
    """Groups are whole, stand together, and follow each other block by block."""
    groups = [list(own) for _, own in groupby(plan.experiments, key=lambda each: each.group)]
    assert len({own[0].group for own in groups}) == len(groups)
    assert [place_of(own[0]).block for own in groups] == sorted(
        place_of(own[0]).block for own in groups
    )
    for own in groups:
        assert [place_of(each).position for each in own] == list(range(1, len(own) + 1))
        assert len({id(each.foreground) for each in own}) == 1
        assert len({each.gpu_setup for each in own}) == 1
        solo = [each for each in own if not each.backgrounds]
        parallel = [each for each in own if each.backgrounds]
        assert len(solo) <= 1
        assert {each.control for each in solo} <= ({"solo"} if parallel else {None})
        assert {each.twin for each in solo} <= {None}
        assert {each.twin for each in parallel} <= {solo[0].id if solo else None}


def check_balance(plan: Plan) -> None:
    """Each load stands at each place nearly equally often: in a block, and of a configuration."""
    loads = defaultdict(set)
    for each in plan.experiments:
        loads[place_of(each).config].add(place_of(each).background_number)
    scopes: defaultdict[Any, Counter[Any]] = defaultdict(Counter)
    for each in plan.experiments:
        place = place_of(each)
        alike = frozenset(loads[place.config])
        for scope in (("block", place.block, alike), ("config", place.config, alike), ("", alike)):
            scopes[scope][place.background_number, place.position] += 1
    for (*_, alike), counts in scopes.items():
        every = product(alike, range(1, len(alike) + 1))
        assert differ_by_one(counts[at] for at in every)


@settings(max_examples=settings().max_examples // 10)
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_another_seed_is_another_order(read: Reader, one: int, other: int) -> None:
    assume(one != other)
    entry = {"foreground": foreground(epochs=values(*range(1, 13)))}
    factors = {"background": [None, text(3)]}
    first, second = (ids(read(entry, factors=factors, seed=seed)) for seed in (one, other))
    assert sorted(first) == sorted(second)
    assert first != second


def test_as_written_nothing_is_drawn_in_the_order(read: Reader) -> None:
    entry = {"foreground": foreground(epochs=values(9, 7))}
    top = {"factors": {"background": [text(3), None]}, "repeats": 2, "order": "as_written"}
    expected = [
        f"vision_small_c0{config}_{load}"
        for repeat in (1, 2)
        for config in (1, 2)
        for load in (f"b1_r{repeat}_parallel", f"r{repeat}_solo")
    ]
    for seed in (1, 2):
        assert ids(read(entry, seed=seed, **top)) == expected


def test_entries_as_written_keep_their_places_among_drawn_ones(read: Reader) -> None:
    fixed = foreground(epochs=values(*range(1, 6))) | {"order": "as_written"}
    drawn = foreground(LARGE, epochs=values(*range(1, 21)))
    names = ids(read(fixed, drawn))
    assert names[:5] == [f"vision_small_c0{config}_r1" for config in range(1, 6)]
    assert names[5:] != sorted(names[5:])
    assert sorted(names[5:]) == [f"vision_large_c{config:02d}_r1" for config in range(6, 26)]
