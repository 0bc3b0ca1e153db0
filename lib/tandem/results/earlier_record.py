"""Records of earlier versions with all keys of today: what they did not have is None, or empty."""

from __future__ import annotations

from collections.abc import Mapping
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
        return cast(Record, _filled(record, Record))
    for names, kind in ((_OBJECTS, dict), (_LISTS, list)):
        if not all(isinstance(record[name], kind) for name in names):
            raise ValueError("not a whole record")
    return cast(Record, record)


def _filled(value: Any, kind: Any) -> Any:
    """Return a value with what its kind has; a key that no kind knows stays."""
    inner = _without_none(kind)
    if value is None and inner != kind:
        return None
    if is_typeddict(inner):
        found = _checked({} if value is None else value, dict)
        hints = _hints(inner)
        return found | {name: _filled(found.get(name), each) for name, each in hints.items()}
    if get_origin(inner) is list:
        items = _checked([] if value is None else value, list)
        return [_filled(item, get_args(inner)[0]) for item in items]
    if get_origin(inner) is dict:
        return _checked({} if value is None else value, dict)
    return value


def _checked(value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise ValueError("not a whole record")
    return value


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)


@cache
def _without_none(kind: Any) -> Any:
    """Return the one type beside None that a kind allows, else the kind itself."""
    if get_origin(kind) in (Union, UnionType):
        rest = [each for each in get_args(kind) if each is not NoneType]
        if len(rest) == 1 and len(rest) < len(get_args(kind)):
            return rest[0]
    return kind
