"""Who sets a board: NVML where this user may, else nvidia-smi through sudo, by a rule for it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from tandem.base.text import printable
from tandem.machine.clocks.kinds import Kind
from tandem.nvml.binding import NO_PERMISSION, NvmlError
from tandem.nvml.devices import Board

NVML, SUDO = "nvml", "sudo"
_LIMIT_S = 60.0  # nvidia-smi needs seconds where no process keeps the driver loaded
NVIDIA_SMI = "nvidia-smi"


class ClocksError(Exception):
    """What hinders; the text is for a person."""


def set_to(board: Board, kind: Kind, value: float) -> str:
    """Set something of a board and return who did, NVML or SUDO; ClocksError, NvmlError."""
    return _by_whoever_may(board, lambda: kind.set(board, value), kind.words(value))


def put_back(board: Board, kind: Kind, before: float | None) -> str:
    """Put back what there was before; as `set_to`."""
    back = kind.words_back(before)
    return _by_whoever_may(board, lambda: kind.put_back(board, before), back)


def _by_whoever_may(board: Board, by_nvml: Callable[[], None], words: Sequence[str]) -> str:
    try:
        by_nvml()
        return NVML
    except NvmlError as error:
        if error.code != NO_PERMISSION:
            raise
    _by_sudo(board, words)
    return SUDO


def _by_sudo(board: Board, words: Sequence[str]) -> None:
    program = safe_program()
    if "." in words[-1]:
        raise ClocksError(f"{' '.join(words)}: the rule for sudo is for whole watts only")
    command = ["sudo", "-n", str(program), "-i", board.uuid, *words]
    try:
        ended = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_LIMIT_S,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError:
        raise ClocksError("this user may not, and there is no sudo") from None
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ClocksError(f"{' '.join(command)}: {error}") from None
    if ended.returncode:
        lines = (ended.stderr + ended.stdout).decode(errors="replace").strip().splitlines()
        said = printable(lines[0]) if lines else f"exit code {ended.returncode}"
        raise ClocksError(f"{' '.join(command)}: {said}")


def safe_program() -> Path:
    """Return nvidia-smi, as nobody but root can have changed it; ClocksError: there is no such."""
    found = shutil.which(NVIDIA_SMI)
    if found is None:
        raise ClocksError(f"this user may not, and there is no {NVIDIA_SMI} for sudo to run")
    program = Path(os.path.realpath(found))
    for path in (program, *program.parents):
        mode = os.stat(path)
        is_open = mode.st_mode & 0o022 and not (path != program and mode.st_mode & stat.S_ISVTX)
        if mode.st_uid != 0 or is_open:
            raise ClocksError(f"{path} is not root's alone, so sudo is not to run {program}")
    return program
