"""The mark in the environment of every process that has an owner. Standard library only."""

from __future__ import annotations

import os
import zlib

from tandem.base.variables import LOCKS
from tandem.processes.proc import read, stat


def lock_folder() -> str:
    """Return where the lock files are: /tmp, where all users meet, unless told otherwise."""
    return os.environ.get(LOCKS, "/tmp")


def realm() -> str:
    """Return within what an owner's pid means something, and whose business its processes are.

    Boot id, PID namespace, and the folder of the locks: runs that do not know of each other's
    locks (a test's, say) leave each other's processes alone.
    """
    boot = read("/proc/sys/kernel/random/boot_id").strip()
    locks = zlib.crc32(os.fsencode(lock_folder()))
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}/{locks:08x}"


def cookie(pid: int) -> str:
    """Return what marks the processes of an owner: its realm, pid and start time."""
    return f"{realm()}/{pid}/{stat(pid)[19]}"
