"""The program that a training begins with: where it lies, and why it cannot be started."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tandem.base.paths import ROOT
from tandem.base.text import quote, quote_path

TANDEM = "{tandem}/"
"""What a word of `train_command` begins with that is a file of Tandem's own folder."""


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
