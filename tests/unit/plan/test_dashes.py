"""Which values that begin with a dash are warned of: those that some Python's argparse refuses."""

from __future__ import annotations

import argparse
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.config.hyperparameter import Hyperparameter, Value
from tandem.plan.command import words_of
from tandem.plan.dashes import dash_doubt

SHIFT = Hyperparameter("shift", "--shift", "float", None, None, None, "uniform", 0.0)


def severity(found: Hyperparameter, *values: Value) -> str | None:
    doubt = dash_doubt(found, *values)
    return doubt and doubt[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.5, None),
        (-0.5, "remark"),
        (-2e-5, "remark"),
        (-5, "remark"),
        (-1e-20, "warning"),
        (-3e20, "warning"),
        (1e-20, None),
        ("-x", "warning"),
        ("--rm -rf", "warning"),
        ("-1", "remark"),
        ("-", None),
        ("a-b", None),
    ],
)
def test_given_values(value: Value, expected: str | None) -> None:
    assert severity(SHIFT, value) == expected
    assert severity(replace(SHIFT, flag="--shift="), value) is None
    assert severity(replace(SHIFT, flag="shift"), value) is None  # no argparse has such an option


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.0, 1.0, None),
        (-0.0003, 0.0003, "remark"),
        (-1e-12, 1e-12, "warning"),
        (-1e-18, -1e-19, "warning"),
        (-1e20, 0.0, "warning"),
        (-1.0, -0.5, "remark"),
    ],
)
def test_ranges(low: float, high: float, expected: str | None) -> None:
    assert severity(replace(SHIFT, low=low, high=high)) == expected


def test_choices_and_whole_numbers() -> None:
    assert severity(replace(SHIFT, choices=(1.0, -1e-20))) == "warning"
    assert severity(replace(SHIFT, choices=(1.0, -1.0))) == "remark"
    assert severity(replace(SHIFT, kind="int", low=-3, high=4)) == "remark"
    assert severity(replace(SHIFT, kind="int", low=0, high=4)) is None
    assert severity(SHIFT) is None


def test_what_is_said() -> None:
    assert dash_doubt(SHIFT, -1e-20) == (
        "warning",
        "-1.0e-20 behind --shift looks like an option: argparse before Python 3.14 refuses it"
        ' (make the flag "--shift=", which joins them, if the program takes that)',
    )
    _, message = dash_doubt(SHIFT, "-adam") or ("", "")
    assert message.startswith("-adam behind --shift looks like an option: argparse refuses it (")


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_this_pythons_argparse_takes_all_that_is_not_warned_of(value: float) -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--shift", type=float)
    if severity(SHIFT, value) != "warning":
        assert parser.parse_args(words_of(SHIFT, value)).shift == value
    assert parser.parse_args(words_of(replace(SHIFT, flag="--shift="), value)).shift == value
