"""cut_off/EXPERIMENT.N: tries at an experiment that were stopped, killed, or damaged later."""

from __future__ import annotations

import re
from pathlib import Path

CUT_OFF = "cut_off"


def next_aside(folder: Path) -> Path:
    """Return where an experiment's folder goes that is set aside; its parent is made."""
    number = 1 + max((int(path.suffix[1:]) for path in cut_off_folders(folder)), default=0)
    aside = folder.parent / CUT_OFF / f"{folder.name}.{number}"
    aside.parent.mkdir(exist_ok=True)
    return aside


def cut_off_folders(folder: Path) -> list[Path]:
    """Return where earlier attempts at an experiment lie that were cut off, oldest first."""
    numbers = re.compile(rf"{re.escape(folder.name)}\.(\d+)")
    found = [
        (int(match[1]), path)
        for path in (folder.parent / CUT_OFF).glob(f"{folder.name}.*")
        if (match := numbers.fullmatch(path.name))
    ]
    return [path for _, path in sorted(found)]
