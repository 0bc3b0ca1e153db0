"""A plan as it stands: tries and warm-ups in their places, and which of them count."""

from __future__ import annotations

from typing import Any

import pytest
from support.plans import design, experiment, plan
from tandem.config.options import Controls
from tandem.plan.model import Plan
from tandem.plan.tries import (
    as_it_stands,
    counting,
    name_of_warm_up,
    names_of_next_try,
    newest_of,
    newest_try,
    still_to_run,
)

SOLO, FIRST, SECOND = (
    "vision_resnet20_c01_r1_solo",
    "vision_resnet20_c01_b1_r1_parallel",
    "vision_resnet20_c01_b2_r1_parallel",
)
GROUP = (SOLO, FIRST, SECOND)


def added(kind: str, **names: str) -> dict[str, Any]:
    return {"event": "added", "as": kind, "experiments": names}


def with_try(made: Plan, number: int, *events: dict[str, Any], group: str = "c01_r1") -> Plan:
    """Return a plan in which a group has so many tries."""
    every, stands = list(events), as_it_stands(made, events)
    for _ in range(number - 1):
        every.append(added("try", **names_of_next_try(newest_try(stands.groups[group]))))
        stands = as_it_stands(made, every)
    return stands


def ids(made: Plan) -> list[str]:
    return [each.id for each in made.experiments]


def of_try(number: int) -> list[str]:
    return [f"{name}_try{number}" for name in GROUP]


def test_a_plan_to_which_nothing_was_added_is_the_same() -> None:
    made = design()
    assert as_it_stands(made, []) is made


def test_a_try_stands_at_the_end_of_its_block_whole() -> None:
    made = design(configs=2, blocks=2)
    stands = with_try(made, 2)
    planned = ids(made)
    assert ids(stands) == [*planned[:6], *of_try(2), *planned[6:]]
    assert [each.number for each in stands.experiments] == [*range(1, 16)]
    solo, first, second = (stands.by_id[name] for name in of_try(2))
    assert (first.twin, second.twin, solo.twin) == (solo.id, solo.id, None)
    assert stands.partners[solo.id] == (first, second)
    assert {each.try_number for each in (solo, first, second)} == {2}
    assert {each.group for each in (solo, first, second)} == {"c01_r1"}
    assert first.foreground is made.by_id[FIRST].foreground
    assert len(made.experiments) == 12


def test_further_tries_come_behind_and_are_counted() -> None:
    stands = with_try(design(), 3)
    assert ids(stands)[3:9] == [*of_try(2), *of_try(3)]
    last = stands.by_id[f"{FIRST}_try3"]
    assert (last.try_number, last.twin) == (3, f"{SOLO}_try3")


def test_a_pair_of_version_1_keeps_its_group() -> None:
    parallel = experiment(id="a_001_parallel", twin="a_002_solo")
    solo = experiment(
        id="a_002_solo", number=2, backgrounds=(), control="solo", twin="a_001_parallel"
    )
    single = experiment(id="b_003", number=3, backgrounds=())
    stands = with_try(plan(parallel, solo, single), 3, group="a_001_parallel")
    tries = ["a_001_parallel_try2", "a_002_solo_try2", "a_001_parallel_try3", "a_002_solo_try3"]
    assert ids(stands)[3:] == tries
    assert stands.by_id["a_002_solo_try2"].twin == "a_001_parallel_try2"
    assert [*stands.groups] == ["a_001_parallel", "b_003"]
    assert [each.id for each in stands.groups["a_001_parallel"]][2:] == tries


def test_a_warm_up_stands_before_what_it_copies_and_belongs_to_nobody() -> None:
    made = design(controls=Controls(idle_s=5.0, background_s=5.0))
    name = name_of_warm_up(made, made.by_id[FIRST])
    stands = with_try(made, 1, added("warm_up", **{name: FIRST}))
    assert ids(stands)[:3] == [SOLO, f"{FIRST}_warm_up1", FIRST]
    assert [each.number for each in stands.experiments[:4]] == [1, 2, 2, 3]
    copy = stands.by_id[name]
    assert (copy.control, copy.twin, copy.is_warm_up) == ("warm_up", None, True)
    assert copy.backgrounds == made.by_id[FIRST].backgrounds
    assert (copy.controls.idle_s, copy.controls.background_s) == (0, 0)
    assert stands.groups["c01_r1"] == made.groups["c01_r1"]
    assert len(stands.partners[SOLO]) == 2
    assert name_of_warm_up(stands, stands.by_id[FIRST]) == f"{FIRST}_warm_up2"


def test_a_try_has_warm_ups_too() -> None:
    first = f"{SOLO}_try2"
    events = [added("try", **{f"{name}_try2": name for name in GROUP})]
    events.append(added("warm_up", **{f"{first}_warm_up1": first}))
    stands = as_it_stands(design(), events)
    assert ids(stands)[3:5] == [f"{first}_warm_up1", first]
    assert stands.by_id[f"{first}_warm_up1"].try_number == 2


@pytest.mark.parametrize(
    "event",
    [
        *({}, added("try"), added("other", x=SOLO), added("try", x_try2="unknown")),
        added("warm_up", **{FIRST: SOLO}),
        {"as": "try", "experiments": None},
        {"as": "try", "experiments": [SOLO]},
        {"as": "try", "experiments": {"x": None}},
        {"as": None, "experiments": {"x": SOLO}},
        {"as": [], "experiments": {"x": SOLO}},
    ],
)
def test_an_event_that_fits_nothing_adds_nothing(event: dict[str, Any]) -> None:
    made = design()
    assert as_it_stands(made, [event]) is made


def test_what_is_added_twice_is_there_once() -> None:
    event = added("try", **{f"{name}_try2": name for name in GROUP})
    assert len(as_it_stands(design(), [event, event]).experiments) == 9
    assert len(newest_of(ids(design()), [event, event])) == 6


@pytest.mark.parametrize(
    ("tries", "ended", "counts"),
    [
        (1, [], 1),
        (1, GROUP[:2], 1),
        (1, GROUP, 1),
        (2, GROUP, 1),
        (2, [*GROUP, *of_try(2)[:2]], 1),
        (2, [*GROUP, *of_try(2)], 2),
        (2, GROUP[:2], 2),  # the first is not run to its end any more
        (3, [*GROUP, *of_try(2)], 2),
        (3, [*GROUP[:2], *of_try(2)], 2),
        (3, [*GROUP, *of_try(3)], 3),
    ],
)
def test_the_newest_try_that_has_ended_whole_counts(
    tries: int, ended: list[str], counts: int
) -> None:
    members = with_try(design(), tries).groups["c01_r1"]
    assert counting([members], ended) == {*(GROUP if counts == 1 else of_try(counts))}


def test_warm_ups_and_given_up_tries_are_not_run_to_their_end() -> None:
    made = design()
    events = [added("warm_up", w=SOLO), added("try", **{f"{name}_try2": name for name in GROUP})]
    stands = as_it_stands(made, events)
    due = still_to_run(stands, {SOLO, f"{SOLO}_try2"})
    assert [each.id for each in due] == [*of_try(2)[1:], *ids(made)[3:]]
    assert newest_of(ids(made), events) == {*of_try(2), *ids(made)[3:]}


# -- several workers -----------------------------------------------------------------------


def test_what_two_workers_add_at_the_same_time_is_added_once() -> None:
    made = design()
    again = added("try", **names_of_next_try(made.groups["c01_r1"]))
    assert as_it_stands(made, [again, again]) == with_try(made, 2)
    assert newest_of(ids(made), [again, again]) >= set(of_try(2))


def test_the_order_of_events_is_that_of_clocks_which_may_differ() -> None:
    made = design()
    second = added("try", **names_of_next_try(made.groups["c01_r1"]))
    third = added("try", **names_of_next_try(with_try(made, 2).groups["c01_r1"][3:]))
    assert as_it_stands(made, [third, second]) == with_try(made, 3)
    left = newest_of(ids(made), [third, second])
    assert left >= set(of_try(3)) and not left & set(of_try(2))
