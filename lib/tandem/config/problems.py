"""What is wrong with a file, where, and how it is shown to a person."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

from tandem.base.errors import UsageError

_LISTED = 50
_LISTED_ALIKE = 5
_SHOWN_CHARACTERS = 60
_PLAIN_KEY = re.compile(r"[\w-]{1,60}")
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Problem:
    """One thing to know about a file.

    `severity` is "error" (cannot run), "warning" (runs, perhaps not as meant) or "remark".
    `path` is the place inside the file, "experiments[3].foreground.mutate[0]", or "".
    """

    severity: str
    path: str
    message: str
    file: str = ""


class ProblemsError(UsageError):
    """A file cannot be used; `problems` says why, all reasons together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem_lines(problems, "error")))
        self.problems = tuple(problems)


def has_errors(problems: Iterable[Problem]) -> bool:
    """Whether any of the problems is an error."""
    return any(problem.severity == "error" for problem in problems)


def is_within(path: str, place: str) -> bool:
    """Whether `path` is `place` or lies inside it."""
    return path.startswith(place) and path[len(place) : len(place) + 1] in ("", ".", "[")


def join(path: str, key: str | int) -> str:
    """The path of `key` inside `path`; keys that are no plain words are quoted."""
    if isinstance(key, int):
        return f"{path}[{key}]"
    if not _PLAIN_KEY.fullmatch(key):
        return f"{path}[{quote(key)}]"
    return f"{path}.{key}" if path else key


def path_of(keys: Iterable[str | int]) -> str:
    """The path that leads through the keys, outermost first."""
    return reduce(join, keys, "")


def printable(text: str) -> str:
    """The text with every control character and other invisible character escaped."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def quote(text: str, most: int = _SHOWN_CHARACTERS) -> str:
    """The text in double quotes, on one line, shortened if it has more than `most` characters."""
    if len(text) > most:
        return f"{quote(text[:most], most)}... ({len(text)} characters)"
    return printable(json.dumps(text, ensure_ascii=False))


def quote_path(path: Path) -> str:
    """The path in double quotes; it is shortened only where nobody could use it."""
    return quote(str(path), most=500)


def word(name: str) -> str:
    """The name as it stands where that is plain, else in quotes."""
    return name if _PLAIN_KEY.fullmatch(name) else quote(name)


def show(value: Any) -> str:
    """A JSON value in a few words."""
    if isinstance(value, str):
        return f"text {quote(value)}"
    if isinstance(value, list):
        return "a list"
    if isinstance(value, Mapping):
        return "an object"
    text = json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."


@lru_cache(maxsize=1024)
def _nearest(name: str, known: tuple[str, ...]) -> str:
    # difflib is quadratic; nobody mistypes a name of a hundred characters by a letter.
    matches = difflib.get_close_matches(name[:100], known, n=1, cutoff=0.65)
    return matches[0] if matches else ""


def nearest(name: str, known: Collection[str]) -> str:
    """The known name most like `name`, or "" where none is near."""
    return _nearest(name, tuple(known))


def suggestion(name: str, known: Collection[str]) -> str:
    """' (did you mean ...?)' with the nearest known name, else the known names if they are few."""
    near = nearest(name, known)
    if near:
        return f" (did you mean {quote(near)}?)"
    if 0 < len(known) <= 10:
        return f" (there is {', '.join(map(quote, known))})"
    return ""


def line_of(problem: Problem, more: int = 0) -> str:
    """The problem as `file: path: message`; `more` others are like it but for their index."""
    also = f" (and {more} more like it)" if more else ""
    where = ": ".join(filter(None, (printable(problem.file), problem.path + also)))
    return f"{where}: {problem.message}" if where else problem.message


def problem_lines(problems: Iterable[Problem], severity: str) -> list[str]:
    """Lines `file: path: message` of one severity.

    Where many problems differ only in their list index they share a line, and the lines are
    limited in number, so that a mistake repeated a thousand times stays readable.
    """
    groups: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        if problem.severity == severity:
            key = (problem.file, _INDEX.sub("[]", problem.path), problem.message)
            groups.setdefault(key, []).append(problem)
    lines: list[str] = []
    for group in groups.values():
        if len(group) > _LISTED_ALIKE:
            lines.append(line_of(group[0], len(group) - 1))
        else:
            lines += map(line_of, group)
    if len(lines) > _LISTED:
        lines[_LISTED:] = [f"and {len(lines) - _LISTED} more {severity}s"]
    return lines
