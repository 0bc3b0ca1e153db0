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
from typing import Any, NoReturn

from tandem.base.clock import awake_s, boottime_s, now, suspended_s
from tandem.base.files import write_whole
from tandem.base.variables import COOKIE, MONITOR, OUT, OWNER, OWNER_FILE
from tandem.processes.control import (
    STOP_SIGNALS,
    become,
    become_subreaper,
    catch_stop_signals,
    die_with_parent,
)
from tandem.processes.cookie import cookie
from tandem.processes.owner import inherited_fd, watch_owner
from tandem.processes.tree import LONGEST_WAIT_S, STRICT_MARGIN_S, Tree

STRICT_PERIOD_S = 0.5


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
        self.tree = Tree(0, self.note_end)
        become_subreaper()
        os.stat(f"/proc/self/task/{os.getpid()}/children")  # without it nobody would be found
        self.poll = select.poll()
        self.wakeup = catch_stop_signals(lambda *_: None)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        os.environ.pop(OWNER, None)  # bgrun and fgrun hand it to the script that started us
        self.owner_fds = watch_owner(options.owner or ())
        self.monitor = inherited_fd(MONITOR)
        for fd in (self.wakeup, *self.owner_fds):
            self.poll.register(fd, select.POLLIN)

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
            begin_s = self.start_s + self.start_took_s
            waits_s.append(begin_s + self.options.timeout - time.monotonic())
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
        self.all_ended_s = boottime_s()
        self.remove_owner_file()
        if self.ended_s is None:
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
            with open(self.options.events, "ab+", buffering=0) as file:
                size = file.seek(0, os.SEEK_END)
                torn = size and os.pread(file.fileno(), 1, size - 1) != b"\n"
                file.write((b"\n" if torn else b"") + f"{line}\n".encode())
        except OSError as error:
            self.say(f"error: {self.options.events}: {error.strerror}")

    def duration_s(self) -> float | None:
        if self.started_s is None or self.ended_s is None:
            return None
        return awake_s(self.started_s, self.ended_s, self.suspended_s)

    def report(self) -> dict[str, Any]:
        """Return what happened: seconds, memory in bytes, moments on CLOCK_BOOTTIME.

        `duration_s` is from `started_s` to `ended_s` less `suspended_s`, for which the machine was
        suspended meanwhile; `start_took_s`, from the fork to the start, is not in it.
        """
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = None if self.status is None else os.waitstatus_to_exitcode(self.status)
        return {
            "command": self.options.command,
            "clock": self.clock.readings(),
            "started_s": rounded(self.started_s),
            "ended_s": rounded(self.ended_s),
            "all_ended_s": rounded(self.all_ended_s),
            "start_took_s": round(self.start_took_s, 6),
            "suspended_s": round(self.suspended_s, 3),
            "duration_s": rounded(self.duration_s()),
            "exit_code": code if code is None or code >= 0 else None,
            "signal": None if code is None or code >= 0 else -code,
            "reason": self.reason,
            "error": self.error,
            "cpu_user_s": usage.ru_utime,
            "cpu_system_s": usage.ru_stime,
            "peak_memory_bytes": usage.ru_maxrss * 1024,
            "stop": {
                "duration_s": round(self.tree.stop_duration_s, 6),
                "terminated": named(self.tree.terminated),
                "killed": named(self.tree.killed),
                "left": named(self.tree.left),
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


def rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def named(processes: dict[int, str]) -> list[dict[str, Any]]:
    return [{"pid": pid, "name": name} for pid, name in sorted(processes.items())]
