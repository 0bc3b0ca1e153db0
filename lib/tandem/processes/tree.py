"""Ending a process tree, for a process that is a child subreaper. Standard library only.

Whoever loses its parent becomes our child, and only we can collect our children: a pid that we
signal cannot have been reused, and ECHILD from waitpid is the kernel's word that nobody is left.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable

from tandem.base.clock import boottime_s
from tandem.processes.proc import (
    TICKS_A_SECOND,
    alive,
    children,
    descendants,
    has_ended,
    name,
    stat,
)

KILL_DEADLINE_S = 5.0  # a process in D state does not even answer KILL
STRICT_MARGIN_S = KILL_DEADLINE_S + 0.5  # what a keeper of keepers gives those below it
KEEPER_MARGIN_S = STRICT_MARGIN_S + KILL_DEADLINE_S + 1.5  # beyond its grace, any keeper has ended
CONTINUE_PERIOD_S = 0.2  # whoever is stopped again while the tree ends, goes on so soon
LONGEST_WAIT_S = 86400.0  # poll(2) and select(2) have their limits


class Tree:
    """The command that was started in a session of its own, and everything below it.

    `terminated`, `killed` and `left` map pids to names: who was alive when the stop began, who
    had to be killed, who did not even end then. `paused_s` is for how long the command itself was
    stopped (SIGSTOP) before it ended, None where nobody saw since when; `pauses` counts how often
    it went on.
    """

    def __init__(
        self, main: int, on_main_end: Callable[[int], None], *, strict: bool = False
    ) -> None:
        """Take the pid of the command and what to call with its wait status.

        `strict`: it is a tree of keepers. Who is in the command's own session is Tandem's then, and
        only the trainings are named.
        """
        self.main = main
        self.strict = strict
        self.main_ended = False
        self.is_hurried = False  # there is no grace any more
        self.on_main_end = on_main_end
        self.terminated: dict[int, str] = {}
        self.killed: dict[int, str] = {}
        self.left: dict[int, str] = {}
        self.stop_duration_s = 0.0
        self.pauses = 0
        self.paused_s: float | None = 0.0
        self.paused_since_s: float | None = None

    def reap(self) -> bool:
        """Collect whoever has ended; False when the kernel says that nobody is left."""
        try:
            while True:
                pid, status = os.waitpid(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
                if pid == 0:
                    return True
                if pid == self.main:
                    self.note(status)
        except ChildProcessError:
            return False

    def note(self, status: int) -> None:
        """Note that the command was stopped, went on, or ended."""
        if os.WIFSTOPPED(status):
            self.paused_since_s = boottime_s()
            return
        if os.WIFCONTINUED(status):
            self.note_pause()
        else:
            self.main_ended = True
            self.on_main_end(status)

    def note_pause(self) -> None:
        """Note that the command goes on; that it was stopped may have been seen too late."""
        self.pauses += 1
        if self.paused_since_s is None:
            self.paused_s = None
        elif self.paused_s is not None:
            self.paused_s += boottime_s() - self.paused_since_s
        self.paused_since_s = None

    def kill_strays(self) -> None:
        """Kill what was adopted while the command runs: whoever kept it has died.

        What the command itself leaves when it ends is not stray: it gets its TERM and its grace.
        """
        strays = [pid for pid in self.living() if pid != self.main]
        if alive(self.main):
            self.kill_each(strays)

    def stop(self, grace_s: float, sleep: Callable[[float], None], repeat: bool = False) -> None:
        """TERM, grace, KILL, until nobody is left or the deadline for D state is over.

        `sleep(seconds)` returns early when a child ends. `repeat` sends TERM again and again to
        the command's group: the first process of a PID namespace drops what comes before its trap.
        """
        begin_s = time.monotonic()
        if self.reap():
            self.terminated = {pid: name(pid) for pid in self.everybody()}
            if not self.terminate(begin_s + grace_s, sleep, repeat):
                self.kill(time.monotonic() + KILL_DEADLINE_S, sleep)
        self.stop_duration_s = time.monotonic() - begin_s

    def terminate(self, deadline_s: float, sleep: Callable[[float], None], repeat: bool) -> bool:
        """TERM to the command's group and, once each, to the adopted; True if all ended.

        In a hurry, a tree of keepers has its trainings killed, and the keepers tell of it.
        """
        term_ticks = int(boottime_s() * TICKS_A_SECOND)
        self.signal_group(signal.SIGTERM)
        signalled = {self.main}
        pause_s, continue_s = 0.002, 0.0
        while self.reap():
            if time.monotonic() >= deadline_s or (self.is_hurried and not self.strict):
                return False
            if self.is_hurried:
                self.kill_each(self.everybody())
            for pid in set(self.living()) - signalled:
                signalled.add(pid)
                if not self.got_group_signal(pid, term_ticks):
                    send(pid, signal.SIGTERM)
                    send(pid, signal.SIGCONT)
            if time.monotonic() >= continue_s:
                continue_s = time.monotonic() + CONTINUE_PERIOD_S
                continue_tree(os.getpid())
            if repeat:
                self.signal_group(signal.SIGTERM)
            sleep(pause_s)  # an adoption gives no signal
            pause_s = min(pause_s * 1.5, 0.05)
        return True

    def got_group_signal(self, pid: int, term_ticks: int) -> bool:
        """A second TERM would break off the saving that the first one began."""
        fields = stat(pid)
        return bool(fields) and int(fields[2]) == self.main and int(fields[19]) <= term_ticks

    def kill(self, deadline_s: float, sleep: Callable[[float], None]) -> None:
        """KILL to the children, again and again: their orphans become children."""
        while self.reap():
            if time.monotonic() >= deadline_s:
                self.left = {pid: name(pid) for pid in self.living()} or {0: "unknown"}
                return
            for pid in self.everybody():
                self.killed.setdefault(pid, name(pid))  # before the first one takes it along
            self.signal_group(signal.SIGKILL)
            self.kill_each(self.living())
            sleep(0.001)

    def living(self) -> list[int]:
        return [pid for pid in children(os.getpid()) if alive(pid)]

    def everybody(self) -> list[int]:
        """Return whoever is alive below us, of keepers the trainings alone."""
        return [pid for pid in descendants(os.getpid()) if self.is_named(pid)]

    def is_named(self, pid: int) -> bool:
        """Whether a process is alive and not Tandem's own."""
        fields = stat(pid)
        return not has_ended(fields) and not (self.strict and fields[3] == str(self.main))

    def kill_each(self, pids: Iterable[int]) -> None:
        for pid in pids:
            if self.is_named(pid):
                self.killed.setdefault(pid, name(pid))
            send(pid, signal.SIGKILL)

    def has_member(self) -> bool:
        """Tell whether a descendant is in the command's group, which keeps its number taken."""
        group = [str(self.main)]
        return any(stat(pid)[2:3] == group for pid in descendants(os.getpid()))

    def signal_group(self, signum: int) -> None:
        """Signal the command's group, as long as its number cannot have become a stranger's."""
        if self.main_ended and not self.has_member():
            return
        for each in (signum, signal.SIGCONT):  # a stopped process acts on TERM when it goes on
            send_to_group(self.main, each)


def continue_tree(pid: int) -> None:
    """Continue every process below one, in whatever session, whoever stopped it.

    A parent that was told to end may wait for a child that is not told itself. Those that do not
    look stopped too: on a busy machine one may not have got to its SIGSTOP, which this takes back.
    """
    for each in descendants(pid):
        send(each, signal.SIGCONT)


def send(pid: int, signum: int) -> None:
    """Signal a process; one that has ended meanwhile is no error."""
    try:
        os.kill(pid, signum)
    except (ProcessLookupError, PermissionError):
        pass


def send_to_group(group: int, signum: int) -> None:
    """Signal a process group; one that has ended, or is another user's, is no error."""
    try:
        os.killpg(group, signum)
    except (ProcessLookupError, PermissionError):
        pass


def kill_children() -> tuple[dict[int, str], dict[int, str]]:
    """KILL every child of this process, a subreaper, and whatever it adopts meanwhile.

    Returns who was killed and who is still alive, as pid: name.
    """
    orphans = Tree(0, lambda _status: None)
    orphans.main_ended = True  # there is no command, and so no group to signal
    orphans.kill(time.monotonic() + KILL_DEADLINE_S, time.sleep)
    return orphans.killed, orphans.left
