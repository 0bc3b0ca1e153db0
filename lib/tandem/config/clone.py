"""Cloning what the registry describes and nobody has yet, whole and at the commit it names."""

from __future__ import annotations

import fcntl
import glob
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tandem.base.errors import LockedError, NotReadyError, TandemError
from tandem.base.git import git_environment, git_state
from tandem.base.makers import is_left, mark
from tandem.base.sudo import give_to_caller
from tandem.base.text import printable
from tandem.config.problems import ProblemsError, has_errors
from tandem.config.registry import Registry, Repository
from tandem.processes.control import die_with_parent

CHECK_TIMEOUT_S = 60.0

Say = Callable[[str], None]


def clone_missing(registry: Registry, say: Say) -> bool:
    """Clone every repository with `url` and `commit` whose folder is missing; tell of each.

    What is there is never touched. Returns whether all that were missing are there now; one that
    cannot be had does not keep the others away. NotReadyError: git is missing; LockedError: another
    process is cloning there.
    """
    if has_errors(registry.problems):
        raise ProblemsError(registry.problems)
    if shutil.which("git") is None:
        raise NotReadyError("git is not installed")
    is_whole = True
    for repository in registry.repos.values():
        folder = Path(os.path.abspath(registry.root / repository.path))
        if not repository.is_fetched:
            continue
        if os.path.lexists(folder):
            say(f"{printable(repository.name)}: is there: {printable(str(folder))}")
            continue
        try:
            clone(repository, folder, say)
        except (CloneError, OSError) as error:
            is_whole = False
            say(f"{printable(repository.name)}: not cloned: {printable(str(error))}")
    return is_whole


class CloneError(TandemError):
    """git could not do it; the message is git's own."""


def clone(repository: Repository, folder: Path, say: Say) -> None:
    """Clone into a folder beside the real one, which gets its name when all is there."""
    assert repository.url is not None
    assert repository.commit is not None
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = folder.with_name(f".{folder.name}.{mark()}.partial")
    with alone_in(folder.parent):
        remove_partial(folder)
        say(f"{printable(repository.name)}: cloning {printable(repository.url)} ...")
        try:
            git("clone", "--quiet", "--no-checkout", "--", repository.url, str(partial))
            git("-C", str(partial), "checkout", "--quiet", "--detach", repository.commit)
            # git says that files are missing, and ends with 0 all the same.
            if git_state(partial, CHECK_TIMEOUT_S)["dirty"] is not False:
                raise CloneError("not all of its files could be had (clone it by hand)")
            give_to_caller(partial)
            partial.rename(folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
        give_to_caller(folder.parent)
    say(f"{printable(repository.name)}: at {repository.commit} in {printable(str(folder))}")


def remove_partial(folder: Path) -> None:
    """Remove clones whose process was killed; another machine may be cloning there just now."""
    for partial in folder.parent.glob(f"{glob.escape(f'.{folder.name}.')}*.partial"):
        with suppress(OSError):
            if is_left(str(partial), partial.name.split(".")[-2]):
                shutil.rmtree(partial)


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, which ends with this process; LockedError: another one has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise LockedError(f"another `make repos` clones into {folder}", "wait for it") from None
    finally:
        os.close(descriptor)


def git(*arguments: str) -> None:
    """Run git to its end, which our own end hastens; CloneError: it failed."""
    done = subprocess.run(
        ["git", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=git_environment(),
        preexec_fn=die_with_parent,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise CloneError(lines[-1] if lines else f"git ended with status {done.returncode}")
