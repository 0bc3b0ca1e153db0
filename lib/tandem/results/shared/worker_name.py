"""The name of a worker, HOST_ID_rN: its folder is called so, and its claims and records name it.

ID is the worker's job, with .2, .3 ... where that has several workers; without a job it is when the
worker began. N says how often its job had been queued again by then.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(r"(.+)_([^_.]+)(?:\.([0-9]{1,9}))?_r([0-9]{1,9})", re.DOTALL)


@dataclass(frozen=True)
class WorkerName:
    """`ident` is the job, or when the worker began; `number` is which of the job's workers."""

    host: str
    ident: str
    restart: int = 0
    number: int = 1

    def __str__(self) -> str:
        number = f".{self.number}" if self.number > 1 else ""
        return f"{self.host}_{self.ident}{number}_r{self.restart}"

    def is_before(self, other: WorkerName) -> bool:
        """Whether the other is of a later start of the same job, which ended this worker."""
        return self.ident == other.ident and self.restart < other.restart


def parsed(name: str) -> WorkerName | None:
    """Return what a worker's name says; None: it is not of this form."""
    if not (match := _NAME.fullmatch(name)):
        return None
    host, ident, number, restart = match.groups()
    return WorkerName(host, ident, int(restart), int(number or 1))
