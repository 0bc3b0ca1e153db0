"""The keeper: one command, from its start to the end of the last process below it.

Standard library only, because a keeper starts with every round; lib/keep.py is its program.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import select
import signal
import sys
import time
from argparse import Namespace
from typing import NoReturn

from tandem.base.clock import boottime_s, now, suspended_s
from tandem.base.files import write_whole
from tandem.base.variables import COOKIE, MONITOR, OUT, OWNER, OWNER_FILE
from tandem.processes.control import (
    NO_SUSPENSION,
    STOP_SIGNALS,
    become,
    become_subreaper,
    catch_stop_signals,
    die_with_parent,
)
from tandem.processes.cookie import cookie
from tandem.processes.keeper_report import report_of, text_of_stop
from tandem.processes.lines import append_killed, append_line, take_killed
from tandem.processes.names import names
from tandem.processes.owner import inherited_fd, watch_owner
from tandem.processes.proc import TICKS_A_SECOND, descendants, id_inside, stat
from tandem.processes.tree import LONGEST_WAIT_S, STRICT_MARGIN_S, Tree

STRICT_PERIOD_S = 0.5
LINGER_S = 0.25  # who is left of a command for no longer than that is not worth a name


class Keeper:
    """One command, from its start to the end of the last process below it."""

    def __init__(self, options: Namespace) -> None:
        """Become a subreaper and watch signals and owner.

        OSError: the kernel is too old. OwnerError: see watch_owner.
        """
        self.options = options
        self.reason = "not started"
        self.error: str | None = None
        self.stop_signal = 0
        self.status: int | None = None  # wait status of the command
        self.clock = now()  # the one pair of readings: all else is on CLOCK_BOOTTIME
        self.started_s: float | None = None
        self.ended_s: float | None = None
        self.all_ended_s: float | None = None
        self.start_s = self.start_took_s = 0.0
        self.suspended_before_s = self.suspended_s = 0.0
        self.tree = Tree(0, self.note_end, strict=options.strict)
        self.lingered_s = 0.0  # how long anybody of a command that had ended was left
        self.lingered = dict[int, list[str]]()  # who was after LINGER_S, by all names
        self.went_on = dict[int, list[str]]()  # and who when the patience was over
        become_subreaper()
        os.stat(f"/proc/self/task/{os.getpid()}/children")  # without it nobody would be found
        self.poll = select.poll()
        self.wakeup = catch_stop_signals(lambda *_: None)
        for signum in (signal.SIGCHLD, signal.SIGTSTP, signal.SIGUSR1):
            signal.signal(signum, lambda *_: None)
        os.environ.pop(OWNER, None)  # bgrun and fgrun hand it to the script that started us
        self.owner_fds = watch_owner(options.owner or ())
        self.monitor = inherited_fd(MONITOR)
        for fd in (self.wakeup, *self.owner_fds):
            self.poll.register(fd, select.POLLIN)

    # -- running -----------------------------------------------------------------------

    def pause(self) -> bool:
        """Wait until as long after this process's own start as asked for; False: stopped meanwhile.

        The time that a keeper needs to get ready is part of the pause before its command.
        """
        begin_s = int(stat(os.getpid())[19]) / TICKS_A_SECOND
        while (wait_s := begin_s + self.options.pause - boottime_s()) > 0:
            if self.told_to_stop(min(wait_s, LONGEST_WAIT_S)):
                return False
        return True

    def start(self) -> bool:
        """Start the command in a session of its own; False if it could not be."""
        ours = [self.options.report, self.options.killed if self.options.strict else None]
        for file in filter(None, ours):
            with contextlib.suppress(OSError):  # an earlier command's would be taken for ours
                os.unlink(file)
        os.environ.setdefault(COOKIE, cookie(os.getpid()))
        os.environ.setdefault("SPT_NOENV", "1")  # setproctitle would wipe the environment
        failure, failure_in = os.pipe2(os.O_CLOEXEC)
        self.mark()
        keeper, self.start_s = os.getpid(), time.monotonic()
        self.suspended_before_s = suspended_s()
        self.tree.main = os.fork()
        if self.tree.main == 0:
            self.become_command(keeper, failure_in)
        os.close(failure_in)
        with os.fdopen(failure, "r", errors="replace") as pipe:
            number, _, self.error = pipe.read().partition(" ")
        self.started_s = boottime_s()
        self.start_took_s = time.monotonic() - self.start_s
        self.event("start", self.started_s)
        if not self.error:
            self.error, self.reason = None, "ended"
            return True
        self.status = (127 if int(number) == errno.ENOENT else 126) << 8
        os.waitpid(self.tree.main, 0)
        self.remove_owner_file()
        self.note_end(self.status)
        return False

    def become_command(self, keeper: int, failure: int) -> NoReturn:
        """In the child: die with the keeper, forget its signals, run the command."""
        try:
            os.setsid()
            die_with_parent()
            if os.getppid() == keeper:
                os.environ.update(self.command_environment())
                of = self.options
                become(of.command, of.directory, of.log, of.input)
        except (OSError, ValueError) as error:
            number = getattr(error, "errno", None) or errno.EINVAL
            os.write(failure, f"{number} {error}".encode(errors="replace"))
        finally:
            os._exit(126)

    def command_environment(self) -> dict[str, str]:
        """Return the variables that only the command gets."""
        log = self.options.log
        out = {OUT: os.path.dirname(os.path.abspath(log))} if log else {}
        return out | dict(each.split("=", 1) for each in self.options.env)

    def watch(self) -> None:
        """Wait until the command ends or something says that it must."""
        while self.status is None:
            wait_s = self.wait_s()
            if wait_s <= 0:
                self.reason = "timeout"
                return
            if self.told_to_stop(wait_s):
                return
            self.tree.reap()
            if self.options.strict:
                self.tree.kill_strays()

    def wait_s(self) -> float:
        """Return for how long nothing need be done."""
        waits_s = [LONGEST_WAIT_S, STRICT_PERIOD_S] if self.options.strict else [LONGEST_WAIT_S]
        if self.options.timeout is not None:
            begin_s = self.start_s + self.start_took_s
            waits_s.append(begin_s + self.options.timeout - time.monotonic())
        return min(waits_s)

    def told_to_stop(self, wait_s: float) -> bool:
        """Sleep until something happens; True if a signal or the owner's end did."""
        ready = {fd for fd, _ in self.poll.poll(wait_s * 1000)}
        if self.wakeup in ready:
            came = os.read(self.wakeup, 4096)
            if signal.SIGTSTP in came:
                self.say(f"warning: {NO_SUSPENSION}")
            signals = [signum for signum in came if signum in STOP_SIGNALS]
            if signals:
                self.stop_signal, self.tree.is_hurried = signals[0], signal.SIGQUIT in signals[1:]
                self.reason = f"signal {signal.Signals(self.stop_signal).name}"
                return True
        if ready.intersection(self.owner_fds):
            self.reason = "owner gone"
            return True
        return False

    def stop(self) -> None:
        """End whatever is left of the command."""
        if self.reason == "ended" and self.options.patience:
            self.let_end()
        margin_s, pids = 0.0, dict[int, int]()
        if self.options.strict:
            margin_s = STRICT_MARGIN_S
            pids = {id_inside(pid): pid for pid in descendants(os.getpid())}
        self.tree.stop(self.options.grace + margin_s, self.sleep, self.options.strict)
        self.all_ended_s = boottime_s()
        self.tell_killed(pids)
        self.remove_owner_file()
        if self.ended_s is None:
            self.note_end(None)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)  # whole now: nobody is left
        self.event("used", self.all_ended_s, f"{usage.ru_utime + usage.ru_stime:.3f}")

    def let_end(self) -> None:
        """Wait, as long as the patience is, for whoever is left of a command that has ended."""
        begin_s = time.monotonic()
        if self.somebody_is_left(begin_s + min(LINGER_S, self.options.patience)):
            self.lingered = {pid: names(pid) for pid in self.tree.everybody()}
            if self.somebody_is_left(begin_s + self.options.patience):
                self.went_on = {pid: names(pid) for pid in self.tree.everybody()}
        self.lingered_s = time.monotonic() - begin_s

    def somebody_is_left(self, until_s: float) -> bool:
        """Wait until all have ended, or a moment; False also when the keeper was told to stop."""
        while self.tree.reap():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                return True
            if self.told_to_stop(left_s):
                self.reason, self.stop_signal = "ended", 0  # the command had ended by itself
                break
        return False

    def tell_killed(self, pids: dict[int, int]) -> None:
        """Tell the keeper above who had to be killed; as that one, take what was told."""
        if not self.options.killed:
            return
        if self.options.strict:
            self.tree.killed |= take_killed(self.options.killed, pids)
            return
        try:
            append_killed(self.options.killed, self.tree.killed)
        except OSError as error:
            self.say(f"error: {self.options.killed}: {error.strerror}")

    def remove_owner_file(self) -> None:
        """Nobody is left to be found by it, and later writers to the log are not ours."""
        if self.options.log and not self.tree.left:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(os.path.dirname(self.options.log), OWNER_FILE))

    def sleep(self, pause_s: float) -> None:
        """Wait for the next SIGCHLD, at most this long; a QUIT ends the grace."""
        if select.select([self.wakeup], [], [], pause_s)[0]:
            self.tree.is_hurried |= signal.SIGQUIT in os.read(self.wakeup, 4096)

    def note_end(self, status: int | None) -> None:
        """Note when and how the command itself ended; None: it did not."""
        self.status = status
        self.ended_s = boottime_s()
        since_boot_s = suspended_s(self.suspended_before_s)
        self.suspended_s = max(0.0, round(since_boot_s - self.suspended_before_s, 3))
        self.mark()
        code = "" if status is None else str(self.exit_code())
        self.event("end", self.ended_s, code, self.reason)

    # -- telling -----------------------------------------------------------------------

    def mark(self) -> None:
        """Have the monitor write a row now: an edge of the window that is measured."""
        if self.monitor is not None:
            with contextlib.suppress(OSError):  # it has died: the rows will show that
                signal.pidfd_send_signal(self.monitor, signal.SIGUSR1)

    def exit_code(self) -> int:
        """Return the command's exit status as a shell would."""
        code = 0 if self.status is None else os.waitstatus_to_exitcode(self.status)
        return code if code >= 0 else 128 - code

    def event(self, what: str, when_s: float, *more: str) -> None:
        if not self.options.events:
            return
        line = "\t".join([what, str(self.options.round), f"{when_s:.3f}", *more])
        try:
            append_line(self.options.events, line)
        except OSError as error:
            self.say(f"error: {self.options.events}: {error.strerror}")

    def write_report(self) -> None:
        if not self.options.report:
            return
        try:
            write_whole(self.options.report, json.dumps(report_of(self), indent=1).encode())
        except OSError as error:
            self.say(f"error: {self.options.report}: {error.strerror}")

    def say(self, text: str) -> None:
        try:
            print(f"{self.options.name}: {text}", file=sys.stderr, flush=True)
        except OSError:
            pass  # the terminal is gone; the report stays

    def end(self) -> NoReturn:
        """Leave as the command did, or by the signal that stopped the keeper."""
        for pid, who in self.tree.left.items():
            self.say(
                f"error: process {pid} ({who}) did not end: not this user's, or held by a device"
            )
        if self.options.verbose and (text := text_of_stop(self)):
            self.say(f"info: {text}")
        if self.stop_signal:
            signal.signal(self.stop_signal, signal.SIG_DFL)
            os.kill(os.getpid(), self.stop_signal)
        if self.reason in ("ended", "not started"):
            sys.exit(self.exit_code())
        sys.exit(124 if self.reason == "timeout" else 1)
