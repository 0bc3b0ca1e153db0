"""Where the samples of an experiment lie while it runs: in its folder, or on this machine's disk.

Rows are due every second. A worker's folder is on a disk that several machines share, which may be
slow, full or gone just then. So its samples go to a folder of this machine, to which a link in the
experiment's folder leads, and are brought in when the experiment has ended: copied beside the link,
and put in its place. A kill in between leaves the copy, whole or under a temporary name.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tandem.base.errors import NotReadyError
from tandem.base.files import make_link, rename, sync_folder, temporary_name
from tandem.base.makers import is_left, mark
from tandem.processes.cookie import circle

_NAME = "tandem-samples"
_KEPT_S = 86400.0
_LEAST_FREE_BYTES = 16 << 20
_TRY = "try"  # a link in the local folder, to that of the experiment
_WHOLE = ".whole"  # of a copy that is to take its link's place


class Samples:
    """The samples of the experiment in `folder`, which lie there from the beginning."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def place(self, name: str) -> Path:
        """Return where the samples of a name are to be written; nobody has made that yet."""
        return self.folder / name

    def link(self) -> None:
        """Have all of them seen in the experiment's folder, which is there now."""

    def bring_in(self) -> None:
        """Have all of them in the experiment's folder; may be done again. OSError: it cannot be."""

    def remove(self) -> None:
        """Leave nothing outside of the experiment's folder."""


class LocalSamples(Samples):
    """The same, on a disk of this machine while the experiment runs."""

    def __init__(self, folder: Path) -> None:
        """Make the local folder; NotReadyError: there can be none."""
        super().__init__(folder)
        self.local = make_local_folder()
        self.names: list[str] = []
        (self.local / _TRY).symlink_to(os.path.abspath(folder))

    def place(self, name: str) -> Path:
        self.names.append(name)
        return self.local / name

    def link(self) -> None:
        for name in self.names:
            make_link(str(self.local / name), str(self.folder / name))

    def bring_in(self) -> None:
        for name in self.names:
            put_in_place(self.local / name, self.folder / name)
        sync_folder(str(self.folder))

    def remove(self) -> None:
        shutil.rmtree(self.local, ignore_errors=True)


def make_local_folder() -> Path:
    """Make a folder that only this user may read, and whose name says whose process made it."""
    problems = []
    for place in local_places():
        try:
            if why := too_small(place):
                problems.append(f"{place}: {why}")
                continue
            prefix = f"{_NAME}.{mark()}.{circle()}."
            return Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        except OSError as error:
            problems.append(f"{place}: {error.strerror}")
    raise NotReadyError(
        "no folder for samples can be made on this machine's own disk: "
        f"{'; '.join(problems)} (free some space there, or set TMPDIR to another folder)"
    )


def local_places() -> list[str]:
    """Return the folders of this machine for files of a short life, the best first."""
    named = (os.environ.get(name) for name in ("SLURM_TMPDIR", "TMPDIR"))
    return list(dict.fromkeys([*(os.path.abspath(place) for place in named if place), "/tmp"]))


def too_small(place: str) -> str | None:
    found = os.statvfs(place)
    free_bytes = found.f_bavail * found.f_frsize
    return f"only {free_bytes >> 20} MiB are free" if free_bytes < _LEAST_FREE_BYTES else None


def put_in_place(local: Path, link: Path) -> None:
    """Have a copy of a local folder in the place of the link to it; OSError: it cannot be.

    That may be done again, whatever came of it. Where nothing was written, the link goes.
    """
    if link.is_dir() and not link.is_symlink():
        return
    whole = link.with_name(link.name + _WHOLE)
    if local.is_dir() and not whole.is_dir():
        copy = Path(temporary_name(str(link)))
        if copy.exists():
            shutil.rmtree(copy)
        copy_folder(local, copy)
        rename(str(copy), str(whole))
    finish(link)


def finish(link: Path) -> None:
    """Put a copy that is whole in the place of its link."""
    whole = link.with_name(link.name + _WHOLE)
    with suppress(FileNotFoundError):
        link.unlink()
    if whole.is_dir():
        rename(str(whole), str(link))


def copy_folder(source: Path, target: Path) -> None:
    """Copy the files of a folder, and have them on the disk."""
    target.mkdir()
    for file in sorted(source.iterdir()):
        if file.is_file() and not file.is_symlink():
            with open(file, "rb") as near, open(target / file.name, "xb") as far:
                shutil.copyfileobj(near, far, 1 << 20)
                far.flush()
                os.fsync(far.fileno())
    sync_folder(str(target))


# -- after a kill ------------------------------------------------------------------------


def clear_up() -> list[Path]:
    """Bring in what killed workers of this user left on this machine; return the experiments.

    They were cut off, and their samples are for whoever looks why. Where the disk of a run is not
    there, they stay for a day.
    """
    return [target for folder in list(left_folders()) if (target := clear_up_one(folder))]


def left_folders() -> Iterator[Path]:
    """Yield the local folders of this user whose process has ended, wherever there was room."""
    for folder in (it for at in local_places() for it in Path(at).glob(f"{_NAME}.*.{circle()}.*")):
        with suppress(OSError):
            found = folder.lstat()
            is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
            if is_ours and is_left(str(newest_in(folder)), maker_of(folder)):
                yield folder


def newest_in(folder: Path) -> Path:
    """Return what was written last in a folder; itself where it is empty."""
    return max([folder, *folder.glob("*/*")], key=lambda path: path.lstat().st_mtime)


def clear_up_one(local: Path) -> Path | None:
    """Bring in and remove a local folder, and return its experiment's; None: it cannot be now."""
    with suppress(OSError), open_folder(local) as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # several may start in one moment
        target = Path(os.readlink(local / _TRY))
        if target.is_dir():
            bring_in_of_killed(local, target)
        elif time.time() - newest_in(local).lstat().st_mtime < _KEPT_S:
            return None
        shutil.rmtree(local)
        return target
    return None


def bring_in_of_killed(local: Path, folder: Path) -> None:
    """Bring in what lies in a local folder, or was about to be brought in by who was killed."""
    for name in {path.name for path in (*local.iterdir(), *folder.iterdir())} - {_TRY}:
        if leads_to(folder / name, local / name):
            put_in_place(local / name, folder / name)
    for torn in folder.glob(f".*.{maker_of(local)}.tmp"):
        shutil.rmtree(torn, ignore_errors=True)


def maker_of(local: Path) -> str:
    return local.name.split(".")[1]


@contextmanager
def open_folder(folder: Path) -> Iterator[int]:
    file = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield file
    finally:
        os.close(file)


def leads_to(link: Path, local: Path) -> bool:
    """Whether a link is one to a local folder, or was one until its copy was whole."""
    if link.is_symlink():
        return os.readlink(link) == str(local)
    return not link.exists() and link.with_name(link.name + _WHOLE).is_dir()
