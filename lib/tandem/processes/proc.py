"""What /proc says about processes. Standard library only: the keeper starts fast with it."""

from __future__ import annotations

import os
from collections.abc import Container

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


def read(path: str) -> str:
    """Return a file of /proc; not pathlib, whose import costs a keeper 8 ms."""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def children(pid: int) -> list[int]:
    """Return the direct children of a process, zombies included; [] if it is gone.

    Trees are walked over and over while a training is measured: this way (no listing of the one
    thread that most processes have, no decoding) it takes half the time.
    """
    found: list[int] = []
    folder = f"/proc/{pid}/task"
    try:
        tasks = [str(pid)] if os.stat(folder).st_nlink == 3 else os.listdir(folder)
        for task in tasks:
            file = os.open(f"{folder}/{task}/children", os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = b""
                while more := os.read(file, 4096):
                    data += more
            finally:
                os.close(file)
            found += map(int, data.split())
    except OSError:  # gone, or hidden from this user
        pass
    return found


def descendants(*pids: int, without: Container[int] = ()) -> list[int]:
    """Return every descendant of some processes, parents before their children.

    Whoever is one of `without` is left out, with all that is below it.
    """
    found: list[int] = []
    for parents in (pids, found):
        for pid in parents:
            found += [child for child in children(pid) if child not in without]
    return found


def is_below(pid: int, ancestor: int) -> bool:
    return ancestor in ancestors(pid)


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


def id_inside(pid: int) -> int:
    """Return the id that a process has in its own PID namespace; its id here if it is gone."""
    try:
        lines = read(f"/proc/{pid}/status").splitlines()
    except OSError:
        return pid
    return next((int(line.split()[-1]) for line in lines if line.startswith("NSpid:")), pid)


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


def alive(pid: int) -> bool:
    """Tell whether a process runs; a zombie has ended and only waits to be collected."""
    return not has_ended(stat(pid))


def has_ended(fields: list[str]) -> bool:
    """Tell the same of what stat() returned.

    One whose main thread has ended shows as a zombie too, and lives while other threads do.
    """
    return not fields or (fields[0] in "ZX" and int(fields[17]) < 2)


def cpu_s(pid: int) -> float:
    """Return the CPU seconds of a process and of its children that have ended; 0 if gone."""
    return sum(map(int, stat(pid)[11:15])) / TICKS_A_SECOND
