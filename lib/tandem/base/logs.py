"""Reading the log of a training, which may have put anything in its place."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_log(path: Path) -> BinaryIO:
    """Open a log for reading; OSError if it is missing or no regular file (a pipe would hang)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "not a regular file", str(path))
    return open(descriptor, "rb")


def last_lines(log: Path, count: int) -> list[str]:
    """Return the last lines of a log; [] if there is none."""
    try:
        with open_log(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return text.replace("\r", "\n").splitlines()[-count:]
