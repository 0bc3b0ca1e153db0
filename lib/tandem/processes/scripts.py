"""Starting the scripts of bin/ and waiting for them without using the processor.

The scripts are started through `sh`. Each gets a lifeline: the read end of a pipe whose other end
only this process holds, so that its keeper notices our end however it comes.
"""

from __future__ import annotations

import math
import os
import select
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.base.files import last_lines
from tandem.base.variables import LIFELINE, MONITOR
from tandem.processes.proc import children, has_ended, stat
from tandem.processes.tree import KEEPER_MARGIN_S, LONGEST_WAIT_S, send

_HURRY_PERIOD_S = 0.1


@dataclass
class Script:
    """A script that was started; `pid` is that of the process it turns into.

    That is a keeper, or, of bin/fgrun, the shell that waits for its keeper: both end by TERM, and
    only after everything that they have started.
    """

    pid: int
    pidfd: int
    lifeline: int
    running: Any  # sh.RunningCommand

    def ended(self) -> bool:
        return bool(select.select([self.pidfd], [], [], 0)[0])

    def signal(self, signum: int) -> None:
        try:
            signal.pidfd_send_signal(self.pidfd, signum)
        except OSError:  # it has ended
            pass

    def close(self) -> int:
        """Collect the exit status of a script that has ended (-N: ended by signal N)."""
        import sh

        try:
            self.running.wait()
        except sh.ErrorReturnCode:
            pass
        os.close(self.pidfd)
        os.close(self.lifeline)
        return int(self.running.process.exit_code)


def start(
    path: Path,
    arguments: Sequence[str],
    log: Path,
    environment: Mapping[str, str],
    monitor: int | None = None,
) -> Script:
    """Start a script in a session of its own, with its messages appended to a log.

    `monitor` is the pidfd of the monitor that is to mark the edges of what the script runs.
    """
    import sh

    lifeline_out, lifeline = os.pipe()
    handed = {LIFELINE: lifeline_out} | ({} if monitor is None else {MONITOR: monitor})
    for descriptor in handed.values():
        os.set_inheritable(descriptor, True)
    with open(os.devnull) as nothing, open(log, "ab") as messages:
        running = sh.Command(str(path))(
            *arguments,
            _bg=True,
            _bg_exc=False,
            _in=nothing,
            _out=messages,
            _err=messages,
            _new_session=True,  # a Ctrl-C is for the driver alone
            _pass_fds=set(handed.values()),
            _env={**environment, **{name: str(fd) for name, fd in handed.items()}},
            _return_cmd=True,
        )
    os.close(lifeline_out)
    return Script(running.pid, _pidfd(running.pid), lifeline, running)


def _pidfd(pid: int) -> int:
    """Return what becomes readable when a child ends; sh may have collected it already."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        ended, other_end = os.pipe()
        os.close(other_end)
        return ended


class Hurry:
    """Whether everything of this process is to end without any grace, from `since_s` on.

    That is on the monotonic clock.
    """

    def __init__(self) -> None:
        self.since_s = math.inf

    @property
    def is_on(self) -> bool:
        return time.monotonic() >= self.since_s

    def begin(self, at_s: float) -> None:
        """Let it begin at a moment, unless it begins earlier."""
        self.since_s = min(self.since_s, at_s)

    def left_s(self) -> float:
        return max(0.0, self.since_s - time.monotonic())

    def end(self) -> None:
        self.since_s = math.inf


HURRY = Hurry()


def end_script(script: Script, grace_s: float) -> int:
    """TERM to a script, KILL if it does not end in time; return its exit status.

    In a hurry, also one that comes meanwhile, its keeper is told to kill (QUIT behind TERM), again
    and again: of two signals a shell may lose one.
    """
    script.signal(signal.SIGTERM)
    wait_s = min(grace_s + KEEPER_MARGIN_S, LONGEST_WAIT_S)
    deadline_s = time.monotonic() + wait_s
    while not select.select([script.pidfd], [], [], _HURRY_PERIOD_S)[0]:
        if HURRY.is_on:
            script.signal(signal.SIGQUIT)
        if time.monotonic() >= deadline_s:
            script.signal(signal.SIGKILL)
            break
    status = script.close()
    end_orphans(script.pid, wait_s)
    return status


def end_orphans(session: int, wait_s: float) -> None:
    """Wait for a keeper that has lost its script, and was adopted by this subreaper; then KILL it.

    It has noticed, and gives what is below it its grace. Nothing may begin before that has ended.
    """
    deadline_s = time.monotonic() + wait_s
    while orphans := [pid for pid in children(os.getpid()) if is_in(session, pid)]:
        if time.monotonic() >= deadline_s:
            for pid in orphans:
                send(pid, signal.SIGKILL)
            return
        for pid in orphans if HURRY.is_on else ():
            send(pid, signal.SIGQUIT)
        time.sleep(0.01)


def is_in(session: int, pid: int) -> bool:
    """Whether a process is alive and in a session."""
    fields = stat(pid)
    return not has_ended(fields) and fields[3] == str(session)


def last_words(status: int, log: Path) -> str:
    """Return how a script ended, by its exit status, and the last error that its log tells of."""
    how = f"exit code {status}" if status >= 0 else f"ended by signal {-status}"
    errors = [line for line in last_lines(log, 20) if ": error: " in line]
    return "; ".join([how, *errors[-1:]])
