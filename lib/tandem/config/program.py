"""The program that a training begins with: where it lies, and why it cannot be started."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from tandem.base.paths import ROOT
from tandem.base.text import quote, quote_path

TANDEM = "{tandem}/"
"""What a word of `train_command` begins with that is a file of Tandem's own folder."""


def beginning_of(
    train_script: str | None, train_command: Sequence[str], environment: Mapping[str, str]
) -> tuple[str, ...]:
    """The first arguments of a training: the script, or the words of `train_command`.

    A program without a slash is looked for in PATH now, so that the plan says which one it is (the
    training's own PATH, where `environment` has one); the name itself where there is none.
    """
    if train_script is not None:
        # Without a slash the system would look for it in PATH instead of in the folder.
        return (train_script if "/" in train_script else f"./{train_script}",)
    program, *words = map(of_tandem, train_command)
    if "/" not in program and (found := shutil.which(program, path=environment.get("PATH"))):
        program = os.path.abspath(found)
    return (program, *words)


def of_tandem(word: str) -> str:
    """The word, as a path where it names a file of Tandem's own folder."""
    return str(ROOT / word.removeprefix(TANDEM)) if word.startswith(TANDEM) else word


def folder_flaw(folder: Path, beginning: Sequence[str], *, is_fetched: bool = False) -> str:
    """Why a training that begins with these arguments cannot be started in the folder, or "".

    `is_fetched`: the registry says where the repository is to be had.
    """
    # os.path rather than Path: it answers False to names that are too long, too.
    if not os.path.isdir(folder):
        hint = "`make repos` clones it" if is_fetched else "check --root and the registry"
        return f"its folder {quote_path(folder)} does not exist ({hint})"
    program = beginning[0]
    if "/" not in program:
        return f"its program {quote(program)} is not on PATH (install it, or write where it is)"
    path = folder / program
    what = "train script" if path.is_relative_to(folder) else "program"
    if not os.path.isfile(path):
        return f"its {what} {quote_path(path)} does not exist (check the registry)"
    if not os.access(path, os.X_OK):
        return f"its {what} {quote_path(path)} is not executable (chmod +x it)"
    return ""
