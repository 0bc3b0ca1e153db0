"""A file that says what a run has set and what was there before, for the next run to put back.

It lies where all users meet, so one that somebody else may have written is not believed.
"""

from __future__ import annotations

import contextlib
import json
import os
import stat
from pathlib import Path
from typing import Any

from tandem.base.files import sweep, write_whole

_MOST_BYTES = 1 << 20


class NotTrustedError(Exception):
    """What is in the file is not to be acted upon; the text is for a person."""


def read_trusted(path: Path) -> Any:
    """Return the JSON in a file, None without one.

    NotTrustedError: it is not, or another user may have written it. OSError.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        found = os.fstat(file)
        is_ours = found.st_uid in (0, os.geteuid()) and not found.st_mode & 0o022
        if not is_ours or not stat.S_ISREG(found.st_mode):
            raise NotTrustedError(
                f"{path} is not trusted: user {found.st_uid} may have changed it"
                " (a run of that user puts back what it says; or remove it)"
            )
        data = os.read(file, _MOST_BYTES)
    finally:
        os.close(file)
    with contextlib.suppress(ValueError, RecursionError):
        if (value := json.loads(data)) is not None:
            return value
    raise unsound(path)


def unsound(path: Path) -> NotTrustedError:
    return NotTrustedError(f"{path} is not what a run writes (remove it)")


def write_trusted(path: Path, value: Any) -> None:
    """Write a file that all users may read, and nobody else change."""
    sweep(str(path.parent), path.name)  # only one at a time writes
    before = os.umask(0o022)
    try:
        write_whole(str(path), json.dumps(value).encode())
    finally:
        os.umask(before)
