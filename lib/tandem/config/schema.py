"""Check a value against one of the schemas and say in sentences what does not fit."""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache, reduce
from itertools import islice
from operator import getitem
from typing import TYPE_CHECKING, Any, cast

from tandem.base.paths import ROOT
from tandem.base.text import nearest, printable, quote, show
from tandem.config.problems import Problem, ProblemsError, join, path_of

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

_SCHEMAS = ROOT / "schemas"
_MOST_ERRORS = 1000
_KINDS = {
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "array": "a list",
    "object": "an object",
    "boolean": "true or false",
    "null": "null",
}
_BOUNDS = {
    "minimum": "at least",
    "maximum": "at most",
    "exclusiveMinimum": "more than",
    "exclusiveMaximum": "less than",
}
_COUNTS = {
    "minItems": "at least {} values",
    "maxItems": "at most {} values",
    "minProperties": "at least {} keys",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
}
MUTATION_MODES = ("mixed", "batch", "nonparallel")
"""Other words for the mode "mutation": understood, but never suggested."""
AboutUnknown = Callable[[str, Any, Mapping[str, Any]], str]
_ABOUT_MEMBERS = ("required", "minProperties")


@lru_cache
def schema(name: str) -> dict[str, Any]:
    """Return the schema of that name ("settings", "registry", ...) without references.

    jsonschema spends most of its time on resolving references, again for every entry.
    """
    raw = json.loads((_SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    resolved: dict[str, Any] = _resolved(raw, raw)
    return resolved


def _resolved(part: Any, whole: dict[str, Any]) -> Any:
    """Return a part of a schema with all that it refers to written out."""
    if isinstance(part, list):
        return [_resolved(item, whole) for item in part]
    if not isinstance(part, dict):
        return part
    while "$ref" in part:
        beside = {key: item for key, item in part.items() if key != "$ref"}
        part = reduce(getitem, part["$ref"].split("/")[1:], whole) | beside
    return _with_shared({key: _resolved(item, whole) for key, item in part.items()})


def _with_shared(part: dict[str, Any]) -> dict[str, Any]:
    """Return the part with the properties of its `allOf` among its own, if these say no more."""
    groups = part.get("allOf", [])
    if not groups or any(group.keys() != {"description", "properties"} for group in groups):
        return part
    properties = {
        key: shape for group in (*groups, part) for key, shape in group["properties"].items()
    }
    rest = {key: item for key, item in part.items() if key != "allOf"}
    if "unevaluatedProperties" in rest:  # nothing is left that only evaluation finds
        rest["additionalProperties"] = rest.pop("unevaluatedProperties")
    return rest | {"properties": properties}


def _unknown_key(_key: str, _value: Any, _shape: Mapping[str, Any]) -> str:
    return "unknown key (remove it)"


def sift(
    value: Any, schema_name: str, file: str = "", about_unknown: AboutUnknown = _unknown_key
) -> tuple[Any, list[Problem]]:
    """Return the value without the parts that do not fit the schema, and an error for each.

    What is left has the types that the schema gives, so it can be read on for further problems.
    The value itself is not changed. `about_unknown` is the sentence about a key that the schema
    refuses, given the key, the object that holds it and the object's schema. Raises ProblemsError
    where a thousand errors are not all.
    """
    import jsonschema  # takes 0.13 s, and not every command needs it

    validator = jsonschema.Draft202012Validator(schema(schema_name))
    errors = list(islice(validator.iter_errors(value), _MOST_ERRORS + 1))
    if len(errors) > _MOST_ERRORS:  # what the others are about would be taken for what fits
        raise ProblemsError(_problems(errors, file, about_unknown))
    if errors:
        value = copy.deepcopy(value)
        for error in errors:
            _remove(value, error)
    return value, _problems(errors, file, about_unknown)


def _remove(value: Any, error: ValidationError) -> None:
    """Take what the error is about out of `value`: the innermost member of an object.

    An object that lacks something stays; an element of a list that should be an object becomes
    an empty one, so that the others keep their places.
    """
    keys = list(error.absolute_path)
    names = _unknown_of(error)
    if not names:
        if error.validator in _ABOUT_MEMBERS or not keys:
            return
        if error.validator_value != "object":
            while isinstance(keys[-1], int) and len(keys) > 1:
                keys.pop()
        names = [keys.pop()]
    try:
        holder = reduce(getitem, keys, value)
        for name in names:
            if isinstance(name, int):
                holder[name] = {}
            else:
                del holder[name]
    except (KeyError, IndexError):
        pass  # removed already, for another reason


def _unknown_of(error: ValidationError) -> list[Any]:
    """Return the keys that the error refuses, none where it is about something else."""
    if error.validator != "additionalProperties" or error.validator_value is not False:
        return []
    given, shape = cast("dict[str, Any]", error.instance), cast("dict[str, Any]", error.schema)
    patterns = shape.get("patternProperties", {})
    return [
        key
        for key in given
        if key not in shape.get("properties", {})
        and not any(re.search(pattern, key) for pattern in patterns)
    ]


def _problems(
    errors: Iterable[ValidationError], file: str, about_unknown: AboutUnknown
) -> list[Problem]:
    """Return a problem for each sentence of each error, but each only once.

    jsonschema gives as many errors as names are missing, and each error has a sentence for all.
    """
    problems = []
    for error in errors:
        path = path_of(error.absolute_path)
        given: Any = error.instance
        shape: Any = error.schema
        found = [(join(path, key), about_unknown(key, given, shape)) for key in _unknown_of(error)]
        found = found or [(path, sentence) for sentence in _sentences(error)]
        problems += [Problem("error", place, sentence, file) for place, sentence in found]
    return list(dict.fromkeys(problems))


def _sentences(error: ValidationError) -> list[str]:
    if error.validator != "required":
        shape: Any = error.schema
        hint = shape.get("hint") if isinstance(shape, dict) else None
        return [_sentence(error) + (f" ({hint})" if hint else "")]
    wanted: Any = error.validator_value
    given: Any = error.instance
    return [f"{quote(name)} is missing (add it)" for name in wanted if name not in given]


def _sentence(error: ValidationError) -> str:
    rule = str(error.validator)
    given: Any = error.instance
    wanted: Any = error.validator_value
    if rule in _BOUNDS:
        return f"must be {_BOUNDS[rule]} {wanted}, not {show(given)}"
    if rule in _COUNTS and not given:
        return "must not be empty"
    if rule in _COUNTS:
        return f"must have {_COUNTS[rule].format(wanted)}, not {len(given)}"
    return _SENTENCES.get(rule, _other)(given, wanted)


def _type(given: Any, wanted: Any) -> str:
    kinds = [wanted] if isinstance(wanted, str) else wanted
    return f"must be {' or '.join(_KINDS[kind] for kind in kinds)}, not {show(given)}"


def _enum(given: Any, wanted: Any) -> str:
    near = nearest(given, list(filter(_is_text, wanted))) if _is_text(given) else ""
    hint = f" (did you mean {quote(near)}?)" if near and near not in MUTATION_MODES else ""
    names = ", ".join(quote(name) if isinstance(name, str) else show(name) for name in wanted)
    return f"must be one of {names}, not {show(given)}{hint}"


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _unique(given: Any, _wanted: Any) -> str:
    counts = Counter(map(_alike, given))
    twice = [printable(text) for text in counts if counts[text] > 1]
    return f"holds {', '.join(twice[:10])} more than once (remove the others)"


def _alike(item: Any) -> str:
    """Return one text for all ways to write a value: 1.0 is 1."""
    if isinstance(item, float) and item.is_integer():
        item = int(item)
    return json.dumps(item, ensure_ascii=False)


def _pattern(given: Any, _wanted: Any) -> str:
    if "\0" in given:
        return f"{quote(given)} has a NUL character, which no argument can hold (remove it)"
    return f"{quote(given)} cannot be read"  # how it is written says the shape's hint


def _other(given: Any, _wanted: Any) -> str:
    return f"{show(given)} does not fit the schema"


_SENTENCES = {"type": _type, "enum": _enum, "uniqueItems": _unique, "pattern": _pattern}
