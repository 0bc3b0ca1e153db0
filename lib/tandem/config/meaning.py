"""What settings and registries mean, without the words for people; and where two differ."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any

from tandem.config.expansion import expanded
from tandem.config.jsonfile import is_annotation
from tandem.config.problems import join

_OF_NAMES = (
    *("env", "failure_patterns", "log_patterns", "model_args"),
    *("needs_files", "needs_modules", "python", "required_args"),
)
"""Keys of a registry's entry whose objects have names of any kind as keys."""

_OF_OBJECTS = ("models", "supported_hyperparams")
"""Keys of a registry whose objects have objects by their names, and texts that annotate."""

_SHOWN_CHARACTERS = 60
_ABSENT = object()
_WORDS: Mapping[str, Any] = {}  # an object that only annotates

Difference = tuple[str, str, str]  # path, what stood there before, what stands there now
IsWords = Callable[[str, str, Any], bool]  # the key of the object, a key in it, its value


def meaning_of_settings(value: Any, names: Collection[str]) -> Any:
    """Return a settings file's value without what annotates; `names` are of hyperparameters."""
    return _without(value, lambda _holder, key, _item: is_annotation(key) and key not in names)


def meaning_of_registry(value: Any, root: Path) -> dict[str, Any]:
    """Return the entries of a registry without what annotates, the paths of their folders whole."""
    models: dict[str, Any] = _without(value["models"], _is_words_of_registry, "models")
    return {
        name: raw | {"path": os.path.abspath(root / expanded(raw["path"]))}
        if isinstance(raw, dict) and isinstance(raw.get("path"), str)
        else raw
        for name, raw in models.items()
    }


def _is_words_of_registry(holder: str, key: str, item: Any) -> bool:
    if not is_annotation(key) or holder in _OF_NAMES:
        return False
    return isinstance(item, str) if holder in _OF_OBJECTS else True


def _without(value: Any, is_words: IsWords, holder: str = "") -> Any:
    if isinstance(value, Mapping):
        kept = {
            key: _without(item, is_words, key)
            for key, item in value.items()
            if not is_words(holder, key, item)
        }
        return kept if kept or not value else _WORDS
    if isinstance(value, list):
        return [_without(item, is_words, holder) for item in value]
    return value


def differences(old: Any, new: Any, path: str = "") -> Iterator[Difference]:
    """Yield where two JSON values differ, each in its smallest part that has a key.

    Lists of objects are compared one by one, those that only annotate passed over; the numbers in a
    path count these.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in {**old, **new}:
            yield from differences(old.get(key, _ABSENT), new.get(key, _ABSENT), join(path, key))
    elif _has_objects(old) and _has_objects(new):
        nothing = None, _ABSENT
        for (there, before), (here, now) in zip_longest(*map(_said, (old, new)), fillvalue=nothing):
            index = there if here is None else here
            yield from differences(before, now, join(path, index or 0))
    elif _text(old) != _text(new):
        yield path, _shown(old), _shown(new)


def _has_objects(value: Any) -> bool:
    return isinstance(value, list) and any(isinstance(item, Mapping) for item in value)


def _said(items: list[Any]) -> list[tuple[int | None, Any]]:
    return [(index, item) for index, item in enumerate(items) if item is not _WORDS]


def _text(value: Any) -> str:
    return "" if value is _ABSENT else json.dumps(value, ensure_ascii=False, sort_keys=True)


def _shown(value: Any) -> str:
    text = "not there" if value is _ABSENT else _text(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
