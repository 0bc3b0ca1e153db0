"""Options between JSON and dataclass: each key stands once, and the schema says the same of it."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from typing import Any

import pytest
from tandem.config.options import Controls, Dose, Limits, Validity, as_settings, read_options
from tandem.config.schema import schema

KINDS = (Limits, Dose, Controls, Validity)
JSON_TYPES = {"int": "integer", "float": "number", "bool": "boolean", "str": "string"}


def properties() -> dict[str, Any]:
    """Return what the schema says of each key of the settings, wherever it may stand."""
    shapes = schema("settings")["$defs"]
    levels = ("version_1", "design", "background", "controls", "validity")
    return {key: shape for level in levels for key, shape in shapes[level]["properties"].items()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_says_the_same_type_and_default(kind: type[Any]) -> None:
    for each in fields(kind):
        shape = properties()[each.metadata["key"]]
        assert shape.get("type", "string") == JSON_TYPES[str(each.type).partition(" ")[0]]
        if each.default is not None:
            told = re.search(r'Default: "?([\w.]*\w)', shape["description"])
            default = str(each.default).lower().removesuffix(".0")
            assert told and told[1] == default, each.metadata["key"]


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read(kind: type[Any]) -> None:
    usual = kind()
    assert read_options(kind) == read_options(kind, as_settings(usual)) == usual
    first = fields(kind)[0]
    other = replace(usual, **{first.name: 7})
    assert read_options(kind, as_settings(other)) == other
    assert list(as_settings(other)) == [each.metadata["key"] for each in fields(kind)]


def test_of_each_key_the_first_object_counts() -> None:
    found = read_options(Limits, {"grace_seconds": 1}, {"grace_seconds": 2, "max_retries": 0})
    assert found == Limits(grace_s=1.0, max_retries=0)
    assert read_options(Limits, {"timeout_seconds": None}, {"unknown": 1}) == Limits()


def test_a_number_gets_the_type_of_its_field() -> None:
    found = read_options(Limits, {"max_retries": 3.0, "timeout_seconds": 9})
    assert repr((found.max_retries, found.timeout_s)) == "(3, 9.0)"
