"""The program that a training begins with: where it lies, and why it cannot be started."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from tandem.base.paths import ROOT
from tandem.base.text import quote, quote_path
from tandem.config.executable import start_flaw

TANDEM = "{tandem}/"
"""What a word of `train_command` begins with that is a file of Tandem's own folder."""

LINE_BUFFERED = ("stdbuf", "-oL")
"""What stands before a command whose output is to be written line by line; it becomes that."""

_PYTHON = re.compile(r"python[0-9.]*")
_PYTHON_OPTION = re.compile(r"-[bBdEiIOPqRsSuvx]+|-[WX].+")


def of_tandem(word: str) -> str:
    """The word, as a path where it names a file of Tandem's own folder."""
    return str(ROOT / word.removeprefix(TANDEM)) if word.startswith(TANDEM) else word


def own_words(command: Sequence[str]) -> Sequence[str]:
    """The command without what stands before it to have its output written line by line."""
    program, option = LINE_BUFFERED
    is_buffered = os.path.basename(command[0]) == program and option in command[1:2]
    return command[2:] if is_buffered else command


def start_words(command: Sequence[str]) -> Sequence[str]:
    """The first words of a command, as many as `folder_flaw` looks at."""
    own = own_words(command)
    return command[: len(command) - len(own) + 1 + (_script_at(own) or 0)]


def _script_at(words: Sequence[str]) -> int | None:
    """Where a Python's program stands among these words, None where none is a Python's program."""
    at = 1
    while is_python(words[0]) and at < len(words):
        word = words[at]
        if not word.startswith("-"):
            return at
        if word not in ("-W", "-X") and not _PYTHON_OPTION.fullmatch(word):
            return None
        at += 2 if word in ("-W", "-X") else 1
    return None


def is_python(program: str) -> bool:
    """Whether a program is a Python, by its name."""
    return bool(_PYTHON.fullmatch(os.path.basename(program)))


def folder_flaw(
    folder: Path, command: Sequence[str], *, path: str | None = None, is_fetched: bool = False
) -> str:
    """Why a training that begins with these arguments cannot be started in the folder, or "".

    `path` is its own PATH, None where it has that of Tandem. `is_fetched`: the registry says where
    the repository is to be had.
    """
    # os.path rather than Path: it answers False to names that are too long, too.
    if not os.path.isdir(folder):
        hint = "`make repos` clones it" if is_fetched else "check --root and the registry"
        return f"its folder {quote_path(folder)} does not exist ({hint})"
    words = own_words(command)
    if len(words) < len(command) and "/" not in command[0]:
        return f'"line_buffered" needs {command[0]}, which is not on PATH (install coreutils)'
    program, at = words[0], _script_at(words)
    if "/" not in program:
        return f"its program {quote(program)} is not on PATH (install it, or write where it is)"
    if flaw := _program_flaw(folder, program, path):
        return flaw
    if at is None or os.path.exists(script := folder / words[at]):
        return ""
    return f"its Python program {quote_path(script)} does not exist (check the registry)"


def _program_flaw(folder: Path, program: str, path: str | None) -> str:
    file = folder / program
    what = "train script" if file.is_relative_to(folder) else "program"
    if not os.path.isfile(file):
        return f"its {what} {quote_path(file)} does not exist (check the registry)"
    if not os.access(file, os.X_OK):
        return f"its {what} {quote_path(file)} is not executable (chmod +x it)"
    flaw = start_flaw(file, folder, path)
    return flaw and f"its {what} {quote_path(file)} {flaw}"
