"""Whoever started a program of bin/ that is to end with it."""

from __future__ import annotations

import os

from tandem.base.variables import LIFELINE, OWNER
from tandem.processes.keeper import inherited_fd


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


def watch_owner() -> list[int]:
    """Return the lifeline and the pidfd of the parent; OwnerGoneError if it has ended already."""
    lifeline, owner, parent = inherited_fd(LIFELINE), os.environ.pop(OWNER, None), os.getppid()
    fds = [] if lifeline is None else [lifeline]
    try:
        if parent:
            fds.append(os.pidfd_open(parent))
    except ProcessLookupError:
        raise OwnerGoneError from None
    except (AttributeError, OSError) as error:
        raise TooOldError(error) from None
    if owner not in (None, str(os.getppid())):
        raise OwnerGoneError
    return fds
