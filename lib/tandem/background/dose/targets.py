"""The trainings of a background loop: found, stopped, continued. Standard library only.

The loop and all keepers live in two sessions, that of the outer keeper and that of the loop; a
round's keeper starts its training in a session of its own. So whoever is below the outer keeper and
in neither of the two belongs to a training, also what was daemonised and came back to its keeper.

Signals go to process groups: the kernel lets no fork get away from them. A group is signalled only
while a process that is known to be a training's is in it, so its number cannot be a stranger's.
Who left its group is found by walking the tree, which takes some 20 µs a thread: it is done at
every stop while a training is young, and then as often as stays within a share of a core.
"""

from __future__ import annotations

import math
import os
import select
import signal
import time

from tandem.base.clock import boottime_s
from tandem.nvml.sensors import REMEMBERED_S
from tandem.processes.proc import (
    TICKS_A_SECOND,
    children,
    descendants,
    has_ended,
    is_below,
    read,
    stat,
)
from tandem.processes.tree import send_to_group

WALK_SHARE = 0.0004  # of a core, for walking the trees
YOUNG_SHARE, YOUNG_S = 0.01, 3.0  # and for so long after a training began
_MOST_WALKS = 20  # whoever forks faster than we look is caught at a later stop
_KEEPER = "/lib/keep.py"


class Trainings:
    """The trainings below one outer keeper.

    `members` maps the process ids of the living to when they started, in seconds on
    CLOCK_BOOTTIME, `ended` those of the last seconds to (start, end); `roots` maps those that were
    found right below a keeper to their pidfds, which a poll returns when they have ended.
    """

    def __init__(self, keeper: int, poll: select.poll) -> None:
        """Take the pid of the outer keeper, and what is to wake up when a training ends."""
        self.keeper = keeper
        self.poll = poll
        self.own_sessions: set[int] = set()  # none: the loop has not begun
        self.roots: dict[int, int] = {}
        self.members: dict[int, float] = {}
        self.ended: dict[int, tuple[float, float]] = {}
        self.known_sessions: set[int] = set()
        self.stopped_groups: set[int] = set()
        self.young_until_s = self.walked_s = -math.inf
        self.cost_s = 0.0

    # -- stopping ----------------------------------------------------------------------

    def stop(self) -> bool:
        """Stop all trainings; return whether there are any."""
        is_news = False
        for _ in range(_MOST_WALKS):
            self.stopped_groups = self.signal_groups(signal.SIGSTOP)
            is_news = self.look(whole=is_news)
            if not is_news:
                break
        return bool(self.members)

    def go_on(self) -> None:
        """Continue what `stop` stopped."""
        if not self.stopped_groups <= self.groups():  # its process that was known has ended
            self.look(whole=True)
        self.signal_groups(signal.SIGCONT)
        self.stopped_groups = set()

    def signal_groups(self, signum: int) -> set[int]:
        """Signal the groups of all known processes; return those groups."""
        groups = self.groups()
        for group in groups:
            send_to_group(group, signum)
        return groups

    def groups(self) -> set[int]:
        """Return the groups of the known processes, and forget those that have ended."""
        groups, sessions = set(), set()
        for pid in list(self.members):
            try:
                session, group = os.getsid(pid), os.getpgid(pid)
            except ProcessLookupError:
                self.forget(pid)
                continue
            if session not in self.known_sessions and not self.is_below(pid):
                self.forget(pid)  # the id is a stranger's by now
                continue
            sessions.add(session)
            groups.add(group)
        self.known_sessions = sessions
        return groups

    # -- looking -----------------------------------------------------------------------

    def look(self, whole: bool = False) -> bool:
        """Look for trainings and all below them, where that is due; return whether there is news.

        It is due where none is known, and after a training has ended; else when its cost allows.
        """
        begin_s, begin_cpu_s = boottime_s(), time.thread_time()
        share = YOUNG_SHARE if begin_s < self.young_until_s else WALK_SHARE
        if self.roots and not whole and begin_s - self.walked_s < self.cost_s / share:
            return False
        news = False
        for pid in self.below_keepers():
            news = self.add(pid, is_root=True) or news
        for pid in (*self.roots, *descendants(*self.roots)):
            news = self.add(pid) or news
        self.walked_s = begin_s
        self.cost_s = time.thread_time() - begin_cpu_s
        return news

    def below_keepers(self) -> list[int]:
        """Return who is right below a keeper or the loop, and in a session of its own."""
        if not self.own_sessions:
            self.find_sessions()
        found: list[int] = []
        keepers = [self.keeper] if self.own_sessions else []
        for keeper in keepers:
            for child in children(keeper):
                try:
                    is_own = os.getsid(child) in self.own_sessions
                except ProcessLookupError:
                    continue
                (keepers if is_own else found).append(child)
        return found

    def find_sessions(self) -> None:
        """Find the loop, which leads a session below the outer keeper's."""
        try:
            if _KEEPER in read(f"/proc/{self.keeper}/cmdline"):
                loops = [pid for pid in children(self.keeper) if os.getsid(pid) == pid]
                self.own_sessions = {os.getsid(self.keeper), loops[0]} if loops else set()
        except (OSError, IndexError):
            self.own_sessions = set()

    def add(self, pid: int, is_root: bool = False) -> bool:
        """Take a process as a training's; return whether it is a new one."""
        if pid in self.members and (not is_root or pid in self.roots):
            return False
        fields = stat(pid)
        if has_ended(fields) or (is_root and not _has_begun(pid, int(fields[1]))):
            return False
        if is_root:
            try:
                self.roots[pid] = os.pidfd_open(pid)
            except OSError:  # ended meanwhile
                return False
            self.poll.register(self.roots[pid], select.POLLIN)
            self.young_until_s = boottime_s() + YOUNG_S
        self.known_sessions.add(int(fields[3]))
        is_new = pid not in self.members
        self.members[pid] = int(fields[19]) / TICKS_A_SECOND
        return is_new

    def is_below(self, pid: int) -> bool:
        return is_below(pid, self.keeper)

    def note_end(self, pidfd: int) -> None:
        """Forget the process whose pidfd a poll returned."""
        for pid in [pid for pid, each in self.roots.items() if each == pidfd]:
            self.forget(pid)
        self.walked_s = -math.inf

    def forget(self, pid: int) -> None:
        now_s = boottime_s()
        if pid in self.roots:
            pidfd = self.roots.pop(pid)
            self.poll.unregister(pidfd)
            os.close(pidfd)
        since_s = now_s - REMEMBERED_S
        self.ended = {each: times for each, times in self.ended.items() if times[1] > since_s}
        self.ended[pid] = (self.members.pop(pid), now_s)


def _has_begun(pid: int, parent: int) -> bool:
    """Tell a training from a keeper's child that is not yet the training's program.

    Its keeper waits for it to begin, and while it waits it hears nobody.
    """
    try:
        return read(f"/proc/{pid}/cmdline") != read(f"/proc/{parent}/cmdline")
    except OSError:
        return False
