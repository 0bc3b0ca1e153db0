"""A parallel experiment and its control: order, numbers, names."""

from __future__ import annotations

from dataclasses import replace
from itertools import cycle
from pathlib import Path

import pytest
from tandem.config.options import Controls, Dose, Limits
from tandem.log.rules import LogRules
from tandem.plan.model import Background, Experiment, Training
from tandem.plan.names import experiment_id
from tandem.plan.version_1 import with_control


def training(repo: str = "r", model: str = "m") -> Training:
    return Training(repo, model, {}, (), ("./t.sh",), Path("/r"), LogRules({}))


def pair(order: str, repo: str = "r") -> Experiment:
    return Experiment(
        number=999,
        id=experiment_id(999, training(repo), "parallel"),
        foreground=training(repo),
        backgrounds=(Background(training(), Dose()),),
        foreground_mode="default",
        source_path="experiments[0]",
        source_entry={},
        controls=Controls(solo=True, order=order),
    )


@pytest.mark.parametrize(
    ("order", "turns", "controls"),
    [
        ("alternate", [False, True], [[None, "solo"], ["solo", None]]),
        ("alternate", [True, False], [["solo", None], [None, "solo"]]),
        ("solo_first", [], [["solo", None]] * 2),
        ("parallel_first", [], [[None, "solo"]] * 2),
    ],
)
def test_the_order_of_two_pairs(
    order: str, turns: list[bool], controls: list[list[str | None]]
) -> None:
    turn = iter(turns)
    for expected in controls:
        first, second = with_control(pair(order), turn)
        assert [first.control, second.control] == expected
        assert (first.number, second.number) == (999, 1000)
        assert (first.twin, second.twin) == (second.id, first.id)
    assert not list(turn)


def test_both_have_the_same_foreground_and_one_has_the_backgrounds() -> None:
    given = replace(pair("alternate"), limits=Limits(cooldown_s=90.0))
    parallel, solo = with_control(given, cycle((False, True)))
    assert solo.foreground is parallel.foreground is given.foreground
    assert (parallel.backgrounds, solo.backgrounds) == (given.backgrounds, ())
    assert parallel.limits is solo.limits is given.limits
    assert (parallel.id, solo.id) == ("r_m_999_parallel", "r_m_1000_solo")


def test_long_names_leave_room_for_number_and_kind() -> None:
    parallel, solo = with_control(pair("parallel_first", "x" * 300), iter(()))
    assert len(parallel.id) == len(solo.id) == 120
    assert parallel.id.endswith("x_999_parallel")
    assert solo.id.endswith("x_1000_solo")
