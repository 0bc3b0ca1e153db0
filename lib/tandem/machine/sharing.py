"""Whether others may work on this machine, whose energy RAPL counts as a whole."""

from __future__ import annotations

from dataclasses import dataclass

from tandem.machine.gpu_locks import GpuLocks

_CANNOT_BE_SEEN = "whether another run of Tandem shares it cannot be seen from here"
_ANOTHER_RUN = "another run of Tandem was at work on this machine"
_ORDER = (False, None, True)


@dataclass(frozen=True)
class Sharing:
    """Whether a machine is shared; `reason` says by what, or why that is not known (None)."""

    is_shared: bool | None = False
    reason: str | None = None

    def or_worse(self, other: Sharing) -> Sharing:
        """Return which of two says more: shared, then not known."""
        return max(self, other, key=lambda each: _ORDER.index(each.is_shared))


class Neighbours:
    """Who else is at work on this machine, look by look.

    `locks` are those of this run, `sharing` is what was known beforehand and in the end all.
    """

    def __init__(self, locks: GpuLocks, sharing: Sharing) -> None:
        self.locks, self.sharing = locks, sharing
        self.look()

    def look(self) -> Sharing:
        """See whether another run of Tandem has a lock of this machine; return what is known."""
        others = self.locks.has_others()
        reason = {True: _ANOTHER_RUN, None: _CANNOT_BE_SEEN, False: None}[others]
        self.sharing = self.sharing.or_worse(Sharing(others, reason))
        return self.sharing
