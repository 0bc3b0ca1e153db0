"""One process at a time: flock on a file, released by the kernel whatever is killed."""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

from tandem.base.clock import boottime_s
from tandem.base.errors import LockedError, NotReadyError
from tandem.processes.proc import TICKS_A_SECOND, stat
from tandem.processes.watch import Watch

T = TypeVar("T")

_PERIOD_S = 0.2  # the kernel gives no sign when a lock has become free
_TRIES = 5  # to open a file that something removes just then


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
    has_said = False
    with ExitStack() as stack:
        while True:
            try:
                taken = stack.enter_context(take())
                break
            except LockedError as error:
                if time.monotonic() >= deadline_s:
                    raise
                if not has_said:
                    say(f"waiting: {error.held}")
                has_said = True
            watch.wait([], min(deadline_s, time.monotonic() + _PERIOD_S))
        yield taken


# -- a lock ----------------------------------------------------------------------------


@dataclass
class Lock:
    """A lock that this process holds; `file` is open on what `path` named when it was taken.

    `what` is what it stands for, in words.
    """

    path: Path
    kind: int  # fcntl.LOCK_EX or LOCK_SH
    what: str
    file: int

    def is_removed(self) -> bool:
        """Whether its file was removed, so that others can take a lock of the same name.

        Else its age is renewed, by which /tmp is cleaned in many places.
        """
        if not is_at(self.file, self.path):
            return True
        with suppress(OSError):  # another user's
            os.utime(self.file)
        return False

    def take_again(self) -> None:
        """Take the lock of the same name; LockedError, NotReadyError: it cannot be had."""
        file, self.file = self.file, _locked(self.path, self.kind, self.what)
        os.close(file)


@contextmanager
def lock(folder: str, name: str, kind: int, what: str) -> Iterator[Lock]:
    """Hold a lock; LockedError says who has it, NotReadyError why there can be none."""
    safe = re.sub(r"[^A-Za-z0-9.-]", "_", name)
    path = Path(os.path.realpath(folder)) / f"tandem-{safe}.lock"
    held_lock = Lock(path, kind, what, _locked(path, kind, what))
    try:
        yield held_lock
    finally:
        os.close(held_lock.file)


def _locked(path: Path, kind: int, what: str) -> int:
    for _ in range(_TRIES):
        try:
            file = open_shared(path)
        except OSError as error:
            raise NotReadyError(f"{path}: cannot open the lock file: {error.strerror}") from None
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            other = removed_lock(path, kind)
        except BlockingIOError:
            refused = refusal(what, path, flock_on(file))
            os.close(file)
            raise refused from None
        if other:
            os.close(file)
            raise refusal(what, path, other)
        if is_at(file, path):
            return file
        os.close(file)
    raise NotReadyError(f"{path}: something removes the lock file again and again (stop that)")


def open_shared(path: Path) -> int:
    """Open a lock file that may be another user's: never for writing, which /tmp forbids."""
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        file = os.open(path, flags | os.O_CREAT, 0o644)
        os.fchmod(file, 0o644)  # whatever this user's umask says
        return file


def is_at(file: int, path: Path) -> bool:
    """Whether a path still names an open file."""
    try:
        return os.path.samestat(os.fstat(file), os.lstat(path))
    except OSError:
        return False


# -- who has it ------------------------------------------------------------------------


class Flock(NamedTuple):
    """A lock as /proc/locks shows it; pid 0: a process in another PID namespace."""

    pid: int
    is_exclusive: bool
    place: str  # device:inode


def flocks(text: str) -> Iterator[Flock]:
    """Yield the flock(2) locks in the text of /proc/locks; who only waits has none ("->")."""
    for line in text.splitlines():
        _, *fields = line.split()
        if fields[0] == "FLOCK":
            yield Flock(int(fields[3]), fields[2] == "WRITE", fields[4])


def flocks_now() -> list[Flock]:
    with suppress(OSError):
        return list(flocks(Path("/proc/locks").read_text()))
    return []


def flocks_on(file: int) -> list[Flock]:
    """Return whose locks an open file has; [] where that cannot be seen."""
    place = f"{_device_of(file)}:{os.fstat(file).st_ino}"
    return [each for each in flocks_now() if each.place == place]


def flock_on(file: int) -> Flock | None:
    """Return whose lock an open file has; None where that cannot be seen."""
    return next(iter(flocks_on(file)), None)


def removed_lock(path: Path, kind: int) -> Flock | None:
    """Return a lock of another process on a file that was removed from a path, if it bars this one.

    Whoever holds it is at work all the same. It is seen where it is the same user's.
    """
    for each in flocks_now():
        if each.pid not in (0, os.getpid()) and (each.is_exclusive or kind == fcntl.LOCK_EX):
            with suppress(OSError):
                if f"{path} (deleted)" in map(os.readlink, Path(f"/proc/{each.pid}/fd").iterdir()):
                    return each
    return None


def refusal(what: str, path: Path, other: Flock | None) -> LockedError:
    """Return the error that says who holds what since when, and what can help."""
    who = owner_of(other)
    help_ = "wait for it with --wait-lock SECONDS"
    if other and not other.is_exclusive:
        names = ", ".join(names_held(other.pid, path)) or "a part of it"
        who += f", which holds {names}"
    if "-machine" in path.name and (other is None or other.is_exclusive):
        who += ", which holds the whole machine"
        help_ += "; another choice of GPUs cannot help"
    else:
        help_ += ", or choose other GPUs with CUDA_VISIBLE_DEVICES"
    return LockedError(f"another run uses {what}: {who}", f"{help_}; lock {path}")


def names_held(pid: int, path: Path) -> list[str]:
    """Return the names of the GPUs that a process has locked, beside a path; [] if not known."""
    with suppress(OSError):
        links = {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        names = [
            each.stem.removeprefix("tandem-gpu-")
            for each in sorted(path.parent.glob("tandem-gpu-*.lock"))
            if str(each) in links
        ]
        return [f"GPU {name}" for name in names if not name.startswith("GPU-")]
    return []


def holder(file: int) -> str:
    """Return who holds the flock(2) lock on an open file, from /proc/locks."""
    return owner_of(flock_on(file))


def owner_of(found: Flock | None) -> str:
    return describe(found.pid) if found and found.pid else "its process cannot be seen from here"


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
    """Return a process's command and, in local time, when it started."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        started_s = int(stat(pid)[19]) / TICKS_A_SECOND
    except (OSError, IndexError):
        return f"process {pid}"
    since = time.localtime(time.time() - boottime_s() + started_s)
    command = b" ".join(words).decode(errors="replace").strip()[:200]
    return f"process {pid} ({command}), since {time.strftime('%Y-%m-%d %H:%M:%S', since)}"
