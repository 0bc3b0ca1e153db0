"""Files that exist whole or not at all, also after a power cut; logs that may be anything.

Standard library only, and no pathlib, whose import costs a keeper 8 ms.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import BinaryIO

from tandem.base.makers import is_left, mark

_PIECE_BYTES = 1 << 20
_TO_SYNC = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def write_whole(path: str, data: bytes) -> None:
    """Write a file as whole_file() does."""
    with whole_file(path) as stream:
        stream.write(data)


@contextlib.contextmanager
def whole_file(path: str) -> Iterator[BinaryIO]:
    """Have a file written under a temporary name, and on the disk, and only then rename it.

    OSError, or any error of whoever writes: nothing was written, and what stood there before still
    stands.
    """
    temporary = temporary_name(path)
    try:
        # In a folder of all users somebody may have put a link under that name.
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        file = os.open(temporary, flags, 0o666)
        with open(file, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(file)
        rename(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError):
            error.filename = error.filename or path
        raise
    sync_folder(os.path.dirname(path) or ".")


def rename(source: str, path: str) -> None:
    """Rename a file or a folder; a file server may say that it is gone when it has just done so."""
    made = os.lstat(source)
    try:
        os.rename(source, path)
    except OSError:
        if not (os.path.lexists(path) and os.path.samestat(made, os.lstat(path))):
            raise


def make_link(target: str, path: str) -> None:
    """Make a symbolic link; a file server may say that it is there when it has just made it."""
    try:
        os.symlink(target, path)
    except OSError as error:
        if not (os.path.islink(path) and os.readlink(path) == target):
            raise OSError(error.errno, error.strerror, path) from None


def temporary_name(path: str) -> str:
    """Return where a file is written before it is renamed, which no other process does there."""
    folder, name = os.path.split(path)
    return os.path.join(folder, f".{name}.{mark()}.tmp")


def sweep(folder: str, name: str = "") -> None:
    """Remove what killed writers of a file left under temporary names; "": those of any file.

    Those of whoever lives stay, also on other hosts, of which only a file's age can tell.
    """
    with contextlib.suppress(OSError):
        for entry in os.listdir(folder):
            if entry.startswith(f".{name}") and entry.endswith(".tmp"):
                file, maker = os.path.join(folder, entry), entry[:-4].rpartition(".")[2]
                with contextlib.suppress(OSError):
                    if is_left(file, maker):
                        os.unlink(file)


def server_s(folder: str) -> float:
    """Return what time it is, as time.time() does, by the clock of whoever keeps a folder."""
    path = temporary_name(os.path.join(folder, "clock"))
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    try:
        os.utime(file)
        return os.fstat(file).st_mtime
    finally:
        os.close(file)
        with contextlib.suppress(OSError):
            os.unlink(path)


def sync_folder(folder: str) -> None:
    """Have the names in a folder on the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_all(folder: str) -> None:
    """Have everything below a folder on the disk, as far as it can be read."""
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                file = os.open(os.path.join(place, name), _TO_SYNC)
                try:
                    os.fsync(file)
                finally:
                    os.close(file)
        with contextlib.suppress(OSError):
            sync_folder(place)


def open_log(path: str | os.PathLike[str]) -> BinaryIO:
    """Open a log for reading; OSError if it is missing or no regular file (a pipe would hang)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(None, "not a regular file", str(path))
    return open(descriptor, "rb")


def read_regular(path: str | os.PathLike[str]) -> bytes:
    """Return what is in a file of a run; OSError as for open_log."""
    with open_log(path) as stream:
        return stream.read()


def sha256_of(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 of a regular file; OSError as for open_log."""
    import hashlib  # which costs a keeper's start as much as pathlib does

    total = hashlib.sha256()
    with open_log(path) as file:
        while piece := file.read(_PIECE_BYTES):
            total.update(piece)
    return total.hexdigest()


def last_lines(log: str | os.PathLike[str], count: int) -> list[str]:
    """Return the last lines of a log; [] if there is none."""
    try:
        with open_log(log) as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 8192))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return text.replace("\r", "\n").splitlines()[-count:]
