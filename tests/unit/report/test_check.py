"""The whole text of check: what it says, on screens of every width."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.plans import crossed
from tandem.config.options import Controls
from tandem.config.problems import Problem
from tandem.report.check.text import text_of_check

PROBLEMS = [Problem("error", "experiments[0].repo", "is not in the registry", "s.json")]


def test_a_design_as_text(tmp_path: Path) -> None:
    made = crossed(10, 6, [None, 1, 2], controls=Controls(background_s=60.0))
    text = text_of_check(made, [], tmp_path, 100)
    head, table, takes, tells, shows = text.split("\n\n")
    assert head.startswith("night: 180 experiments (120 parallel, 60 solo)\n")
    assert table.splitlines() == [
        "  values                                 repeats  background           dose",
        "vision resnet20",
        "  epochs=20, rate=0.1 to 1.0 (10 draws)  6        none",
        "  epochs=20, rate=0.1 to 1.0 (10 draws)  6        b1: vision resnet20  intensity 0.5",
        "  epochs=20, rate=0.1 to 1.0 (10 draws)  6        b2: vision resnet20  intensity 1",
    ]
    assert takes.startswith("  order   6 blocks of 10 groups of 3 experiments,")
    assert "\n  time    unknown: these trainings are not among the newest " in takes
    assert takes.endswith("\n  energy  unknown")
    assert "  slowdown             10 configurations a line: verdict;" in tells
    assert "  by intensity         0.5, 1: 10 configurations a level: verdict" in tells
    assert shows.endswith("unknown: too few earlier pairs")


def test_what_runs_alone_has_no_verdicts(tmp_path: Path) -> None:
    text = text_of_check(crossed(10, 6, [None]), [], tmp_path, 100)
    assert text.endswith("\n\nverdicts: none, since nothing runs beside a background")


def test_without_a_plan_only_the_problems(tmp_path: Path) -> None:
    text = text_of_check(None, PROBLEMS, tmp_path, 100)
    assert text.startswith("nothing is planned\n\n1 error:\n")


@pytest.mark.parametrize("columns", [40, 60, 80, 100, 120])
def test_no_line_is_wider_than_the_screen(columns: int, tmp_path: Path) -> None:
    made = crossed(
        10, 6, [None, 1, 2], lambda config: {"a_long_name_of_a_value": config, "rate": 1}
    )
    _, _, text = text_of_check(made, [], Path("results"), columns).partition("\n\n")
    assert max(map(len, text.splitlines())) <= columns
