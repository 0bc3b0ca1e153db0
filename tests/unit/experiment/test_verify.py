"""In what two JSON values differ, and how that is said; whole runs are in runs/."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tandem.experiment.verify import Verdict, differences, text_of_verdict


@pytest.mark.parametrize(
    ("found", "again", "expected"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1.5}, {"a": 1.25}, ["a: 1.5 found, 1.25 from the raw files (off by 0.25)"]),
        ({"a": -3}, {"a": 1}, ["a: -3 found, 1 from the raw files (off by -4)"]),
        ({"a": True}, {"a": False}, ["a: True found, False from the raw files"]),
        ({"a": True}, {"a": 1}, []),  # JSON has them apart, and no schema takes one for the other
        ({"a": None}, {"a": 0.0}, ["a: None found, 0.0 from the raw files"]),
        ({"a": "1"}, {"a": 1}, ["a: '1' found, 1 from the raw files"]),
        ({"a": 1}, {}, ["a: only found"]),
        ({}, {"a": {"b": 1}}, ["a: only computed"]),
        ({"a": {"b c": [1, {"d": 2}]}}, {"a": {"b c": [1, {"d": 3}]}}, ['a["b c"][1].d']),
        ({"a": [1]}, {"a": [1, 2]}, ["a: [1] found, [1, 2] from the raw files"]),
        ({"a": [1]}, {"a": {"0": 1}}, ["a: [1] found, {'0': 1} from the raw files"]),
    ],
)
def test_where_two_values_differ(found: Any, again: Any, expected: list[str]) -> None:
    said = [*differences(found, again)]
    assert len(said) == len(expected)
    for line, beginning in zip(said, expected, strict=True):
        assert line.startswith(beginning)


@pytest.mark.parametrize(
    ("found", "again", "is_same"),
    [
        (0.1 + 0.2, 0.3, True),  # as another Python adds up
        (1e-12, 0.0, True),
        (3120.5, 3120.500001, True),
        (3120.5, 3120.50001, False),
        (1e-6, 2e-6, False),
        (12345678901, 12345678901 + 13, False),
    ],
)
def test_what_rounding_alone_makes_differ_is_the_same(
    found: float, again: float, is_same: bool
) -> None:
    assert ([*differences(found, again)] == []) == is_same


def test_of_many_differences_some_are_listed_and_all_are_counted() -> None:
    verdict = Verdict()
    verdict.differ("a/experiment.json", iter([str(number) for number in range(25)]))
    assert len(verdict.differences) == 21
    assert verdict.differences[-1] == "a/experiment.json: and 5 more"


def test_the_last_line_says_how_it_went() -> None:
    verdict = Verdict(compared=3)
    run = Path("results/run_1")
    whole = "results/run_1: 3 comparisons with the raw files: every figure is what they say"
    assert text_of_verdict(run, verdict) == whole
    verdict.unchecked.append("a/experiment.json: windows and energy (pruned: energy/cpu.csv)")
    assert text_of_verdict(run, verdict).splitlines() == [
        "not checked: a/experiment.json: windows and energy (pruned: energy/cpu.csv)",
        whole,
    ]
    verdict.differences.append("a: b")
    assert text_of_verdict(run, verdict).endswith("raw files: 1 difference")
    verdict.differences.append("a: c")
    assert text_of_verdict(run, verdict).splitlines()[:2] == ["a: b", "a: c"]
    assert text_of_verdict(run, verdict).endswith("raw files: 2 differences")
