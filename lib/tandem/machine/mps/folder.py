"""The folder of a daemon's sockets and logs: short, private, on this machine, and whose it is.

The path of a socket has room for 107 bytes, and a daemon that is given more starts and is never
found. The name of the folder says which process made it, and for which circle of locks. So what a
killed owner left is known by that, whatever lies in it: see leftovers.
"""

from __future__ import annotations

import errno
import os
import shutil
import socket
import stat
from collections.abc import Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from tandem.base.makers import mark
from tandem.base.variables import VISIBLE
from tandem.nvml.presence import words_of
from tandem.processes.cookie import circle

PIPE, LOG = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
LOGS = ("control.log", "server.log")
NAME = "tandem-mps"

_OF_MPS = "CUDA_MPS_"
_LONGEST_NAME = "nvidia-cuda-mps-control.pid"  # of what a daemon makes, and longer than any socket


class NoFolderError(Exception):
    """There is no place for sockets; the message says why."""


@dataclass(frozen=True)
class MpsFolder:
    """The folder of one experiment's daemons, one after the other."""

    path: Path

    @property
    def pipe(self) -> Path:
        return self.path / "pipe"

    @property
    def log(self) -> Path:
        return self.path / "log"

    def clear(self) -> None:
        """Have both folders there and empty, for the next daemon; OSError: they cannot be made.

        What cleans /tmp by age may have removed them, and the folder around them.
        """
        with suppress(FileExistsError):
            self.path.mkdir(mode=0o700)
        if not is_own(self.path):
            raise FileExistsError(errno.EEXIST, "made by somebody else", str(self.path))
        for folder in (self.pipe, self.log):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)

    def remove(self) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def daemon_environment(self, base: Mapping[str, str], devices: str) -> dict[str, str]:
        """Return the environment of a daemon, and of whoever speaks to it."""
        return {**self._own(base), VISIBLE: devices}

    def client_environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return the environment of a client: the choice of GPUs is the daemon's.

        What hides all GPUs from a training stays.
        """
        return without_choice(self._own(base))

    def _own(self, base: Mapping[str, str]) -> dict[str, str]:
        """Return an environment that says of MPS nothing but where this daemon is."""
        kept = {name: text for name, text in base.items() if not name.startswith(_OF_MPS)}
        return {**kept, PIPE: str(self.pipe), LOG: str(self.log)}


def without_choice(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that chooses no GPU; it may say that there is none."""
    return {
        name: text for name, text in environment.items() if name != VISIBLE or not words_of(text)
    }


def make_folder() -> MpsFolder:
    """Make a folder that only this user may enter; NoFolderError: there is no place for it."""
    problems = []
    for place in places():
        folder = MpsFolder(Path(place, name_here()))
        folder.remove()  # an earlier one of this very process
        try:
            folder.path.mkdir(mode=0o700)
        except OSError as error:
            problems.append(f"{place}: {error.strerror}")
            continue
        if not (why := why_unfit(folder)):
            return folder
        folder.remove()
        problems.append(f"{place}: {why}")
    raise NoFolderError("; ".join(problems))


def places() -> list[str]:
    """Return where such a folder may be; the user's own ends with the last login of that user."""
    named = os.environ.get("XDG_RUNTIME_DIR", "")
    return ["/tmp", *([named] if os.path.isabs(named) else [])]


def name_here() -> str:
    """Return a name that says which process made the folder, and no other process takes."""
    return f"{NAME}.{mark()}.{circle()}"


def why_unfit(folder: MpsFolder) -> str:
    """Say why no socket can be in a folder, "" if one can: a path that is too long, a disk."""
    try:
        folder.clear()
        with closing(socket.socket(socket.AF_UNIX)) as stream:
            stream.bind(str(folder.pipe / _LONGEST_NAME))
        folder.clear()
    except OSError as error:
        return error.strerror or str(error)
    return ""


def folders_here() -> Iterator[MpsFolder]:
    """Yield all such folders of this user and circle, wherever there may be one."""
    for place in places():
        for path in Path(place).glob(f"{NAME}.*.{circle()}"):
            if is_own(path):
                yield MpsFolder(path)


def is_own(path: Path) -> bool:
    """Whether a path is a folder of this user's, and no link."""
    try:
        found = path.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
