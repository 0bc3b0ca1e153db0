"""In which order a plan runs, as the plan itself shows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from support.plans import crossed, experiment, plan
from tandem.config.options import Course
from tandem.plan.model import Experiment, Place
from tandem.report.check.order import order_text


def at(config: int, block: int, number: int | None, position: int) -> Experiment:
    group = f"c{config}_r{block}"
    place = Place(config, 1, number, block, block, position, group)
    changes: dict[str, Any] = {} if number else {"backgrounds": (), "control": "solo"}
    return experiment(id=f"{group}_{number}", place=place, **changes)


def test_version_1_has_the_order_of_its_settings() -> None:
    assert order_text(plan(experiment())) == "as the settings have it"


def test_the_places_of_a_pair_are_counted() -> None:
    pairs = []
    for number, solo_first in enumerate([True, False, True]):
        parallel = experiment(id=f"p{number}", twin=f"s{number}")
        solo = experiment(id=f"s{number}", twin=f"p{number}", control="solo", backgrounds=())
        pairs += [solo, parallel] if solo_first else [parallel, solo]
    assert order_text(plan(*pairs)) == (
        "as the settings have it; in their groups the solo and each background stand 1 to 2 times"
        " at each place"
    )


def test_blocks_groups_and_balanced_places() -> None:
    assert order_text(crossed(3, 6, [None, 1, 2])) == (
        "6 blocks of 3 groups of 3 experiments, always in the same order; in their groups the solo"
        " and each background stand 6 times at each place"
    )


def test_groups_in_drawn_order_and_loads_in_one_order() -> None:
    runs = [
        at(config, block, number, position)
        for block, configs in [(1, (1, 2)), (2, (2, 1))]
        for config in configs
        for position, number in enumerate([2, None, 1], start=1)
    ]
    assert order_text(plan(*runs)) == (
        "2 blocks of 2 groups of 3 experiments, each block in its own order;"
        " in each group b2, solo, b1"
    )


def test_blocks_and_groups_of_several_sizes() -> None:
    runs = [at(1, 1, None, 1), at(1, 1, 1, 2), at(2, 1, None, 1), at(1, 2, None, 1)]
    assert order_text(plan(*runs)).startswith("2 blocks of 1 to 2 groups of 1 to 2 experiments,")


def test_what_runs_beside_the_plan_is_said() -> None:
    course = Course(warmup_runs=1, rerun_invalid=2)
    made = [replace(each, course=course) for each in crossed(1, 1, [None]).experiments]
    assert order_text(plan(*made)) == (
        "1 block of 1 group of 1 experiment; the first run of each foreground is thrown away;"
        " a group that is not valid runs again, at most 2 times"
    )
