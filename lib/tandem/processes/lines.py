"""Files that several keepers append lines to. Standard library only, no pathlib."""

from __future__ import annotations

import os


def append_line(path: str, line: str) -> None:
    """Append a line, behind the end of one that a full disk or a kill left torn; OSError."""
    with open(path, "ab+", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        torn = size and os.pread(file.fileno(), 1, size - 1) != b"\n"
        file.write((b"\n" if torn else b"") + f"{line}\n".encode(errors="replace"))


def append_killed(path: str, killed: dict[int, str]) -> None:
    """Note for the keeper of keepers who had to be killed: PID<TAB>NAME a line; OSError."""
    for pid, name in killed.items():
        append_line(path, f"{pid}\t{name}")


def take_killed(path: str, pids: dict[int, int]) -> dict[int, str]:
    """Return what the keepers below noted, and remove it.

    Their process ids are those of their PID namespace; `pids` has the ids here of some.
    """
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.read().split("\n")
        os.unlink(path)
    except OSError:
        return {}
    found = (line.partition("\t") for line in lines)
    return {pids.get(int(pid), int(pid)): name for pid, _, name in found if pid.isdecimal()}
