"""One process at a time: flock on a file, released by the kernel whatever is killed."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TypeVar

from tandem.base.errors import LockedError, NotReadyError
from tandem.processes.cookie import lock_folder
from tandem.processes.watch import Watch

T = TypeVar("T")

_PERIOD_S = 0.2  # the kernel tells nobody that a lock has become free


@contextmanager
def held(
    take: Callable[[], AbstractContextManager[T]],
    wait_s: float,
    watch: Watch,
    say: Callable[[str], None],
) -> Iterator[T]:
    """Hold what `take()` takes, and try again for so long while somebody else has it.

    LockedError: it was not free in time. Interrupted: a signal came.
    """
    deadline_s = time.monotonic() + wait_s
    has_told = False
    with ExitStack() as stack:
        while True:
            try:
                taken = stack.enter_context(take())
                break
            except LockedError as error:
                if time.monotonic() >= deadline_s:
                    raise
                if not has_told:
                    say(f"waiting: {error}")
                has_told = True
            watch.wait([], min(deadline_s, time.monotonic() + _PERIOD_S))
        yield taken


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
                " (wait for it with --wait-lock SECONDS, or choose other GPUs with"
                f" CUDA_VISIBLE_DEVICES; lock {path})"
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
    """Return who holds the flock(2) lock on an open file, from /proc/locks."""
    with suppress(OSError):
        pid = _holder_in(Path("/proc/locks").read_text(), _device_of(file), os.fstat(file).st_ino)
        if pid > 0:
            return describe(pid)
    return "its process cannot be seen from here"


def _holder_in(locks: str, device: str, inode: int) -> int:
    """Return whose lock on a file stands in the lines of /proc/locks.

    0: nobody's, or that of a process in another PID namespace.
    """
    for line in locks.splitlines():
        _, *fields = line.split()
        if fields[0] == "FLOCK" and fields[4] == f"{device}:{inode}":  # not one that waits, "->"
            return int(fields[3])
    return 0


def _device_of(file: int) -> str:
    """Return an open file's device as /proc/locks writes it; "" where that is not known.

    It is the device of the mount. On Btrfs and others fstat(2) has another for each subvolume.
    """
    mount = _word_behind("mnt_id:", Path(f"/proc/self/fdinfo/{file}").read_text())
    for line in Path("/proc/self/mountinfo").read_text(errors="replace").splitlines():
        number, _, device = line.split()[:3]
        if number == mount:
            major, minor = map(int, device.split(":"))
            return f"{major:02x}:{minor:02x}"
    return ""


def _word_behind(name: str, text: str) -> str | None:
    words = text.split()
    return words[words.index(name) + 1] if name in words else None


def describe(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return f"process {pid}"
    return f"process {pid} ({b' '.join(words).decode(errors='replace').strip()[:200]})"
