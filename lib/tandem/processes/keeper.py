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
from itertools import takewhile
from typing import Any, NoReturn

from tandem.base.clock import moment
from tandem.base.files import write_whole
from tandem.base.variables import COOKIE, LIFELINE, MONITOR, OUT, OWNER, OWNER_FILE
from tandem.processes.control import (
    STOP_SIGNALS,
    become,
    become_subreaper,
    catch_stop_signals,
    die_with_parent,
)
from tandem.processes.cookie import cookie
from tandem.processes.proc import stat
from tandem.processes.tree import LONGEST_WAIT_S, STRICT_MARGIN_S, Tree

STRICT_PERIOD_S = 0.5


class Keeper:
    """One command, from its start to the end of the last process below it."""

    def __init__(self, options: Namespace) -> None:
        """Become a subreaper and watch signals and owner; OSError if the kernel is too old."""
        self.options = options
        self.reason = "not started"
        self.error: str | None = None
        self.stop_signal = 0
        self.status: int | None = None  # wait status of the command
        self.started: dict[str, Any] | None = None
        self.ended: dict[str, Any] | None = None
        self.all_ended: dict[str, Any] | None = None
        self.start_s = self.duration_s = 0.0
        self.tree = Tree(0, self.note_end)
        become_subreaper()
        os.stat(f"/proc/self/task/{os.getpid()}/children")  # without it nobody would be found
        self.poll = select.poll()
        self.wakeup = catch_stop_signals(lambda *_: None)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        self.owner_fds = self.watch_owner()
        self.monitor = inherited_fd(MONITOR)
        for fd in (self.wakeup, *self.owner_fds):
            self.poll.register(fd, select.POLLIN)

    def watch_owner(self) -> list[int]:
        """Return the lifeline and the owners' pidfds; a dead owner ends the keeper here."""
        lifeline = inherited_fd(LIFELINE)
        os.environ.pop(OWNER, None)  # bgrun and fgrun hand it to the script that started us
        fds = [] if lifeline is None else [lifeline]
        below = os.getpid()
        for owner in takewhile(bool, self.options.owner or [os.getppid()]):
            with contextlib.suppress(ProcessLookupError):
                fds.append(os.pidfd_open(owner))
            # Whoever died before this line has left its child to another parent.
            if stat(below)[1:2] != [str(owner)]:
                self.say("error: whoever started this has ended already")
                sys.exit(1)
            below = owner
        return fds

    # -- running -----------------------------------------------------------------------

    def start(self) -> bool:
        """Start the command in a session of its own; False if it could not be."""
        if self.options.report:
            with contextlib.suppress(OSError):  # an earlier command's would be taken for ours
                os.unlink(self.options.report)
        os.environ.setdefault(COOKIE, cookie(os.getpid()))
        os.environ.setdefault("SPT_NOENV", "1")  # setproctitle would wipe the environment
        failure, failure_in = os.pipe2(os.O_CLOEXEC)
        self.mark()
        keeper, self.start_s = os.getpid(), time.monotonic()
        self.tree.main = os.fork()
        if self.tree.main == 0:
            self.become_command(keeper, failure_in)
        os.close(failure_in)
        with os.fdopen(failure, "r", errors="replace") as pipe:
            number, _, self.error = pipe.read().partition(" ")
        self.started = moment()
        self.event("start", self.started)
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
                become(self.options.command, self.options.directory, self.options.log)
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
            waits_s.append(self.start_s + self.options.timeout - time.monotonic())
        return min(waits_s)

    def told_to_stop(self, wait_s: float) -> bool:
        """Sleep until something happens; True if a signal or the owner's end did."""
        ready = {fd for fd, _ in self.poll.poll(wait_s * 1000)}
        if self.wakeup in ready:
            signals = [signum for signum in os.read(self.wakeup, 4096) if signum in STOP_SIGNALS]
            if signals:
                self.stop_signal = signals[0]
                self.reason = f"signal {signal.Signals(self.stop_signal).name}"
                return True
        if ready.intersection(self.owner_fds):
            self.reason = "owner gone"
            return True
        return False

    def stop(self) -> None:
        """End whatever is left of the command."""
        margin_s = STRICT_MARGIN_S if self.options.strict else 0.0
        self.tree.stop(self.options.grace + margin_s, self.sleep, self.options.strict)
        self.all_ended = moment()
        self.remove_owner_file()
        if self.ended is None:
            self.note_end(None)

    def remove_owner_file(self) -> None:
        """Nobody is left to be found by it, and later writers to the log are not ours."""
        if self.options.log and not self.tree.left:
            with contextlib.suppress(OSError):
                os.unlink(os.path.join(os.path.dirname(self.options.log), OWNER_FILE))

    def sleep(self, pause_s: float) -> None:
        """Wait for the next SIGCHLD, at most this long."""
        if select.select([self.wakeup], [], [], pause_s)[0]:
            os.read(self.wakeup, 4096)

    def note_end(self, status: int | None) -> None:
        """Note when and how the command itself ended; None: it did not."""
        self.status = status
        self.duration_s = time.monotonic() - self.start_s
        self.ended = moment()
        self.mark()
        code = "" if status is None else str(self.exit_code())
        self.event("end", self.ended, code, self.reason)

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

    def event(self, what: str, when: dict[str, Any], *more: str) -> None:
        if not self.options.events:
            return
        line = "\t".join([what, str(self.options.round), f"{when['boottime_s']:.3f}", *more])
        try:
            with open(self.options.events, "ab+", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                torn = size and os.pread(file.fileno(), 1, size - 1) != b"\n"
                file.write((b"\n" if torn else b"") + f"{line}\n".encode())
        except OSError as error:
            self.say(f"error: {self.options.events}: {error.strerror}")

    def report(self) -> dict[str, Any]:
        """Return what happened; times in seconds, memory in bytes."""
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = None if self.status is None else os.waitstatus_to_exitcode(self.status)
        return {
            "command": self.options.command,
            "started": self.started,
            "ended": self.ended,
            "all_ended": self.all_ended,
            "duration_s": round(self.duration_s, 6),
            "exit_code": code if code is None or code >= 0 else None,
            "signal": None if code is None or code >= 0 else -code,
            "reason": self.reason,
            "error": self.error,
            "cpu_user_s": usage.ru_utime,
            "cpu_system_s": usage.ru_stime,
            "peak_memory_bytes": usage.ru_maxrss * 1024,
            "stop": {
                "duration_s": round(self.tree.stop_duration_s, 6),
                "terminated": people(self.tree.terminated),
                "killed": people(self.tree.killed),
                "left": people(self.tree.left),
            },
        }

    def write_report(self) -> None:
        if not self.options.report:
            return
        try:
            write_whole(self.options.report, json.dumps(self.report(), indent=1).encode())
        except OSError as error:
            self.say(f"error: {self.options.report}: {error.strerror}")

    def say(self, text: str) -> None:
        try:
            print(f"{self.options.name}: {text}", file=sys.stderr, flush=True)
        except OSError:
            pass  # the terminal is gone; the report stays

    def say_what_was_stopped(self) -> None:
        stopped = {**self.tree.terminated, **self.tree.killed}
        if self.reason == "not started" or (self.reason == "ended" and not stopped):
            return
        names = ", ".join(f"{name} {pid}" for pid, name in sorted(stopped.items())[:20])
        more = f" and {len(stopped) - 20} more" if len(stopped) > 20 else ""
        self.say(
            f"info: stopped ({self.reason}) in {self.tree.stop_duration_s:.2f} s:"
            f" {len(stopped)} process{'es' * (len(stopped) != 1)} ({names}{more}),"
            f" {len(self.tree.killed)} had to be killed"
        )

    def end(self) -> NoReturn:
        """Leave as the command did, or by the signal that stopped the keeper."""
        for pid, who in self.tree.left.items():
            self.say(
                f"error: process {pid} ({who}) did not end: not this user's, or held by a device"
            )
        if self.options.verbose:
            self.say_what_was_stopped()
        if self.stop_signal:
            signal.signal(self.stop_signal, signal.SIG_DFL)
            os.kill(os.getpid(), self.stop_signal)
        if self.reason in ("ended", "not started"):
            sys.exit(self.exit_code())
        sys.exit(124 if self.reason == "timeout" else 1)


def inherited_fd(variable: str) -> int | None:
    """Return the descriptor that a variable of the environment names, kept from the command."""
    number = os.environ.pop(variable, "")
    if not number.isdigit():
        return None
    os.set_inheritable(int(number), False)
    return int(number)


def people(processes: dict[int, str]) -> list[dict[str, Any]]:
    return [{"pid": pid, "name": name} for pid, name in sorted(processes.items())]
