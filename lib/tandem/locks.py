"""One run at a time on a GPU: flock on a file, released by the kernel whatever is killed.

Without CUDA_VISIBLE_DEVICES a run uses, and locks, the whole machine; with it, the GPUs that it
names, so that runs on different GPUs go side by side.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tandem.errors import LockedError, NotReadyError
from tandem.proc import lock_folder


@contextmanager
def gpu_locks() -> Iterator[None]:
    """Hold the locks of the GPUs in use; LockedError names who has one of them."""
    devices = os.environ.get("CUDA_VISIBLE_DEVICES")
    with ExitStack() as stack:
        if devices is None:
            stack.enter_context(lock("machine", fcntl.LOCK_EX))
        else:
            stack.enter_context(lock("machine", fcntl.LOCK_SH))
            for device in sorted({device.strip() for device in devices.split(",")} - {""}):
                stack.enter_context(lock(f"gpu-{device}", fcntl.LOCK_EX))
        yield


@contextmanager
def lock(name: str, kind: int) -> Iterator[None]:
    safe = re.sub(r"[^A-Za-z0-9.-]", "_", name)
    path = Path(lock_folder()) / f"tandem-{safe}.lock"
    try:
        file = open_shared(path)
    except OSError as error:
        raise NotReadyError(f"{path}: cannot open the lock file: {error.strerror}") from None
    try:
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LockedError(
                f"another run uses this {name.partition('-')[0]}: {holder(file)}"
                f" (wait for it, or choose other GPUs with CUDA_VISIBLE_DEVICES; lock {path})"
            ) from None
        yield
    finally:
        os.close(file)


def open_shared(path: Path) -> int:
    """Open a lock file that may be another user's: never for writing, which /tmp forbids."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        file = os.open(path, flags | os.O_CREAT, 0o644)
        os.fchmod(file, 0o644)  # whatever this user's umask says
        return file


def holder(file: int) -> str:
    """Return who holds the lock on an open file, from /proc/locks."""
    inode = str(os.fstat(file).st_ino)
    for line in Path("/proc/locks").read_text().splitlines():
        fields = line.split()
        if "->" not in fields and fields[5].rpartition(":")[2] == inode:
            return describe(int(fields[4]))
    return "its process cannot be seen from here"


def describe(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return f"process {pid}"
    return f"process {pid} ({b' '.join(words).decode(errors='replace').strip()[:200]})"
