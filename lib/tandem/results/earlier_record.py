"""Records of earlier versions with all keys of today: what they did not have is None, or empty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import NoneType, UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints, is_typeddict

from tandem.results.record import Record
from tandem.results.record_file import VERSION

_OBJECTS = ("epochs", "log", "position", "stop", "census", "environment", "settings", "validity")
_LISTS = ("invalid_reasons", "warnings", "windows", "attempts", "epoch_times")


def in_full(record: Mapping[str, Any]) -> Record:
    """Return a record with all its keys; ValueError: it has something else where these stand.

    One of this version that has its first keys is taken as whole.
    """
    is_of_today = record.get("record_version") == VERSION
    if not (is_of_today and record.keys() >= Record.__required_keys__):
        return cast(Record, _filled(record, _form_of(Record)))
    for names, kind in ((_OBJECTS, dict), (_LISTS, list)):
        if not all(isinstance(record[name], kind) for name in names):
            raise ValueError("not a whole record")
    return cast(Record, record)


@dataclass(frozen=True)
class _Form:
    """What a value is to have: an object its `keys`, and `parts` are the forms of some of them.

    `items` is the form of a list's items. A form that is None has nothing to fill.
    """

    shape: type
    may_be_none: bool
    keys: Sequence[str] = ()
    parts: Mapping[str, _Form] = field(default_factory=dict)
    items: _Form | None = None


def _filled(value: Any, form: _Form | None) -> Any:
    """Return a value with what its form has; a key that no form knows stays."""
    if form is None or (value is None and form.may_be_none):
        return value
    found = _checked(form.shape() if value is None else value, form.shape)
    if form.shape is list:
        return [_filled(item, form.items) for item in found] if form.items else found
    full = found | dict.fromkeys(name for name in form.keys if name not in found)
    return full | {name: _filled(full[name], each) for name, each in form.parts.items()}


def _checked(value: Any, shape: type) -> Any:
    if not isinstance(value, shape):
        raise ValueError("not a whole record")
    return value


@cache
def _form_of(kind: Any) -> _Form | None:
    inner = _without_none(kind)
    may_be_none = inner != kind
    if is_typeddict(inner):
        every = {name: _form_of(each) for name, each in get_type_hints(inner).items()}
        parts = {name: form for name, form in every.items() if form}
        return _Form(dict, may_be_none, tuple(every), parts)
    if get_origin(inner) is list:
        return _Form(list, may_be_none, items=_form_of(get_args(inner)[0]))
    if get_origin(inner) is dict:
        return _Form(dict, may_be_none)
    return None


def _without_none(kind: Any) -> Any:
    """Return the one type beside None that a kind allows, else the kind itself."""
    if get_origin(kind) in (Union, UnionType):
        rest = [each for each in get_args(kind) if each is not NoneType]
        if len(rest) == 1 and len(rest) < len(get_args(kind)):
            return rest[0]
    return kind
