"""What is wrong with a file, where, and how it is shown to a person."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from tandem.base.errors import UsageError
from tandem.base.text import PLAIN_KEY, printable, quote

Flaw = tuple[str, str, str]  # severity, or "ignored"; path inside the file; message

_LISTED = 50
_LISTED_ALIKE = 5
_INDEX = re.compile(r"\[\d+\]")


@dataclass(frozen=True)
class Problem:
    """One thing to know about a file.

    `severity` is "error" (cannot run), "warning" (runs, perhaps not as meant) or "remark".
    `path` is the place inside the file, "experiments[3].foreground.mutate[0]", or "".
    `is_ignored` says that something written there has no effect. `hint` is shown behind the
    message, `excerpt` are lines of the file that are shown below it; no plan holds them.
    """

    severity: str
    path: str
    message: str
    file: str = ""
    is_ignored: bool = False
    hint: str = ""
    excerpt: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The message as people read it, with IGNORED where something has no effect."""
        message = self.message + (f" ({self.hint})" if self.hint else "")
        if not self.is_ignored or "IGNORED" in message:
            return message
        return f"IGNORED: {message.replace(', ignored', '', 1)}"


class ProblemsError(UsageError):
    """A file cannot be used; `problems` says why, all reasons together."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(problem_lines(problems, "error")))
        self.problems = tuple(problems)


def problem_of(flaw: Flaw, file: str) -> Problem:
    """The flaw as a problem of the file; "ignored" is a warning of something without effect."""
    severity, path, message = flaw
    is_ignored = severity == "ignored"
    return Problem("warning" if is_ignored else severity, path, message, file, is_ignored)


class Faults:
    """The problems of one file, in the order in which they are found, each once."""

    def __init__(self, file: str, problems: Iterable[Problem] = ()) -> None:
        self.file = file
        self._found: dict[Problem, None] = {}
        self._at: set[str] = set()
        self._around: set[str] = set()
        for problem in problems:
            self._add(problem)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All of them."""
        return tuple(self._found)

    def add(self, path: str, message: str) -> None:
        """Add an error."""
        self._add(Problem("error", path, message, self.file))

    def are_at(self, place: str) -> bool:
        """Whether an error lies exactly there."""
        return place in self._at

    def are_within(self, place: str) -> bool:
        """Whether an error lies there, or inside."""
        return place in self._around

    def _add(self, problem: Problem) -> None:
        self._found[problem] = None
        if problem.severity == "error":
            path = problem.path
            self._at.add(path)
            ends = (at for at, character in enumerate(path) if character in ".[")
            self._around.update(path[:end] for end in (*ends, len(path)))


def ignored_lines(problems: Iterable[Problem]) -> list[str]:
    """Lines `severity: file: path: message` of what has no effect: those that come first."""
    ignored = [problem for problem in problems if problem.is_ignored]
    return [
        f"{severity}: {line}"
        for severity in ("error", "warning")
        for line in problem_lines(ignored, severity)
    ]


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
    if not PLAIN_KEY.fullmatch(key):
        return f"{path}[{quote(key)}]"
    return f"{path}.{key}" if path else key


def path_of(keys: Iterable[str | int]) -> str:
    """The path that leads through the keys, outermost first."""
    return reduce(join, keys, "")


def line_of(problem: Problem) -> str:
    """The problem as `file: path: message`."""
    return _line(problem, problem.path, problem.message)


def _line(problem: Problem, path: str, message: str) -> str:
    return ": ".join(filter(None, (printable(problem.file), path, message)))


def _shown_line(problem: Problem, more: int = 0) -> str:
    """The problem as people read it; `more` others are like it but for their index."""
    also = f" (and {more} more like it)" if more else ""
    return _line(problem, problem.path + also, problem.shown)


def problem_lines(problems: Iterable[Problem], severity: str) -> list[str]:
    """Lines `file: path: message` of one severity.

    Where many problems differ only in their list index they share a line, and the lines are
    limited in number, so that a mistake repeated a thousand times stays readable.
    """
    groups: dict[tuple[str, str, str], list[Problem]] = {}
    for problem in problems:
        if problem.severity == severity:
            key = (problem.file, _INDEX.sub("[]", problem.path), problem.shown)
            groups.setdefault(key, []).append(problem)
    lines: list[str] = []
    for group in groups.values():
        if len(group) > _LISTED_ALIKE:
            lines.append(_shown_line(group[0], len(group) - 1))
        else:
            lines += (line for each in group for line in (_shown_line(each), *each.excerpt))
    if len(lines) > _LISTED:
        lines[_LISTED:] = [f"and {len(lines) - _LISTED} more {severity}s"]
    return lines
