"""Whoever started a program that is to end with it. Standard library only."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import takewhile

from tandem.base.variables import LIFELINE, OWNER
from tandem.processes.proc import stat


class OwnerError(Exception):
    """Whoever started this cannot be watched; the message says why."""

    exit_code = 1


class OwnerGoneError(OwnerError):
    """It has ended before it could be watched."""

    def __init__(self) -> None:
        super().__init__("whoever started this has ended already")


class TooOldError(OwnerError):
    """This machine cannot watch it."""

    exit_code = 3

    def __init__(self, error: Exception) -> None:
        need = "Linux 5.3 or newer, and a Python that has os.pidfd_open"
        super().__init__(f"{need}, is needed: {error}")


def watch_owner(owners: Sequence[int]) -> list[int]:
    """Return the lifeline and the pidfds of the owners: one is readable once an owner has ended.

    `owners` are the parent, then its parent, and so on; none: whoever is the parent; a 0 ends the
    list, and alone it says that nobody's end counts. OwnerGoneError: one has ended already.
    TooOldError: they cannot be watched here.
    """
    lifeline = inherited_fd(LIFELINE)
    fds = [] if lifeline is None else [lifeline]
    below = os.getpid()
    for owner in takewhile(bool, owners or [os.getppid()]):  # 0: outside this PID namespace
        try:
            fds.append(os.pidfd_open(owner))
        except ProcessLookupError:
            raise OwnerGoneError from None
        except (AttributeError, OSError) as error:
            raise TooOldError(error) from None
        # Whoever died before this line has left its child to another parent.
        if stat(below)[1:2] != [str(owner)]:
            raise OwnerGoneError
        below = owner
    return fds


def parent_at_start() -> list[int]:
    """Return the parent that the script of bin/ had, as it says; nobody below is told."""
    pid = os.environ.pop(OWNER, "")
    return [int(pid)] if pid.isdigit() else []


def inherited_fd(variable: str) -> int | None:
    """Return the descriptor that a variable of the environment names, kept from the command."""
    number = os.environ.pop(variable, "")
    if not number.isdigit():
        return None
    os.set_inheritable(int(number), False)
    return int(number)
