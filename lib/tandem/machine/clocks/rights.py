"""The rule for sudo that lets a user set these boards, and nothing else of them."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tandem.machine.clocks.means import ClocksError, safe_program
from tandem.machine.clocks.step import in_job

DIGIT = "[0-9]"
_FIRST = "[1-9]"
_LIMIT_S = 10.0
_QUIET: dict[str, Any] = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.DEVNULL,
    "stderr": subprocess.DEVNULL,
}
_LENGTHS = {"-pl": (2, 3, 4), "-lgc": (3, 4), "-lmc": (3, 4, 5)}


def rule(user: str, uuids: Sequence[str]) -> str:
    """Return a line of sudoers; ClocksError: no rule for that program would be safe.

    A "*" in it would also match blanks, and so further options. "[0-9]" matches one digit and
    nothing else, in every version of sudo; a board refuses what is out of its range.
    """
    return f"{user} ALL=(root) NOPASSWD: {', '.join(commands(safe_program(), uuids))}"


def commands(program: Path, uuids: Iterable[str]) -> Iterator[str]:
    """Yield the commands that are allowed, as sudoers writes them."""
    for uuid in uuids:
        front = f"{program} -i {uuid}"
        for option, lengths in _LENGTHS.items():
            for length in lengths:
                number = _FIRST + DIGIT * (length - 1)
                value = number if option == "-pl" else f"{number}\\,{number}"
                yield f"{front} {option} {value}"
        yield f"{front} -rgc"
        yield f"{front} -rmc"


def who_may(uuids: Sequence[str]) -> str | None:
    """Return through what this user may set these boards; None: he may not. Changes nothing."""
    if os.geteuid() == 0:
        return "NVML, as root"
    try:
        program = safe_program()
        asked = [["sudo", "-n", "-l", str(program), "-i", uuid, "-rgc"] for uuid in uuids]
        ended = [subprocess.run(each, check=False, **_QUIET, timeout=_LIMIT_S) for each in asked]
    except (ClocksError, OSError, subprocess.TimeoutExpired):
        ended = []
    if ended and not any(each.returncode for each in ended):
        return "sudo"
    return "Slurm, clocks only" if in_job() else None


def advice(uuids: Sequence[str]) -> str:
    """Return what an administrator does so that this user may."""
    user = pwd.getpwuid(os.geteuid()).pw_name
    try:
        return f"a rule for sudo allows it (visudo -f /etc/sudoers.d/tandem):\n{rule(user, uuids)}"
    except ClocksError as error:
        return f"no safe rule for sudo can be made: {error}"
