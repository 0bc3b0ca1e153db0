"""How much of a load backgrounds were in a window, each and together, by their files alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tandem.background.account import OF_EACH, Account, Dosed, coverage_of, figures_of
from tandem.background.rounds import Stretch
from tandem.measure.windows.sleeps import Sleep

Rounds = list[tuple[float, float | None]]


def account(rounds: Rounds, dosed: Dosed | None = None) -> Account:
    """Return that of rounds that ended well, pairs of start and end in seconds; None: no end."""
    stretches = [
        Stretch(number, number, start_s, open=1)
        if end_s is None
        else Stretch(number, number, start_s, end_s, end_s - start_s, 1, exit_code=0)
        for number, (start_s, end_s) in enumerate(rounds, start=1)
    ]
    return Account(stretches, dosed)


def accounts(*histories: Rounds) -> list[Account]:
    return [account(rounds) for rounds in histories]


# -- of one ----------------------------------------------------------------------------


def test_one_background_is_itself() -> None:
    alone = account([(0, 4), (5, 9), (10, 14)])
    assert coverage_of([alone], 0, 10) == alone.coverage(0, 10) == pytest.approx(0.8)
    figures = alone.figures(0, 10)
    together = {name: value for name, value in figures.items() if name not in OF_EACH}
    assert figures_of([alone], 0, 10) == {**together, "parts": [figures]}


def test_its_figures_are_those_of_its_rounds() -> None:
    assert account([(0, 4), (5, 9), (10, 14)]).figures(0, 10) == {
        "coverage": pytest.approx(0.8),
        "rounds_completed": 2,
        "rounds_failed": 0,
        "rounds_hollow": 0,
        "rounds_per_second": pytest.approx(0.2),  # each with its pause
        "rate_reason": None,
        "seconds_without": 2.0,
        "longest_gap_seconds": 1.0,
        "cpu_seconds": None,
        "dose": None,
    }


@pytest.mark.parametrize(
    ("rounds", "slept", "to_s"),
    [
        ([(0, 4), (5, 109), (110, 114)], Sleep(6, 100), 110),  # in a round
        ([(0, 4), (105, 109), (110, 114)], Sleep(4.5, 100), 110),  # in a pause
        ([(0, 4), (5, 9), (10, 14)], Sleep(20, 100), 10),  # later
        ([(100, 104), (105, 109), (110, 114)], Sleep(-1, 100), 110),  # earlier
    ],
)
def test_a_suspension_is_no_part_of_any_time(rounds: Rounds, slept: Sleep, to_s: float) -> None:
    """All figures are as if it had not been."""
    awake = account([(0, 4), (5, 9), (10, 14)])
    of_both = replace(account(rounds), slept=[slept])
    from_s = rounds[0][0]
    figures = awake.figures(0, 10)
    assert of_both.figures(from_s, to_s) == {
        name: pytest.approx(value) if isinstance(value, float) else value
        for name, value in figures.items()
    }
    assert [each.running_s for each in of_both.awake] == pytest.approx([4, 4, 4])


@pytest.mark.parametrize(
    ("rounds", "reason"),
    [
        ([(0, 20)], "no whole round in the window"),
        ([], "no whole round in the window"),
        ([(2, 2)], "another round lies between, or they took less than a millisecond"),
    ],
)
def test_why_there_is_no_rate(rounds: Rounds, reason: str) -> None:
    figures = account(rounds).figures(1, 10)
    assert (figures["rounds_per_second"], figures["rate_reason"]) == (None, reason)


def test_what_is_not_known_of_the_time_is_none_and_not_zero() -> None:
    figures = account([(0, None), (5, 10)]).figures(0, 10)
    unknown = ("coverage", "seconds_without", "longest_gap_seconds")
    assert [figures[name] for name in unknown] == [None] * 3


def test_what_a_controller_did_over_a_suspension_is_not_known(tmp_path: Path) -> None:
    """One of its rows has the whole of it."""
    rows = ["boottime_s,span_s,present_s,stopped_s,duty,sm_percent", "109,109,109,50,0.54,30"]
    (tmp_path / "dose.csv").write_text("\n".join(rows) + "\n")
    whole = account([(0, 109)], Dosed(tmp_path, "intensity", 0.5, None))
    assert whole.figures(0, 109)["dose"]["duty_mean"] == pytest.approx(0.5413)
    dose = replace(whole, slept=[Sleep(6, 100)]).figures(0, 109)["dose"]
    assert (dose["duty_mean"], dose["stopped_seconds"], dose["sm_avg_percent"]) == (None,) * 3
    assert dose["reason"] == "the machine was suspended in the window"


@pytest.mark.parametrize("problem", [None, "the controller of the dose ended early"])
def test_a_dose_is_told_with_what_it_was_to_be(tmp_path: Path, problem: str | None) -> None:
    """Here the controller has left nothing."""
    dosed = Dosed(tmp_path, "intensity", 0.5, problem)
    dose: dict[str, Any] = account([(0, 10)], dosed).figures(0, 10)["dose"]
    assert (dose["mode"], dose["target"], dose["duty_mean"]) == ("intensity", 0.5, None)
    assert dose["reason"].startswith(problem or "")
    assert dose["reason"] != problem  # and why it is not known


# -- of several ------------------------------------------------------------------------


def test_pauses_of_several_add_up() -> None:
    both = accounts([(0, 4), (5, 10)], [(0, 7), (9, 10)])
    assert coverage_of(both, 0, 10) == pytest.approx(0.7)
    figures = figures_of(both, 0, 10)
    assert figures["coverage"] == pytest.approx(0.7)
    assert [part["coverage"] for part in figures["parts"]] == pytest.approx([0.9, 0.8])
    assert figures["rounds_completed"] == sum(it["rounds_completed"] for it in figures["parts"])
    assert figures["rounds_per_second"] is figures["seconds_without"] is None


def test_pauses_of_more_than_the_window_are_no_load_at_all() -> None:
    assert coverage_of(accounts([(0, 1)], [(0, 2)]), 0, 10) == 0


@pytest.mark.parametrize("which", [0, 1])
def test_one_that_is_not_known_leaves_all_unknown(which: int) -> None:
    histories: list[Rounds] = [[(0, 10)], [(0, 10)]]
    histories[which] = [(0, None), (5, 10)]
    both = accounts(*histories)
    assert coverage_of(both, 0, 10) is None
    assert figures_of(both, 0, 10)["coverage"] is None
    assert both[1 - which].coverage(0, 10) == pytest.approx(1)


def test_no_time_has_no_coverage() -> None:
    assert coverage_of(accounts([(0, 10)], [(0, 10)]), 5, 5) is None
