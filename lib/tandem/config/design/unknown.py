"""What settings of version 2 say of a key that cannot stand where it is written."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from tandem.base.text import nearest, quote, suggestion
from tandem.config.keys import INSTEAD
from tandem.config.schema import schema

_SHAPES = (
    *("version_2", "design_entry", "design_foreground", "design_background"),
    *("factors", "design_controls", "design_validity", "hyperparameter_form", "mps"),
)
_TOP = "the top level"
_REMOVE = ' (remove it, or begin its name with "comment")'


def about_unknown(key: str, given: Mapping[str, Any], shape: Mapping[str, Any]) -> str:
    """Return the sentence about a key of the object `given`, which the schema `shape` refuses."""
    place = shape["title"]
    if instead := INSTEAD.get(f"{place}.{key}", INSTEAD.get(key)):
        return f"not a key of version 2: {instead}"
    is_training = "hyperparameters" in shape["properties"]
    if key == "seed" and is_training:
        how = 'that of a training stands in "hyperparameters", that of the plan at the top level'
        return f"cannot stand {_in(place)} ({how})"
    if f"{key}s" in shape["properties"]:
        return f"unknown key (did you mean {quote(f'{key}s')}?)"
    if homes := _homes().get(key):
        return f"cannot stand {_in(place)} (move it {' or '.join(map(_into, homes))})"
    known = [name for name in shape["properties"] if name not in given]
    near = nearest(key, [*known, *(name for name in _homes() if name not in given)])
    if near in known:
        return f"unknown key (did you mean {quote(near)}?)"
    if near:
        return f"unknown key (did you mean {quote(near)} {' or '.join(map(_in, _homes()[near]))}?)"
    if place == '"factors"':
        where = '{"values": [...]} under its name in "hyperparameters"'
        return f"unknown factor (a hyperparameter with several values is {where})"
    if is_training:
        return 'unknown key (move it into "hyperparameters", if it is one, or else remove it)'
    return f"unknown key{suggestion(key, known) or _REMOVE}"


def _in(place: str) -> str:
    return f"at {place}" if place == _TOP else f"in {place}"


def _into(place: str) -> str:
    return f"to {place}" if place == _TOP else f"into {place}"


@lru_cache
def _homes() -> Mapping[str, tuple[str, ...]]:
    """Return where each key of version 2 may stand, in words."""
    homes: dict[str, tuple[str, ...]] = {}
    for name in _SHAPES:
        shape = schema("settings")["$defs"][name]
        for key in shape["properties"]:
            homes[key] = (*homes.get(key, ()), shape["title"])
    return homes
