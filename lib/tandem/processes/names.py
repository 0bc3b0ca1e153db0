"""What a process is called by people who know its program. Standard library only, no pathlib."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence

from tandem.processes.proc import name, read

_INTERPRETERS = re.compile(r"(python|pypy|perl|ruby|node|(ba|da|k|z)?sh|Rscript|julia)[0-9.]*")
_TAKE_A_VALUE = ("-W", "-X", "-o")
_HAVE_NO_FILE = ("-c", "-e", "-")


def names(pid: int) -> list[str]:
    """Return what a process may be called, the best name last; ["?"] if it is gone.

    That is its command name (at most 15 characters), its program, what it calls itself
    ("wandb-service(2-4711)" is a wandb-service), and, of an interpreter, the script or the module.
    """
    try:
        words = read(f"/proc/{pid}/cmdline").rstrip("\0").split("\0")
    except OSError:  # gone, or hidden from this user
        words = []
    found = [name(pid), *filter(None, names_in(words))]
    return [*dict.fromkeys(reversed(found))][::-1]


def names_in(words: Sequence[str]) -> Iterator[str]:
    """Yield the names that a command line holds, the best one last."""
    if not words:
        return
    program, title = os.path.basename(words[0]), re.split(r"[\s(:]", words[0])[0]
    yield program
    if "/" not in title:
        yield title
    if _INTERPRETERS.fullmatch(program):
        yield from _script(words[1:])


def _script(words: Sequence[str]) -> Iterator[str]:
    """Yield the base name of the file that an interpreter runs, or a module and its package."""
    rest = iter(words)
    for word in rest:
        if re.fullmatch("-[a-zA-Z]*m", word):
            module = next(rest, "")
            yield module.partition(".")[0]
            yield module
            return
        if word in _HAVE_NO_FILE:
            return
        if word in _TAKE_A_VALUE:
            next(rest, "")
        elif not word.startswith("-"):
            yield os.path.basename(word)
            return
