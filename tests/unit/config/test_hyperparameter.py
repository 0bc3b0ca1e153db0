"""Choices and switches: what of them may be given, and what a registry may say wrongly of them."""

from __future__ import annotations

from typing import Any

import pytest
from tandem.base.errors import UsageError
from tandem.config.hyperparameter import given_value, read_hyperparameter
from tandem.config.hyperparameter_checks import hyperparameter_flaws


def refusal(raw: dict[str, Any], value: Any) -> str:
    with pytest.raises(UsageError) as caught:
        given_value(read_hyperparameter("h", {"flag": "--h", **raw}), value)
    return str(caught.value)


def test_a_value_that_is_none_of_the_choices_is_refused_with_the_nearest() -> None:
    optimizer = {"type": "str", "choices": ["sgd", "adamw", "lamb"]}
    assert refusal(optimizer, "adam") == (
        'text "adam" is none of its choices (did you mean "adamw"?)'
    )
    assert refusal(optimizer, "x").endswith('(known: "sgd", "adamw", "lamb")')
    sizes = {"type": "int", "choices": [16, 32, 64]}
    assert refusal(sizes, 60) == "60 is none of its choices (did you mean 64?)"
    rates = {"type": "float", "choices": [1e-4, 1, 3]}
    assert refusal(rates, 0.5) == "0.5 is none of its choices (did you mean 0.0001?)"
    assert given_value(read_hyperparameter("h", {"flag": "--h", **rates}), 1) == 1.0
    assert refusal(sizes, "16") == 'must be a whole number, not text "16"'


def test_a_switch_that_cannot_be_switched_off_is_refused() -> None:
    on = {"type": "switch", "default": True}
    assert refusal(on, False).startswith("cannot be switched off: without its flag it is true")
    for raw in ({"type": "switch"}, on | {"off_flag": "--no-h"}):
        assert given_value(read_hyperparameter("h", {"flag": "--h", **raw}), False) is False


@pytest.mark.parametrize(
    ("raw", "place", "sentence"),
    [
        ({"type": "int", "choices": [1, 2.5]}, "choices[1]", "must be a whole number, not 2.5"),
        ({"type": "str", "choices": ["a", "b", "a"]}, "choices[2]", "stands there twice"),
        ({"type": "int", "choices": [1], "range": [1, 2]}, "range", 'stands beside "choices"'),
        (
            {"type": "float", "choices": [1], "zero_probability": 0.5},
            "zero_probability",
            'stands beside "choices"',
        ),
        ({"type": "int", "choices": [1, 2], "sizes": [2, 4]}, "sizes[1]", "none of the choices"),
        ({"type": "switch", "range": [0, 1]}, "range", "a switch has no range"),
        ({"type": "switch", "flag": "amp="}, "flag", "a switch has no value"),
        ({"type": "switch", "off_flag": "amp="}, "off_flag", "a switch has no value"),
        ({"type": "switch", "default": "false"}, "default", "must be true, false or null"),
        (
            {"type": "switch", "default": True, "choices": [True, False]},
            "choices",
            "false would pass nothing",
        ),
        ({"type": "str", "off_flag": "--no"}, "off_flag", 'is for the type "switch" alone'),
        ({"type": "str", "default": False}, "default", "is no text (quote it"),
    ],
)
def test_what_is_wrong_with_choices_and_switches(
    raw: dict[str, Any], place: str, sentence: str
) -> None:
    [(severity, where, message)] = hyperparameter_flaws("h", {"flag": "--h", **raw})
    assert where == f"h.{place}"
    assert sentence in message
    assert severity == ("warning" if "is no text" in sentence else "error")


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "switch", "default": False, "choices": [False, True]},
        {"type": "switch", "default": True, "off_flag": "--no-h"},
        {"type": "str", "default": "none", "choices": ["sgd"]},  # a default may lie outside
        {"type": "int", "choices": [2, 4], "sizes": [2, 4]},
        {"type": "int", "default": False},
    ],
)
def test_what_is_right(raw: dict[str, Any]) -> None:
    assert list(hyperparameter_flaws("h", {"flag": "--h", **raw})) == []
