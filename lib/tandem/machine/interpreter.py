"""Which Python a command starts, if it is one: by its name, or by the `#!` lines of scripts."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_PYTHON = re.compile(r"(python|pypy)[0-9.]*[a-z]?")
_OPTIONS = re.compile("-[BEIOPSsu]+")  # those that say where a Python looks for packages, or less
_MOST_SCRIPTS = 5  # a script of a script of a script ...
_LINE_BYTES = 256  # the kernel reads no more of a `#!` line


class NoPythonError(Exception):
    """The command is no Python's; the text says what it is."""


@dataclass(frozen=True)
class Interpreter:
    """A Python as it is started: its file, its options, and the variables that it is given."""

    path: Path
    options: tuple[str, ...]
    environment: Mapping[str, str]


def interpreter_of(
    command: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> Interpreter:
    """Return the Python that a command starts in a folder; NoPythonError: it starts none.

    `python3 train.py` is one, and so are `./train.py` and `torchrun`, whose `#!` line leads to one.
    """
    words, variables = list(command), dict(environment)
    for _ in range(_MOST_SCRIPTS):
        path = _found(words[0], folder, variables)
        if _PYTHON.fullmatch(path.name):
            return Interpreter(path, _options(words[1:]), variables)
        if path.name == "env":
            words = _behind_env(words[1:], variables)
        else:
            words = [*_first_line(path), str(path), *words[1:]]
    raise NoPythonError(f"{command[0]}: a script of scripts")


def _found(program: str, folder: Path, environment: Mapping[str, str]) -> Path:
    if "/" in program:
        return folder / program
    found = shutil.which(program, path=environment.get("PATH"))
    if found is None:
        raise NoPythonError(f"{program}: not on PATH")
    return folder / found


def _options(words: Sequence[str]) -> tuple[str, ...]:
    last = next((at for at, word in enumerate(words) if not _OPTIONS.fullmatch(word)), len(words))
    return tuple(words[:last])


def _behind_env(words: list[str], variables: dict[str, str]) -> list[str]:
    """Return what env(1) starts, and set the variables that it sets."""
    if words[:1] == ["-S"]:
        words = words[1:]
    while words and re.match("[A-Za-z_][A-Za-z0-9_]*=", words[0]):
        name, _, variables[name] = words.pop(0).partition("=")
    if not words or words[0].startswith("-"):
        raise NoPythonError(f"env {' '.join(words[:1])}: its options are not followed")
    return words


def _first_line(path: Path) -> list[str]:
    """Return the words of a script's `#!` line."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            line = file.read(_LINE_BYTES).partition(b"\n")[0]
    except OSError as error:
        raise NoPythonError(f"{path}: {error.strerror}") from None
    words = os.fsdecode(line[2:]).split() if line.startswith(b"#!") else []
    if not words:
        raise NoPythonError(f"{path}: neither a Python nor a script of one")
    return words
