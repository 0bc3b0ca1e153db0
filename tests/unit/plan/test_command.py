"""Command lines: values arrive exactly as written, or are refused by name."""

from __future__ import annotations

import argparse
import re
import shutil
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tandem.base.errors import UsageError
from tandem.config.hyperparameter import Hyperparameter, Value, given_value
from tandem.config.registry import Repository
from tandem.log.rules import LogRules
from tandem.plan.command import (
    MAX_ARGUMENT_BYTES,
    is_plain,
    out_words,
    registry_words,
    text_of,
    training_command,
)


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
        *("-e", "3", "--lr", "0.0000001"),
    )


def test_the_model_is_not_passed_when_default_or_without_a_flag() -> None:
    assert training_command(REPOSITORY, "default", {}) == ("./train.sh", "-d", "a b")
    without = replace(REPOSITORY, model_flag=None)
    assert training_command(without, "small", {}) == ("./train.sh", "-d", "a b")


def test_a_script_without_a_slash_is_not_looked_for_in_path() -> None:
    plain = replace(REPOSITORY, train_script="train.sh", required_args=())
    assert training_command(plain, "default", {}) == ("./train.sh",)


def test_a_flag_that_ends_in_an_equals_sign_is_joined_to_its_value() -> None:
    joined = replace(
        REPOSITORY,
        model_flag="model=",
        hyperparameters={
            "rate": hyperparameter("rate", "optimizer.lr=", "float"),
            "label": hyperparameter("label", "--label=", "str"),
        },
    )
    values: dict[str, Value] = {"label": "a b=c", "rate": -2e-5}
    assert training_command(joined, "small", values)[3:] == (
        *("model=small", "optimizer.lr=-0.00002", "--label=a b=c"),
    )


@pytest.mark.parametrize(
    ("off_flag", "value", "words"),
    [
        (None, True, ("--amp",)),
        (None, False, ()),
        ("--no-amp", True, ("--amp",)),
        ("--no-amp", False, ("--no-amp",)),
    ],
)
def test_a_switch_is_its_flag_alone(
    off_flag: str | None, value: bool, words: tuple[str, ...]
) -> None:
    amp = replace(hyperparameter("amp", "--amp", "switch"), off_flag=off_flag)
    switched = replace(REPOSITORY, hyperparameters={"amp": amp})
    assert training_command(switched, "default", {"amp": value})[3:] == words


def test_only_words_of_the_registry_may_stand_for_the_folder_of_the_log() -> None:
    placed = replace(REPOSITORY, required_args=("--out", "{out}/saved"))
    words = registry_words(placed, "small")
    assert words == ("./train.sh", "--out", "{out}/saved", "-n", "small")
    assert out_words(words) == 5
    assert out_words(registry_words(REPOSITORY, "small")) == 0


def test_line_buffered_trainings_are_started_through_stdbuf() -> None:
    buffered = replace(REPOSITORY, line_buffered=True)
    program, *words = training_command(buffered, "default", {})
    assert (program, words) == (shutil.which("stdbuf"), ["-oL", "./train.sh", "-d", "a b"])
    nowhere = replace(buffered, environment={"PATH": "/nowhere"})
    assert training_command(nowhere, "default", {})[0] == "stdbuf"


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
        ("switch", True, True),
        ("switch", False, False),
    ],
)
def test_values_of_the_type(kind: str, value: Any, expected: Any) -> None:
    typed = given_value(hyperparameter("h", "--h", kind), value)
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
        ("str", True, 'must be text, not true (a flag without a value has the type "switch"'),
        ("switch", "true", 'must be true or false, not text "true"'),
        ("switch", 1, "must be true or false, not 1"),
    ],
)
def test_values_of_another_type_are_refused(kind: str, value: Any, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        given_value(hyperparameter("h", "--h", kind), value)
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


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-5, "0.00001"),
        (-2e-5, "-0.00002"),
        (1.83895e-5, "0.0000183895"),
        (1e-15, "0.000000000000001"),
        (9.999e-16, "9.999e-16"),
        (1e-20, "1.0e-20"),
        (-1e-20, "-1.0e-20"),
        (5e-324, "5.0e-324"),
        (1e16, "10000000000000000.0"),
        (2e16, "2.0e+16"),
        (1.5e300, "1.5e+300"),
        (0.1, "0.1"),
        (3.0, "3.0"),
        (0.0, "0.0"),
        (-0.0, "-0.0"),
        (10**20, "100000000000000000000"),
        (True, "true"),
        ("1e-05", "1e-05"),
    ],
)
def test_how_values_are_spelt(value: Value, text: str) -> None:
    assert text_of(value) == text


YAML_FLOAT = re.compile(r"[-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)?")  # YAML 1.1, with a dot


@given(value=st.floats(allow_nan=False, allow_infinity=False))
@example(value=-2e-5)
def test_a_float_is_one_for_yaml_and_for_argparse(value: float) -> None:
    text = text_of(value)
    assert YAML_FLOAT.fullmatch(text)
    parser = argparse.ArgumentParser()
    parser.add_argument("--x", type=float)
    assert parser.parse_args([f"--x={text}"]).x == value
    if is_plain(value):
        assert parser.parse_args(["--x", text]).x == value


@given(value=st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")))
def test_text_arrives_as_written(value: str) -> None:
    assert training_command(REPOSITORY, "default", {"label": value})[-2:] == ("--label", value)
