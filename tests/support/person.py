"""Being another user than root for a moment; and files in folders that are not there yet."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NOBODY = 65534


@contextmanager
def not_root() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    codecs.lookup("ascii")  # Python may lie where only root can read, and this is imported late
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def put(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path
