"""Which groups a worker takes: whole ones, on one board, in time; and those that failed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.drained import FAILED, HERE, Drained, starting
from tandem.config.options import Course
from tandem.results.forecast import Forecast
from tandem.results.journal import events_in
from tandem.results.shared.workers import journal_of
from tandem.results.standing import standing_plan
from tandem.work.boards import Site

THERE = Site("n2", frozenset({"GPU-2"}))
OTHER_BOARD = Site("n1", frozenset({"GPU-2"}))
LOW = {"background.coverage": 0.5}  # not valid, and may pass


def ids(*groups: str) -> list[str]:
    return [
        f"vision_resnet20_{name}"
        for group in groups
        for config, block in [group.split("_r")]
        for name in (f"{group}_solo", f"{config}_b1_r{block}_parallel")
    ]


def tries(names: list[str], number: int) -> list[str]:
    return [f"{name}_try{number}" for name in names]


GROUPS = ["c01_r1", "c02_r1", "c03_r1"]
FIRST, SECOND, THIRD = (ids(group) for group in GROUPS)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Drained]:
    made = Drained(tmp_path / "run_1", configs=3)
    yield made
    for folder in made.books.open:
        folder.close()


def grow_old(run: Drained, seconds: float) -> None:
    for file in (run.path / "claims").iterdir():
        then_s = file.stat().st_mtime - seconds
        os.utime(file, (then_s, then_s))


def test_one_worker_runs_all_in_the_order_of_the_plan(run: Drained) -> None:
    order = run.worker("n1_1_r0")
    assert run.run(order) == [each.id for each in run.plan.experiments]
    assert order.groups == GROUPS
    assert [*(run.path / "claims").iterdir()] == []


def test_two_share_groups_and_none_is_divided(run: Drained) -> None:
    first, second = run.worker("n1_1_r0"), run.worker("n2_1_r0", THERE)
    given, experiment = starting(first)
    assert run.run(second) == [*SECOND, *THIRD]
    run.end(first, experiment)
    for experiment in given:
        run.end(first, experiment)
    others = dict.fromkeys([*SECOND, *THIRD], "n2_1_r0")
    assert run.standing() == {**dict.fromkeys(FIRST, "n1_1_r0"), **others}


def test_no_more_groups_than_it_is_told_to(run: Drained) -> None:
    assert run.run(run.worker("n1_1_r0", most_groups=2)) == [*FIRST, *SECOND]
    assert run.run(run.worker("n1_2_r0", most_groups=2)) == THIRD


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        (HERE, FIRST[1:]),
        (THERE, tries(FIRST, 2)),
        (OTHER_BOARD, tries(FIRST, 2)),
        (Site("n1", frozenset()), tries(FIRST, 2)),
    ],
)
def test_a_group_that_is_half_done_goes_on_there_or_runs_again_whole(
    run: Drained, site: Site, expected: list[str]
) -> None:
    first = run.worker("n1_1_r0")
    given, experiment = starting(first)
    run.end(first, experiment)
    assert next(given).id == FIRST[1]
    run.killed(first)
    second = run.worker("x_2_r0", site)
    assert run.run(second) == [*expected, *SECOND, *THIRD]
    said = run.told("c01_r1 runs again, whole (try 2): a part of it was run on n1 (GPU-1)")
    assert len(said) == (site != HERE)
    assert [*standing_plan(run.path).by_id] == [*second.folder.plan.by_id]
    counting = [name for name, row in second.folder.rows.items() if row["counts"] is True]
    assert sorted(counting) == sorted([*(FIRST if site == HERE else expected), *SECOND, *THIRD])


def test_who_is_overtaken_in_a_group_leaves_it(run: Drained) -> None:
    """A worker that slept meanwhile; what stands first stands, and no group has two boards."""
    slow = run.worker("n1_1_r0", most_groups=1)
    given, experiment = starting(slow)
    grow_old(run, 121)
    fast = run.worker("n2_1_r0", THERE)
    assert run.run(fast) == [*FIRST, *SECOND, *THIRD]
    run.end(slow, experiment)
    assert [*given] == []
    assert {*run.standing().values()} == {"n2_1_r0"}
    assert len(run.told(f"{FIRST[0]}: another worker's try stands")) == 1
    assert run.told("c01_r1 is left to the worker of workers/n2_1_r0/")


def test_who_is_ahead_in_a_group_goes_on_and_the_other_leaves(run: Drained) -> None:
    slow = run.worker("n1_1_r0", most_groups=1)
    slow_given, slow_one = starting(slow)
    grow_old(run, 121)
    late = run.worker("n2_1_r0", THERE, most_groups=1)
    late_given, late_one = starting(late)
    assert slow_one.id == late_one.id == FIRST[0]
    run.end(slow, slow_one)
    run.end(late, late_one)
    assert [*late_given] == []
    for experiment in slow_given:
        run.end(slow, experiment)
    assert run.standing() == dict.fromkeys(FIRST, "n1_1_r0")


def test_what_another_has_ended_meanwhile_is_not_begun(run: Drained) -> None:
    """By a worker that slept between two experiments of a group."""
    slow = run.worker("n1_1_r0", most_groups=1)
    given, experiment = starting(slow)
    run.end(slow, experiment)
    grow_old(run, 121)
    fast = run.worker("n1_2_r0", most_groups=1)
    assert run.run(fast) == FIRST[1:]
    assert [*given] == []
    assert run.told("c01_r1 is left to the worker of workers/n1_2_r0/")


def test_a_group_whose_parts_are_of_two_boards_runs_again_whole(run: Drained) -> None:
    """The first record was damaged while its worker was silent, and another took the group over."""
    slow, fast = run.worker("n1_1_r0", most_groups=1), run.worker("n2_1_r0", THERE, most_groups=1)
    given, experiment = starting(slow)
    run.end(slow, experiment)
    second = next(given)
    record = run.path / FIRST[0] / "experiment.json"
    record.write_bytes(bytes(record.stat().st_size))
    grow_old(run, 121)
    fast_given, first_again = starting(fast)
    run.end(slow, second)
    run.end(fast, first_again)
    assert [*fast_given] == [*given] == []
    assert run.standing() == {FIRST[0]: "n2_1_r0", FIRST[1]: "n1_1_r0"}
    assert run.run(run.worker("n1_2_r0")) == [*SECOND, *THIRD, *tries(FIRST, 2)]
    assert run.told("c01_r1 runs again, whole (try 2): workers on several boards have run parts")
    assert run.run(run.worker("n2_2_r0", THERE)) == []


def test_one_without_a_record_is_not_tried_for_ever(run: Drained) -> None:
    """Its training has removed its own folder, say."""
    order = run.worker("n1_1_r0")
    assert [each.id for each in order.each(Forecast(()))] == [*FIRST, *SECOND, *THIRD]


# -- time --------------------------------------------------------------------------------


@pytest.mark.parametrize(("left_s", "expected"), [(25.0, [*FIRST, *SECOND, *THIRD]), (15.0, FIRST)])
def test_a_group_is_begun_only_if_there_is_time_for_all_of_it(
    run: Drained, left_s: float, expected: list[str]
) -> None:
    forecast = Forecast(())
    order = run.worker("n1_1_r0", left_s=lambda: left_s)
    done = []
    for experiment in order.each(forecast):
        run.end(order, experiment)
        forecast.note(experiment, 10.0)
        done.append(experiment.id)
    assert done == expected
    assert order.is_out_of_time == (expected == FIRST)
    said = run.told("no new group: c02_r1 would take about 20 s, and the time is over soon")
    assert len(said) == order.is_out_of_time


def test_without_any_time_there_is_no_group(run: Drained) -> None:
    order = run.worker("n1_1_r0", left_s=lambda: 0.0)
    assert run.run(order) == []
    assert run.told("no new group: the time is over soon (--until)")
    assert [*(run.path / "claims").iterdir()] == []


# -- waiting -----------------------------------------------------------------------------


def test_a_worker_that_is_silent_is_waited_for_until_it_is_stale(run: Drained) -> None:
    run.worker("n1_1_r0").claim("c01_r1")
    grow_old(run, 100)
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        grow_old(run, 15)

    second = run.worker("n2_1_r0", THERE, wait=wait)
    assert run.run(second) == [*SECOND, *THIRD, *FIRST]
    assert waits == [15.0, pytest.approx(5, abs=4)]
    assert len(run.told("waiting for other workers that have been silent for long")) == 1


def test_a_worker_that_is_heard_is_not_waited_for(run: Drained) -> None:
    run.worker("n1_1_r0").claim("c01_r1")
    assert run.run(run.worker("n2_1_r0", THERE)) == [*SECOND, *THIRD]
    assert run.waits == []


# -- tries and warm-ups -----------------------------------------------------------------


def test_a_group_that_is_not_valid_runs_again_at_once(tmp_path: Path) -> None:
    run = Drained(tmp_path / "run_1", configs=2, course=Course(rerun_invalid=1))
    order = run.worker("n1_1_r0")
    again = tries(FIRST, 2)
    assert run.run(order, **{FIRST[1]: LOW}) == [*FIRST, *again, *SECOND]
    assert run.told("c01_r1 runs again, whole (try 2)")
    run.close(order)


def test_one_that_was_killed_before_adding_it_is_made_up_for(tmp_path: Path) -> None:
    run = Drained(tmp_path / "run_1", configs=2, course=Course(rerun_invalid=1))
    first = run.worker("n1_1_r0")
    given, experiment = starting(first)
    run.end(first, experiment)
    run.end(first, next(given), **LOW)
    run.killed(first)
    second = run.worker("n2_1_r0", THERE)
    assert run.run(second) == [*SECOND, *tries(FIRST, 2)]
    run.close(second)


def test_each_worker_warms_its_own_board(tmp_path: Path) -> None:
    run = Drained(tmp_path / "run_1", configs=2, course=Course(warmup_runs=1))
    first, second = run.worker("n1_1_r0"), run.worker("n2_1_r0", THERE)
    for order, name in ((first, FIRST[0]), (second, SECOND[0])):
        _, experiment = starting(order)
        assert experiment.id == name
        warm_ups = []
        for each in order.warm_ups(experiment):
            run.end(order, each)
            warm_ups.append(each.id)
        assert warm_ups == [f"{name}_warm_up1"]
        run.close(order)


# -- groups that failed on a host ---------------------------------------------------------


def both_failed(names: list[str]) -> dict[str, Any]:
    return dict.fromkeys(names, FAILED)


def test_a_group_that_failed_on_one_host_is_tried_on_another_once(run: Drained) -> None:
    first = run.worker("n1_1_r0")
    assert run.run(first, **both_failed(FIRST)) == [*FIRST, *SECOND, *THIRD]
    assert first.failed_here() == ["c01_r1"]
    again = run.worker("n1_2_r0", OTHER_BOARD)
    assert (run.run(again), again.failed_here()) == ([], ["c01_r1"])
    assert (again.groups, again.groups_to_run()) == ([], [])
    second, other = run.worker("n2_1_r0", THERE), tries(FIRST, 2)
    assert run.run(second, **both_failed(other)) == other
    assert run.told("c01_r1 runs again, whole (try 2): its trainings failed on n1")
    for name, site in (("n1_3_r0", HERE), ("n2_2_r0", THERE), ("n3_1_r0", Site("n3", HERE.boards))):
        late = run.worker(name, site)
        assert (run.run(late), late.failed_here()) == ([], [])
    events = [each for each in events_in(journal_of(run.path)) if each["event"] == "left_to_others"]
    assert {(each["worker"], each["group"], each["host"]) for each in events} == {
        ("n1_1_r0", "c01_r1", "n1"),
        ("n1_2_r0", "c01_r1", "n1"),
    }


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({}, id="one failed"),
        pytest.param({**FAILED, "attempts[0].reason": "signal TERM"}, id="stopped"),
        pytest.param({**FAILED, "attempts[0].reason": "no report"}, id="its keeper was killed"),
    ],
)
def test_what_failed_once_or_was_stopped_does_not_count(
    run: Drained, changes: dict[str, Any]
) -> None:
    run.run(run.worker("n1_1_r0"), **{FIRST[0]: FAILED, FIRST[1]: changes})
    assert run.run(run.worker("n2_1_r0", THERE)) == []
