"""The process that works in a folder or on a group, and whether it is still there.

It is looked for where its pid means something: on its machine, since the same boot, in its PID
namespace, and where this user may see it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Literal

from tandem.base.clock import boottime_s
from tandem.processes.proc import has_ended, read, stat, user

STALE_S = 60.0  # what is older was written by nobody who still runs

Liveness = Literal["running", "not running", "unknown"]


@dataclass(frozen=True)
class Owner:
    """A process; `started_ticks` is when it began, in clock ticks since the boot."""

    pid: int
    started_ticks: int
    boot_id: str
    pid_namespace: str
    host: str
    user: str


def this_process() -> Owner:
    """Return this process as an owner."""
    pid = os.getpid()
    return Owner(pid, int(stat(pid)[19]), *_here(), os.uname().nodename, user(pid))


def boot_id() -> str:
    return read("/proc/sys/kernel/random/boot_id").strip()


def _here() -> tuple[str, str]:
    """Return the boot and the PID namespace in which a pid means the same as here."""
    return boot_id(), os.readlink("/proc/self/ns/pid")


def is_there(owner: Owner) -> bool | None:
    """Whether a process is still there; None: that cannot be told from here."""
    is_here = (owner.boot_id, owner.pid_namespace) == _here()
    if not is_here or not stat(1):  # where even init is hidden, the processes of others may be
        return None
    fields = stat(owner.pid)
    return not has_ended(fields) and fields[19] == str(owner.started_ticks)


def liveness(owner: Owner, age_s: float) -> Liveness:
    """Return whether a process is still there that has written its state `age_s` ago.

    What it wrote before its machine started again has ended with that. Where it cannot be looked
    for the age decides: an old state says that nobody knows.
    """
    if is_of_earlier_boot(owner, age_s):
        return "not running"
    found = is_there(owner)
    if found is None:
        return "running" if age_s <= STALE_S else "unknown"
    return "running" if found else "not running"


def is_of_earlier_boot(owner: Owner, age_s: float) -> bool:
    """Whether a process of this machine wrote something, so many seconds ago, before it started."""
    is_here = owner.host == os.uname().nodename
    return is_here and owner.boot_id != boot_id() and age_s > boottime_s()
