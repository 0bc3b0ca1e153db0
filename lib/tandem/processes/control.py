"""What a process asks of the kernel for itself: signals, parents, another program.

Standard library only: the keeper starts fast with it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from tandem.base.variables import COOKIE, OWNER_FILE

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
NO_SUSPENSION = "Ctrl-Z is ignored while trainings run: Ctrl-C ends them (under make after `fg`)"


def become(command: list[str], directory: str, log: str | None, given: str = os.devnull) -> None:
    """Replace this process by a command: default signals, output appended to a log.

    `given` is the file that its input comes from.

    OSError, naming the file, where something of it cannot be had.
    """
    for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.dup2(os.open(given, os.O_RDONLY), 0)
    if log:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666)
        os.dup2(output, 1)
        os.dup2(output, 2)
        with open(os.path.join(os.path.dirname(log), OWNER_FILE), "w") as file:
            file.write(os.environ.get(COOKIE, ""))
    os.chdir(directory)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise OSError(error.errno, error.strerror, command[0]) from None


def prctl(option: int, value: int) -> None:
    """Call prctl(2); OSError where the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl")


def become_subreaper() -> None:
    """Make this process the parent of every orphan among its descendants."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def die_with_parent(signum: int = signal.SIGKILL) -> None:
    """Get a signal when the parent dies; the caller checks that it has not died before."""
    prctl(PR_SET_PDEATHSIG, signum)


def catch_stop_signals(handler: Callable[[int, Any], None]) -> int:
    """Handle what asks a process to stop, but not HUP under nohup.

    Returns the read end of a pipe that gets the number of every signal with a handler.
    """
    wakeup, wakeup_in = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wakeup_in, warn_on_full_buffer=False)
    for signum in STOP_SIGNALS:
        if signum != signal.SIGHUP or signal.getsignal(signum) != signal.SIG_IGN:
            signal.signal(signum, handler)
    return wakeup


def end_by(signum: int) -> NoReturn:
    """End as whoever sent the signal expects: by that signal."""
    sys.stderr.flush()
    signal.signal(signum, signal.SIG_DFL)
    os.kill(os.getpid(), signum)
    os._exit(128 + signum)  # the first process of a container is not ended by signals
