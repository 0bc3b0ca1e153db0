"""What a registry may say wrongly of a hyperparameter."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from tandem.base.errors import UsageError
from tandem.base.text import quote, show
from tandem.config.hyperparameter import SWITCH, typed
from tandem.config.problems import Flaw, join


def hyperparameter_flaws(where: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    """What is wrong with a hyperparameter's range, chances, sizes, choices and switch."""
    yield from _range_flaws(where, raw)
    yield from _zero_flaws(where, raw)
    yield from _size_flaws(where, raw)
    yield from _choice_flaws(where, raw)
    yield from _switch_flaws(where, raw)


def _range_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    where = join(place, "range")
    if "range" not in raw:
        return
    low, high = raw["range"]
    if raw.get("type") == "str":
        yield "error", where, "text has no range (remove it, or give another type)"
    if low > high:
        yield "error", where, f"begins above its end: {low} to {high} (swap them)"


def _zero_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    if raw.get("zero_probability") and raw.get("default") == 0 and "range" in raw:
        yield "warning", join(place, "zero_probability"), "0 is never drawn: it is the default"


def _size_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    where, sizes = join(place, "sizes"), raw.get("sizes", [])
    if sizes and raw.get("type") != "int":
        yield "error", where, 'are whole numbers, so the "type" must be "int" (change one of them)'
    if any(second <= first for first, second in itertools.pairwise(sizes)):
        yield "error", where, "must ascend (sort them, and name none twice)"


def _choice_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    where, choices = join(place, "choices"), raw.get("choices", [])
    if not choices or "type" not in raw:
        return
    for key in ("range", "distribution", "zero_probability"):
        if key in raw:
            message = 'stands beside "choices", from which values are drawn (remove one of the two)'
            yield "error", join(place, key), message
    found = []
    for index, value in enumerate(choices):
        try:
            found.append(typed(raw["type"], value))
        except UsageError as error:
            yield "error", join(where, index), str(error)
    for index, value in enumerate(found):
        if value in found[:index]:
            yield "error", join(where, index), f"{show(value)} stands there twice (remove one)"
    for index, size in enumerate(raw.get("sizes", [])):
        if size not in found:
            yield "error", join(join(place, "sizes"), index), "is none of the choices (remove it)"


def _switch_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    if raw.get("type") != SWITCH:
        if "off_flag" in raw:
            yield "error", join(place, "off_flag"), f'is for the type "{SWITCH}" alone (remove it)'
        elif raw.get("type") == "str" and isinstance(raw.get("default"), bool):
            message = f'is no text (quote it; a flag without a value has the type "{SWITCH}")'
            yield "warning", join(place, "default"), message
        return
    for key in ("flag", "off_flag"):
        if raw.get(key, "").endswith("="):
            message = f'a switch has no value, but {quote(raw[key])} ends with "=" (remove it)'
            yield "error", join(place, key), message
    if "range" in raw:
        yield "error", join(place, "range"), "a switch has no range (remove it)"
    if False in raw.get("choices", ()) and raw.get("default") is True and "off_flag" not in raw:
        message = 'false would pass nothing, and without the flag it is true (add "off_flag")'
        yield "error", join(place, "choices"), message
    if not isinstance(raw.get("default"), (bool, type(None))):
        message = f"must be true, false or null, not {show(raw['default'])}"
        yield "error", join(place, "default"), message
