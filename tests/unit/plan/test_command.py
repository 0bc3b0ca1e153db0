"""Command lines: values arrive exactly as written, or are refused by name."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.base.errors import UsageError
from tandem.config.registry import Hyperparameter, Repository
from tandem.log.rules import LogRules
from tandem.plan.command import MAX_ARGUMENT_BYTES, Value, text_of, training_command, typed_value


def hyperparameter(name: str, flag: str, kind: str) -> Hyperparameter:
    return Hyperparameter(name, flag, kind, None, None, None, "uniform", 0.0)


REPOSITORY = Repository(
    name="one",
    path="repos/one",
    train_script="./train.sh",
    models=("default", "small"),
    hyperparameters={
        "epochs": hyperparameter("epochs", "-e", "int"),
        "rate": hyperparameter("rate", "--lr", "float"),
        "label": hyperparameter("label", "--label", "str"),
    },
    model_flag="-n",
    required_args=("-d", "a b"),
    log=LogRules({}),
)


def test_the_order_is_script_required_model_and_the_registrys_flags() -> None:
    values = {"rate": 1e-7, "epochs": 3}
    assert training_command(REPOSITORY, "small", values) == (
        *("./train.sh", "-d", "a b", "-n", "small"),
        *("-e", "3", "--lr", "1e-07"),
    )


def test_the_model_is_not_passed_when_default_or_without_a_flag() -> None:
    assert training_command(REPOSITORY, "default", {}) == ("./train.sh", "-d", "a b")
    without = replace(REPOSITORY, model_flag=None)
    assert training_command(without, "small", {}) == ("./train.sh", "-d", "a b")


def test_a_script_without_a_slash_is_not_looked_for_in_path() -> None:
    plain = replace(REPOSITORY, train_script="train.sh", required_args=())
    assert training_command(plain, "default", {}) == ("./train.sh",)


def test_values_are_arguments_of_their_own_even_with_a_leading_dash() -> None:
    values: dict[str, Value] = {"epochs": -5, "label": "--rm -rf; $(touch x)\n'"}
    assert training_command(REPOSITORY, "default", values)[3:] == (
        *("-e", "-5"),
        *("--label", "--rm -rf; $(touch x)\n'"),
    )


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ("int", 10, 10),
        ("int", 10.0, 10),
        ("int", 2**60 + 1, 2**60 + 1),
        ("float", 1e-7, 1e-7),
        ("float", 3, 3.0),
        ("float", -0.5, -0.5),
        ("str", "", ""),
        ("str", "10", "10"),
    ],
)
def test_values_of_the_type(kind: str, value: Any, expected: Any) -> None:
    typed = typed_value(hyperparameter("h", "--h", kind), value)
    assert (typed, type(typed)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("kind", "value", "sentence"),
    [
        ("int", 10.5, "must be a whole number, not 10.5"),
        ("int", "10", 'must be a whole number, not text "10"'),
        ("int", True, "must be a whole number, not true"),
        ("float", None, "must be a number that a float can hold, not null"),
        ("float", [1], "must be a number that a float can hold, not a list"),
        ("float", {}, "must be a number that a float can hold, not an object"),
        ("float", float("nan"), "must be a number that a float can hold, not NaN"),
        ("int", float("inf"), "must be a whole number, not Infinity"),
        ("float", float("inf"), "must be a number that a float can hold, not Infinity"),
        ("float", 2**53 + 1, "must be a number that a float can hold, not 9007199254740993"),
        ("float", 10**299, "must be a number that a float can hold, not 1000"),
        ("float", 10**400, "must be a number that a float can hold, not 1000"),
        ("str", 1.5, "must be text, not 1.5 (write it in quotes)"),
    ],
)
def test_values_of_another_type_are_refused(kind: str, value: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        typed_value(hyperparameter("h", "--h", kind), value)
    assert str(caught.value).startswith(sentence)


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("a\0b", '"label" has a NUL character'),
        ("é" * (MAX_ARGUMENT_BYTES // 2), '"label" is 131072 bytes long'),
    ],
)
def test_what_no_argument_can_hold_is_refused_by_name(value: str, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence):
        training_command(REPOSITORY, "default", {"label": value})


def test_the_longest_argument_allowed_is_taken() -> None:
    longest = "x" * (MAX_ARGUMENT_BYTES - 1)
    assert training_command(REPOSITORY, "default", {"label": longest})[-1] == longest


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_reads_back_as_the_same(value: float) -> None:
    assert float(text_of(value)) == value


@given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_text_arrives_as_written(value: str) -> None:
    assert training_command(REPOSITORY, "default", {"label": value})[-2:] == ("--label", value)
