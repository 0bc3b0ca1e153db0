"""Whose a process is: the foreground's, the background's, or neither's.

Each role has roots; a process belongs to the nearest root at or above it. The roots come by hand
and from a file that grows while the monitor runs: ROLE<TAB>PID<TAB>START_TICKS a line, START_TICKS
which a later process of the same id does not share.
"""

from __future__ import annotations

import math
import os
import signal
import time
from dataclasses import dataclass, field

from tandem.measure.rows import CONTEXT, ROLES
from tandem.nvml.sensors import REMEMBERED_S
from tandem.processes.proc import TICKS_A_SECOND, ancestors, descendants, name, stat

# Shares of one core's time that looking may take: once a row, and between rows. Between rows it
# finds processes of ours that do not live long, which NVML reports only after their end.
ROW_SHARE, SAMPLE_SHARE = 0.0015, 0.0005
YOUNG_SHARE, YOUNG_S = 0.01, 3.0  # and for so long after a root was named

_LATE_S = 3.0  # what a root used before its end since the last look at it is small up to here

EVERYBODY = (*ROLES, CONTEXT)  # of us

_SIGCHLD_BIT = 1 << (signal.SIGCHLD - 1)
_PAGES_A_MIB = 1024 * 1024 / os.sysconf("SC_PAGE_SIZE")


@dataclass
class Root:
    """A process and all below it, down to the next root.

    `cpu_s` is what they have used, as far as it was seen: it never falls. `looked_s` is when they
    were last looked at.
    """

    role: str
    pid: int
    start_ticks: str
    cpu_s: float = 0.0
    seen_s: float = 0.0
    has_fallen: bool = False
    looked_s: float = -math.inf

    def is_alive(self) -> bool:
        return stat(self.pid)[19:20] == [self.start_ticks]

    def count(self, cpu_s: float) -> None:
        """Take what its living processes and their collected children have used.

        A child that is collected while we look is missing once. One whose parent does not want to
        know of it is missing for good, and what comes on top counts again.
        """
        if cpu_s < self.seen_s and not self.has_fallen:
            self.has_fallen = True
            return
        self.cpu_s += max(cpu_s - self.seen_s, 0.0)
        self.seen_s, self.has_fallen = cpu_s, False


@dataclass(frozen=True)
class Member:
    """A process of ours when it was last looked at."""

    role: str
    start_ticks: str
    seen_s: float


@dataclass
class Use:
    """What the trees of a role use; `cpu_s` also holds the trees that have ended.

    `largest_rss_mib` is the memory of the largest single process.
    """

    cpu_s: float = 0.0
    largest_rss_mib: float = 0.0
    ended_s: float = field(default=0.0, repr=False)


class Trees:
    """The processes of both roles, and who holds a bare context for us.

    `roots_known`: it is known whose processes are whose.

    `lost` says of a role why a part of it was never seen: what it uses is not known from then on.
    `deaf` are those, with their names, that leave the CPU time of their children to nobody.
    Looking costs some 50 µs a process, so where there are many it is not done at every row.
    """

    def __init__(self, path: str) -> None:
        """Take the file that names the roots; it need not exist yet."""
        self.path = path
        self.roots_known = False
        self.offset = 0
        self.lost: dict[str, str] = {}
        self.deaf: dict[int, str] = {}
        self.roots: dict[int, Root] = {}
        self.members: dict[int, Member] = {}
        self.uses = {role: Use() for role in EVERYBODY}
        self.active_s = dict.fromkeys(EVERYBODY, -math.inf)
        self.young_until_s = -math.inf
        self.looked_s = self.cost_s = 0.0

    def add(self, role: str, pid: int, start_ticks: str | None = None) -> bool:
        """Add a root; False if there is no such process (any more): then its role is lost."""
        self.roots_known = True
        ticks = stat(pid)[19:20]
        if not ticks or start_ticks not in (None, ticks[0]):
            self.lost.setdefault(role, f"there is no process {pid} (any more)")
            return False
        if pid in self.roots:
            self.drop(self.roots[pid])
        self.roots[pid] = Root(role, pid, ticks[0])
        return True

    def look(self, now_s: float, share: float = math.inf) -> bool:
        """Look at all trees if that stays within a share of a core; return whether it was done.

        After a new root was named it is done in any case, and more often for a while.
        """
        begin_s = time.thread_time()
        is_news = self.read_roots(now_s)
        if now_s < self.young_until_s:
            share = max(share, YOUNG_SHARE)
        if not is_news and now_s - self.looked_s < self.cost_s / share:
            return False
        for use in self.uses.values():
            use.largest_rss_mib = 0.0
        for root in list(self.roots.values()):
            self.look_at(root, now_s)
        for role, use in self.uses.items():
            living_s = sum(root.cpu_s for root in self.roots.values() if root.role == role)
            use.cpu_s = use.ended_s + living_s
        self.members = {
            pid: member
            for pid, member in self.members.items()
            if member.seen_s > now_s - REMEMBERED_S
        }
        self.looked_s, self.cost_s = now_s, time.thread_time() - begin_s
        return True

    def read_roots(self, now_s: float) -> bool:
        """Take the lines that were added to the file since; return whether there are any."""
        try:
            if os.stat(self.path).st_size == self.offset and self.roots_known:
                return False
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                lines = file.read()
        except OSError:
            return False
        self.roots_known = True
        whole = lines[: lines.rfind(b"\n") + 1]
        self.offset += len(whole)
        for line in whole.decode("ascii", "replace").splitlines():
            role, _, process = line.partition("\t")
            pid, _, start_ticks = process.partition("\t")
            if role in EVERYBODY and pid.isdecimal():
                self.active_s[role], self.young_until_s = now_s, now_s + YOUNG_S
                self.add(role, int(pid), start_ticks)
        return bool(whole)

    def look_at(self, root: Root, now_s: float) -> None:
        self.active_s[root.role] = now_s
        cpu_ticks, rss_pages = 0, 0  # of all, of the largest
        if not root.is_alive():
            if now_s - root.looked_s > max(_LATE_S, 2 * self.cost_s / ROW_SHARE):
                why = f"process {root.pid} ended while nobody looked"
                self.lost.setdefault(root.role, why)
            self.drop(root)
            return
        for pid in (root.pid, *descendants(root.pid, without=self.roots)):
            fields = stat(pid)
            if len(fields) > 30:
                cpu_ticks += sum(map(int, fields[11:15]))
                rss_pages = max(rss_pages, int(fields[21]))
                if int(fields[30]) & _SIGCHLD_BIT and pid not in self.deaf:
                    self.deaf[pid] = name(pid)
                self.members[pid] = Member(root.role, fields[19], now_s)
        root.looked_s = now_s
        root.count(cpu_ticks / TICKS_A_SECOND)
        use = self.uses[root.role]
        use.largest_rss_mib = max(use.largest_rss_mib, rss_pages / _PAGES_A_MIB)

    def living(self, role: str) -> list[int]:
        """Return the processes of a role that the last look saw."""
        seen = self.members.items()
        return [pid for pid, each in seen if (each.role, each.seen_s) == (role, self.looked_s)]

    def drop(self, root: Root) -> None:
        """Forget a root that has ended, but not what it has used."""
        self.uses[root.role].ended_s += root.cpu_s
        self.roots.pop(root.pid, None)

    def active_since(self, since_s: float) -> set[str]:
        """Return the roles that may have had processes since a moment, also such as none saw."""
        alive = {root.role for root in self.roots.values()}
        return alive | {role for role, active_s in self.active_s.items() if active_s > since_s}

    def role_of(self, pid: int, now_s: float) -> str | None:
        """Return whose a process is, also for some time after its end; None: not ours."""
        ticks, member = stat(pid)[19:20], self.members.get(pid)
        if member and ticks in ([], [member.start_ticks]):
            return member.role
        for each in (pid, *ancestors(pid)) if ticks else ():
            root = self.roots.get(each)
            if root and root.is_alive():
                self.members[pid] = Member(root.role, ticks[0], now_s)
                return root.role
        return None
