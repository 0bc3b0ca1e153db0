"""What /proc says about processes. Standard library only: the keeper starts fast with it."""

from __future__ import annotations

import ctypes
import os
import signal
import zlib
from collections.abc import Callable
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT)
OWNER = "TANDEM_OWNER"  # the pid of the parent that bgrun and fgrun had at their start
LIFELINE = "TANDEM_LIFELINE_FD"  # the number of a pipe whose other end only the owner holds
MONITOR = "TANDEM_MONITOR_FD"  # the number of a pidfd of the monitor that samples meanwhile
OUT = "TANDEM_OUT"  # in the environment of a training: the folder of its log
LOCKS = "TANDEM_LOCKS"  # the folder of the lock files
COOKIE = "TANDEM_COOKIE"  # in the environment of every process that has an owner
VISIBLE = "CUDA_VISIBLE_DEVICES"
OWNER_FILE = "owner"  # the same beside its log, for those that clear their environment


def read(path: str) -> str:
    """Return a file of /proc; not pathlib, whose import costs a keeper 8 ms."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def children(pid: int) -> list[int]:
    """Return the direct children of a process, zombies included; [] if it is gone."""
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, read(f"/proc/{pid}/task/{task}/children").split())
    except OSError:  # gone, or hidden from this user
        pass
    return found


def descendants(pid: int) -> list[int]:
    """Return every descendant of a process, parents before their children."""
    found = children(pid)
    for child in found:
        found += children(child)
    return found


def ancestors(pid: int) -> list[int]:
    """Return the parent of a process, its parent, and so on, as far as they can be seen."""
    found: list[int] = []
    while (fields := stat(found[-1] if found else pid)) and int(fields[1]) > 0:
        found.append(int(fields[1]))
    return found


def stat(pid: int) -> list[str]:
    """Return /proc/PID/stat from the state on ([0] state, [1] ppid, [2] pgrp, [3] session,
    [17] threads, [19] start time in clock ticks since boot); [] if the process is gone."""
    fields: list[str] = []
    for _ in range(2):
        try:
            fields = read(f"/proc/{pid}/stat").rpartition(")")[2].split()
        except OSError:  # gone, or hidden from this user
            return []
        if fields[17] != "0":  # else its thread that called execve takes its place just now
            break
    return fields


def name(pid: int) -> str:
    """Return the command name of a process, "?" if it is gone."""
    try:
        return read(f"/proc/{pid}/comm").rstrip("\n")
    except OSError:  # gone, or hidden from this user
        return "?"


def user(pid: int) -> str:
    """Return whose process it is, "?" if it is gone; a number where nobody has that name."""
    import pwd  # no keeper needs it

    try:
        uid = os.stat(f"/proc/{pid}").st_uid
    except OSError:
        return "?"
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def lock_folder() -> str:
    """Return where the lock files are: /tmp, where all users meet, unless told otherwise."""
    return os.environ.get(LOCKS, "/tmp")


def realm() -> str:
    """Return within what an owner's pid means something, and whose business its processes are.

    Boot id, PID namespace, and the folder of the locks: runs that do not know of each other's
    locks (a test's, say) leave each other's processes alone.
    """
    boot = read("/proc/sys/kernel/random/boot_id").strip()
    locks = zlib.crc32(os.fsencode(lock_folder()))
    return f"{boot}/{os.readlink('/proc/self/ns/pid')}/{locks:08x}"


def cookie(pid: int) -> str:
    """Return what marks the processes of an owner: its realm, pid and start time."""
    return f"{realm()}/{pid}/{stat(pid)[19]}"


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie has ended and only waits to be collected."""
    return not has_ended(stat(pid))


def has_ended(fields: list[str]) -> bool:
    """Tell the same of what stat() returned.

    One whose main thread has ended shows as a zombie too, and lives while other threads do.
    """
    return not fields or (fields[0] in "ZX" and int(fields[17]) < 2)


def become(command: list[str], directory: str, log: str | None) -> None:
    """Replace this process by a command: default signals, no input, output appended to a log.

    OSError, naming the file, where something of it cannot be had.
    """
    for signum in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
        signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
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


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended; 0 if gone."""
    return sum(map(int, stat(pid)[11:15])) / os.sysconf("SC_CLK_TCK")


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
