"""Whoever started a program that is to end with it. Standard library only."""

from __future__ import annotations

import os

from tandem.base.variables import LIFELINE, OWNER


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


def watch_owner(parent: int | None) -> list[int]:
    """Return the lifeline and the pidfd of the parent: either is readable once the owner has ended.

    `parent` is the pid that the parent has to have; None: whoever is the parent; 0: no parent's end
    counts. OwnerGoneError: it has ended already. TooOldError: it cannot be watched here.
    """
    lifeline = inherited_fd(LIFELINE)
    fds = [] if lifeline is None else [lifeline]
    if parent == 0:
        return fds
    try:
        if os.getppid():  # 0: it is outside this PID namespace
            fds.append(os.pidfd_open(os.getppid()))
    except ProcessLookupError:
        raise OwnerGoneError from None
    except (AttributeError, OSError) as error:
        raise TooOldError(error) from None
    # Whoever died before this line has left us to another parent.
    if parent not in (None, os.getppid()):
        raise OwnerGoneError
    return fds


def parent_at_start() -> int | None:
    """Return the parent that the script of bin/ had, as it tells; nobody below is told."""
    pid = os.environ.pop(OWNER, "")
    return int(pid) if pid.isdigit() else None


def inherited_fd(variable: str) -> int | None:
    """Return the descriptor that a variable of the environment names, kept from the command."""
    number = os.environ.pop(variable, "")
    if not number.isdigit():
        return None
    os.set_inheritable(int(number), False)
    return int(number)
