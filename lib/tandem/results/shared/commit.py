"""The commit of a try: RUN/EXPERIMENT becomes a link to it, unless another try stands there.

Nobody's lock can be trusted on a shared file system, and two workers may run the same experiment.
symlink(2) is atomic and exclusive there too. But its answer may be lost: NFS asks again, and says
"File exists" of what it has just made. So it is the name that tells, whatever the answer was.
"""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

from tandem.base.files import sync_folder, temporary_name
from tandem.results.cut_off import next_aside


def commit(attempt: Path, run: Path) -> bool:
    """Have a run's name for an experiment stand for this try; False: it stands for another.

    The try lies in the run's folder, with all its files on the disk. OSError: it is not known
    whether it stands; asking again is harmless.
    """
    name, target = run / attempt.name, os.path.relpath(attempt, run)
    problem: OSError | None = None
    try:
        os.symlink(target, name)
    except OSError as error:
        problem = OSError(error.errno, error.strerror, str(name))
    standing = standing_try(run, attempt.name)
    if standing is None:
        raise problem or OSError(None, "the name vanished", str(name))
    sync_folder(str(run))
    return standing == target


def standing_try(run: Path, name: str) -> str | None:
    """Return which try of an experiment stands, as a path in its run; None: none does.

    "" is a folder of a run without workers. OSError: it cannot be told.
    """
    try:
        return os.readlink(run / name)
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno == errno.EINVAL and os.path.isdir(run / name):  # no link
            return ""
        if error.errno == errno.EINVAL:
            why = "neither a folder nor a link to one"
            raise OSError(errno.ENOTDIR, why, error.filename) from None
        raise


def committed(run: Path) -> set[str]:
    """Return the names that tries in a run stand under, and those of its other folders."""
    with os.scandir(run) as entries:
        return {each.name for each in entries if each.is_symlink() or each.is_dir()}


def take_away(run: Path, name: str, judged: str) -> str | None:
    """Have a try stand no longer that was judged to be of no use; return where its files are.

    `judged` is which one, as a path in the run; what `tandem run` left under that name ("") goes
    into cut_off/. None: another stands, and so it remains, for it may have been committed a moment
    ago. OSError: it is not known what stands.
    """
    aside = temporary_name(str(run / name))
    try:
        os.rename(run / name, aside)
    except OSError:
        if not os.path.lexists(aside):  # NFS may say that a name is gone which it has just moved
            if standing_try(run, name) == judged:
                raise
            return None
    found = os.readlink(aside) if os.path.islink(aside) else ""
    if found == judged == "":
        place = next_aside(run / name)
        os.rename(aside, place)
        return str(place.relative_to(run))
    if found != judged:
        with suppress(FileExistsError):  # a third one stands
            os.symlink(found, run / name)
    os.unlink(aside)
    sync_folder(str(run))
    return judged if found == judged else None
