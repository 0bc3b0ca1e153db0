"""Run as root through sudo: what was made belongs to the calling user afterwards."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from pathlib import Path

_NO_ID = 2**32 - 1  # chown(2) takes it for "leave as it is"


def give_to_caller(path: Path) -> None:
    """Give what root owns at and below `path` to the user who called sudo; else do nothing.

    No link is followed, and neither a device nor a file that has another name elsewhere is given.
    What cannot be given, or is gone meanwhile, stays as it is.
    """
    caller = _caller()
    if os.geteuid() != 0 or caller is None:
        return
    with contextlib.suppress(OSError, RecursionError):  # the latter: some thousand levels
        # A folder after what is in it: until then its new owner cannot swap names in it.
        for _, folders, files, folder in os.fwalk(path, topdown=False, follow_symlinks=False):
            for name in (*files, *folders):
                _give(name, folder, caller)
    _give(path, None, caller)


def claim(path: Path) -> None:
    """Have a folder belong to root until it is given back to the user who called sudo.

    That is how it shows that a killed process of root's has left something below it: see is_left.
    """
    if os.geteuid() == 0 and _caller() is not None:
        with contextlib.suppress(OSError):
            os.chown(path, 0, 0, follow_symlinks=False)


def is_left(path: Path) -> bool:
    """Whether a folder was not given to the user who called sudo: it is given after its content."""
    if os.geteuid() != 0 or _caller() is None:
        return False
    try:
        return os.stat(path, follow_symlinks=False).st_uid == 0
    except OSError:
        return False


def _caller() -> tuple[int, int] | None:
    """Return the user's and the group's number; None unless sudo was called by a user."""
    words = (os.environ.get("SUDO_UID", ""), os.environ.get("SUDO_GID", ""))
    if not all(re.fullmatch("[0-9]{1,10}", word) for word in words):
        return None
    user, group = map(int, words)
    return (user, group) if 0 < user < _NO_ID and 0 < group < _NO_ID else None


def _give(name: Path | str, folder: int | None, caller: tuple[int, int]) -> None:
    with contextlib.suppress(OSError):
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if found.st_uid == 0 and _is_only_here(found):
            os.chown(name, *caller, dir_fd=folder, follow_symlinks=False)


def _is_only_here(found: os.stat_result) -> bool:
    if stat.S_ISREG(found.st_mode):
        return found.st_nlink == 1
    return not stat.S_ISBLK(found.st_mode) and not stat.S_ISCHR(found.st_mode)
