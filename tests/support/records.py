"""Whether a record is one: it fits its schema, and no object in it lacks a key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema
from tandem.config.schema import schema


def flaws(record: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a record, each with its place; [] if nothing is."""
    shape = schema("record")
    errors = jsonschema.Draft202012Validator(shape).iter_errors(record)
    wrong = [f"{error.json_path}: {error.message}" for error in errors]
    return wrong + [f"{place} is missing" for place in missing(record, shape)]


def missing(value: Any, shape: Mapping[str, Any], place: str = "$") -> Iterator[str]:
    """Yield the place of each key that the schema names and an object in the value lacks.

    The schema of a record has no `required`: every object in a record has all its keys.
    """
    if isinstance(value, dict):
        for key, inner in shape.get("properties", {}).items():
            if key in value:
                yield from missing(value[key], inner, f"{place}.{key}")
            else:
                yield f"{place}.{key}"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from missing(item, shape.get("items", {}), f"{place}[{index}]")
