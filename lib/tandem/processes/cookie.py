"""The mark in the environment of every process that has an owner. Standard library only."""

from __future__ import annotations

import os
import stat as modes
import zlib

from tandem.base.variables import LOCKS
from tandem.processes.proc import read, stat

_PUBLIC, _OLDER = "/run/lock", "/tmp"


def lock_folder() -> str:
    """Return where the lock files are: where all users meet, unless told otherwise.

    That is /run/lock, or /tmp, which many machines clean by age, where not everybody may write
    there.
    """
    return os.environ.get(LOCKS) or (_PUBLIC if _is_public(_PUBLIC) else _OLDER)


def older_lock_folders() -> list[str]:
    """Return where versions of Tandem that do not know lock_folder() have their locks."""
    return [] if os.environ.get(LOCKS) or lock_folder() == _OLDER else [_OLDER]


def _is_public(folder: str) -> bool:
    """Whether everybody may make files in a folder, and nobody remove another's."""
    try:
        mode = os.stat(folder).st_mode
    except OSError:
        return False
    everybody = modes.S_ISVTX | modes.S_IWOTH | modes.S_IXOTH
    may_write = os.access(folder, os.W_OK | os.X_OK)  # not on a disk that is read-only
    return modes.S_ISDIR(mode) and mode & everybody == everybody and may_write


def realm() -> str:
    """Return within what an owner's pid means something, and whose business its processes are.

    Boot id, PID namespace, and the folder of the locks: runs that do not know of each other's
    locks (a test's, say) leave each other's processes alone.
    """
    boot = read("/proc/sys/kernel/random/boot_id").strip()
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}/{circle()}"


def circle() -> str:
    """Return a word for the runs that know of each other's locks, by where these are."""
    return f"{zlib.crc32(os.fsencode(lock_folder())):08x}"


def cookie(pid: int) -> str:
    """Return what marks the processes of an owner: its realm, pid and start time."""
    return f"{realm()}/{pid}/{stat(pid)[19]}"
