"""The one family of errors that a person can mend; each knows its exit code."""

from __future__ import annotations


class TandemError(Exception):
    """Something a person can mend. The message may have several lines, one problem a line."""

    exit_code = 1


class UsageError(TandemError):
    """The usage, the settings or the registry is wrong; nothing was started."""

    exit_code = 2


class NotReadyError(TandemError):
    """The machine is not ready: a busy GPU, a missing tool."""

    exit_code = 3


class LockedError(TandemError):
    """Another run holds the lock; `held` says who does, without what helps."""

    exit_code = 75

    def __init__(self, held: str, what_helps: str) -> None:
        super().__init__(f"{held} ({what_helps})")
        self.held = held
