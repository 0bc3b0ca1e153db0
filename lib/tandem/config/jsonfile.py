"""Read a JSON file strictly: what a lenient reader would swallow is refused with a sentence."""

from __future__ import annotations

import hashlib
import json
import math
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.base.text import quote
from tandem.config.excerpt import excerpt_of, place_of
from tandem.config.json_faults import fault_in
from tandem.config.json_words import Fault
from tandem.config.problems import Problem, ProblemsError, path_of

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 64
_LONGEST_INTEGER = 300  # digits; longer ones are beyond every float and slow to convert

Trail = tuple[str | int, ...]


def is_annotation(key: str) -> bool:
    """Whether the key is for people alone."""
    return key.startswith(("comment", "description", "note", "_"))


class _Repeats:
    """Remembers the objects in which a key stands twice."""

    def __init__(self) -> None:
        # The objects are kept too: an id alone could be used again by a later object.
        self._found: dict[int, tuple[dict[str, Any], list[str]]] = {}

    def as_object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        result = dict(pairs)
        if len(result) < len(pairs):
            # An author who comments twice loses nothing.
            counts = Counter(
                key for key, value in pairs if not (is_annotation(key) and isinstance(value, str))
            )
            repeated = [key for key, count in counts.items() if count > 1]
            self._found[id(result)] = result, repeated
        return result

    def keys_of(self, value: dict[str, Any]) -> list[str]:
        return self._found[id(value)][1] if id(value) in self._found else []


class _TooDeepError(Exception):
    pass


@dataclass(frozen=True)
class JsonFile:
    """A JSON file as it was read: its bytes, their SHA-256 (None: it is a pipe), and its value."""

    path: Path
    data: bytes
    sha256: str | None
    value: Any


def read_json(path: Path) -> JsonFile:
    """Return the file with the value in it.

    Refused with a ProblemsError: an empty file, anything but UTF-8 or JSON, more than 16 MiB,
    more than 64 levels, a key given twice in one object (unless it annotates), numbers beyond
    the range of a float (NaN and Infinity among them), text that is half of a surrogate pair.
    """
    data = _read_bytes(path)
    sha256 = hashlib.sha256(data).hexdigest() if os.path.isfile(path) else None
    return JsonFile(path, data, sha256, _value(path, _decode(path, data)))


def _value(path: Path, text: str) -> Any:
    repeats = _Repeats()
    try:
        value = json.loads(text, object_pairs_hook=repeats.as_object, parse_int=_integer)
        problems = [
            Problem("error", path_of(trail), message, str(path))
            for trail, message in _flaws(value, (), repeats)
        ]
    except json.JSONDecodeError as error:
        raise _not_json(path, text, error) from None
    except (RecursionError, _TooDeepError):
        message = f"nested more than {MAX_DEPTH} levels deep (write it flatter)"
        raise _refusal(path, message) from None
    if problems:
        raise ProblemsError(problems)
    return value


def _not_json(path: Path, text: str, error: json.JSONDecodeError) -> ProblemsError:
    """Say what a person did, where that is plain, else where JSON's own reader stopped."""
    fault = fault_in(text) or Fault(error.pos, error.msg)
    line, column = place_of(text, fault.position)
    message = f"not JSON at line {line}, column {column}: {fault.message}"
    excerpt = excerpt_of(text, fault.position)
    return ProblemsError([Problem("error", "", message, str(path), excerpt=excerpt)])


def _refusal(path: Path, message: str) -> ProblemsError:
    return ProblemsError([Problem("error", "", message, str(path))])


def _read_bytes(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refusal(path, "no such file (check the path)") from None
    except IsADirectoryError:
        raise _refusal(path, "is a folder (name a JSON file)") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _refusal(path, f"cannot be read: {reason} (check the file)") from None
    if len(raw) > MAX_BYTES:
        raise _refusal(path, f"larger than {MAX_BYTES >> 20} MiB (split it)")
    if not raw.strip():
        raise _refusal(path, "the file is empty (write a JSON object, {...})")
    return raw


def _decode(path: Path, raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + raw.count(b"\n", 0, error.start)
        kind = (
            "UTF-16, not UTF-8 text"
            if raw[:2] in (BOM_UTF16_LE, BOM_UTF16_BE)
            else "not UTF-8 text"
        )
        message = f"{kind} at byte {error.start}, line {line} (save it as UTF-8)"
        raise _refusal(path, message) from None


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONGEST_INTEGER else math.inf


def _flaws(item: Any, trail: Trail, repeats: _Repeats) -> Iterator[tuple[Trail, str]]:
    if len(trail) > MAX_DEPTH:
        raise _TooDeepError
    if isinstance(item, dict):
        yield from ((trail, message) for message in _key_flaws(item, repeats))
        for key, child in item.items():
            yield from _flaws(child, (*trail, key), repeats)
    elif isinstance(item, list):
        for index, child in enumerate(item):
            yield from _flaws(child, (*trail, index), repeats)
    elif isinstance(item, float) and not math.isfinite(item):
        yield trail, "NaN, infinite or beyond what a number can hold (write a finite number)"
    elif isinstance(item, str) and not _encodes(item):
        yield trail, "text with half of a surrogate pair (write the character itself)"


def _key_flaws(item: dict[str, Any], repeats: _Repeats) -> Iterator[str]:
    for key in item:
        if not _encodes(key):
            yield f"key {quote(key)} has half of a surrogate pair (rename it)"
    for key in repeats.keys_of(item):
        yield f"{quote(key)} is given twice, and only one can count (remove or rename one)"


def _encodes(text: str) -> bool:
    # isascii is instant; only text beyond ASCII is worth the attempt.
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
