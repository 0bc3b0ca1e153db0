"""Runs by name: the link `latest` beside the runs' folders, and which run a name means."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path

from tandem.base.files import temporary_name
from tandem.base.paths import as_seen_from_here
from tandem.base.sudo import give_to_caller
from tandem.base.text import counted, nearest

NAME = "latest"


def point_at(run: Path, say: Callable[[str], None]) -> None:
    """Have the link beside a run's folder name it, from one moment to the next.

    What somebody else has put there stays, and `say` is told so. A folder that takes no link is no
    failure either.
    """
    link = run.parent / NAME
    temporary = Path(temporary_name(str(link)))
    try:
        if os.path.lexists(link) and not _is_ours(link):
            say(f"{as_seen_from_here(link)} is left alone: it is not the link of an earlier run")
            return
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
        temporary.symlink_to(run.name)
        give_to_caller(temporary)
        temporary.rename(link)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        say(f"{as_seen_from_here(link)}: the link to this run cannot be made: {error.strerror}")


def _is_ours(link: Path) -> bool:
    """Whether it is a link to a neighbour; OSError: it cannot be told."""
    return link.is_symlink() and os.sep not in os.readlink(link)


def find_run(path: Path, results: Path) -> Path | None:
    """Return the folder of that path, or of that name in `results`; None: there is none."""
    named = results / path
    if os.path.isdir(path):
        return path
    return named if len(path.parts) == 1 and os.path.isdir(named) else None


def why_not_found(path: Path, results: Path) -> str:
    """Say that there is no such run, with the nearest name, or what runs there are."""
    is_name = len(path.parts) == 1
    folder = results if is_name else path.parent
    runs, place = runs_in(folder), as_seen_from_here(folder)
    near = nearest(path.name, runs)
    if near:
        hint = f"did you mean {near if is_name else place / near}?"
    elif runs:
        hint = f"{place} has {counted(len(runs), 'run')}; the newest is {runs[-1]}"
    else:
        hint = f"{place} has no runs" if folder.is_dir() else f"there is no folder {place}"
    what = "no such folder, and no run of that name" if is_name else "no such folder"
    return f"{path}: {what} ({hint})"


def runs_in(results: Path) -> list[str]:
    """Return the names of the runs in a folder, oldest first."""
    try:
        return sorted(each.name for each in os.scandir(results) if _is_run(each))
    except OSError:
        return []


def _is_run(entry: os.DirEntry[str]) -> bool:
    return entry.name.startswith("run_") and entry.is_dir(follow_symlinks=False)
