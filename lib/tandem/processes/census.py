"""Who is there that should not be: what an owner left behind, who holds a GPU.

Every process below an owner (the driver, or a keeper started by hand) carries a cookie in its
environment: the owner's realm (boot, PID namespace, locks), pid and start time, and a label. The
keeper also writes it beside the log that it gives a training, for those that clear their
environment. A process whose cookie names an owner that is gone has been left behind.
"""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from glob import glob, iglob
from itertools import chain
from pathlib import Path

from tandem.base.files import open_log
from tandem.base.variables import COOKIE, OWNER_FILE
from tandem.processes.cookie import realm
from tandem.processes.proc import alive, ancestors, has_ended, name, read, stat
from tandem.processes.tree import KEEPER_MARGIN_S, KILL_DEADLINE_S

COOKIE_FORM = re.compile(
    r"(?P<realm>[^/]*/[^/]*/[^/]*)/(?P<owner>[0-9]{1,10})/(?P<start>[0-9]{1,20})(/|$)"
)
# While bash reads a variable of its environment, a 0 is in the place of the "=".
COOKIE_ENTRY = re.compile(rb"(?:^|\0)%b[=\0]([^\0]*)" % COOKIE.encode())
ROUND_LOG = re.compile(r".*/run_\d+\.log", re.DOTALL)
EXEC_DEADLINE_S = 1.0
LONGEST_ENVIRONMENT = 8 << 20  # Linux takes up to 6 MiB


@dataclass(frozen=True)
class Found:
    """A process, by its pid, name and cookie ("" where it has none)."""

    pid: int
    name: str
    cookie: str = ""


def process_ids() -> list[int]:
    return [int(entry) for entry in os.listdir("/proc") if entry.isdigit()]


def cookie_of(pid: int, until_s: float | None = None) -> str:
    """Return the cookie in a process's environment; "" without one, or without the right."""
    match = COOKIE_ENTRY.search(environment(pid, until_s))
    return match[1].decode(errors="replace") if match else ""


def environment(pid: int, until_s: float | None = None) -> bytes:
    """Return a process's environment, each entry ended by a 0; b"" without one, or the right.

    In the middle of execve(2) the kernel shows none, and who is there must not be overlooked: this
    waits until it is through, but not beyond `until_s` on the monotonic clock (a second from now).
    """
    until_s = time.monotonic() + EXEC_DEADLINE_S if until_s is None else until_s
    while True:
        # That of any thread: the main one may have ended, or another be the one that calls execve.
        for path in chain([f"/proc/{pid}/environ"], iglob(f"/proc/{pid}/task/*/environ")):
            try:
                with open(path, "rb", buffering=0) as file:
                    found = file.read(LONGEST_ENVIRONMENT)  # at once: an exec cuts it off
            except (FileNotFoundError, ProcessLookupError):  # this thread has ended
                continue
            except OSError:  # forbidden, or not in memory any more
                return b""
            if found:
                return found
        if has_no_environment(stat(pid)) or time.monotonic() > until_s:
            return b""
        time.sleep(0.0005)


def has_no_environment(fields: list[str]) -> bool:
    """Tell whether a process has ended or ends, is the kernel's, or was given none, by its stat."""
    if has_ended(fields):
        return True
    has_memory, threads = fields[20] != "0", int(fields[17])
    if not has_memory and threads < 2:
        return True
    is_through = fields[23] != "0"  # where its code begins: what execve(2) writes last
    return is_through and fields[47] == fields[48]  # where its environment begins and ends


def log_cookie_of(pid: int) -> str:
    """Return the cookie that lies beside the log which a process writes to; "" without one."""
    for descriptor in (1, 2):
        try:
            log = os.readlink(f"/proc/{pid}/fd/{descriptor}")
            if os.path.basename(log) == "training.log" or ROUND_LOG.fullmatch(log):
                with open_log(Path(log).with_name(OWNER_FILE)) as file:
                    return file.read(4096).decode(errors="replace").strip()
        except OSError:
            continue
    return ""


def mark_of(pid: int, until_s: float | None = None) -> str:
    return cookie_of(pid, until_s) or log_cookie_of(pid)


def marked() -> Iterator[Found]:
    """Yield every living process that has a cookie, but not this one nor who is above it."""
    spared = {os.getpid(), *ancestors(os.getpid())}
    until_s = time.monotonic() + EXEC_DEADLINE_S  # for all together: some may never show theirs
    for pid in process_ids():
        cookie = mark_of(pid, until_s)
        if cookie and pid not in spared and alive(pid):
            yield Found(pid, name(pid), cookie)


def owner_is_gone(cookie: str) -> bool:
    """Tell whether a cookie's owner has ended; False where that cannot be known from here."""
    match = COOKIE_FORM.match(cookie)
    if not match or match["realm"] != realm():
        return False
    fields = stat(int(match["owner"]))
    return has_ended(fields) or fields[19] != match["start"]


def leftovers() -> list[Found]:
    """Return what earlier runs left behind: alive, and its owner is gone."""
    return [found for found in marked() if owner_is_gone(found.cookie)]


def below(cookie: str) -> list[Found]:
    """Return the living processes that carry exactly this cookie."""
    return [found for found in marked() if found.cookie == cookie]


def let_keepers_finish(found: list[Found]) -> None:
    """Wait for the keepers among them: a keeper that lives is just ending what is its own.

    Killing it would break off the saving that its TERM began, and free what it holds.
    """
    keepers = {process.pid: grace_s(process.pid) for process in found}
    waits_s = [grace + KEEPER_MARGIN_S for grace in keepers.values() if grace is not None]
    deadline_s = time.monotonic() + max(waits_s, default=0.0)
    pids = [pid for pid, grace in keepers.items() if grace is not None]
    while time.monotonic() < deadline_s and any(map(alive, pids)):
        time.sleep(0.02)


def grace_s(pid: int) -> float | None:
    """Return the grace that a keeper was started with, None if a process is no keeper."""
    try:
        words = read(f"/proc/{pid}/cmdline").split("\0")
        if not any(word.endswith("lib/keep.py") for word in words):
            return None
        return float(words[words.index("--grace") + 1])
    except (OSError, ValueError, IndexError):
        return None


def remove(found: list[Found]) -> list[Found]:
    """Kill processes, each only if its pid still carries the cookie; return who is left."""
    let_keepers_finish(found)
    until_s = time.monotonic() + EXEC_DEADLINE_S
    for process in found:
        try:
            pidfd = os.pidfd_open(process.pid)
        except OSError:
            continue
        try:
            if mark_of(process.pid, until_s) == process.cookie:
                signal.pidfd_send_signal(pidfd, signal.SIGKILL)
        except OSError:
            pass
        finally:
            os.close(pidfd)
    deadline_s = time.monotonic() + KILL_DEADLINE_S
    while time.monotonic() < deadline_s and any(alive(process.pid) for process in found):
        time.sleep(0.002)
    return [process for process in found if alive(process.pid)]


def remove_all(cookie: str | None = None) -> tuple[list[Found], list[Found]]:
    """Kill until none is left: what earlier runs left, or all that carries one cookie.

    Returns who was found and who is still alive.
    """
    everyone: dict[int, Found] = {}
    found: list[Found] = []
    for _ in range(10):  # what forks while it is killed has children that carry the cookie too
        found = leftovers() if cookie is None else below(cookie)
        if not found:
            break
        everyone.update((process.pid, process) for process in found)
        remove(found)
    return list(everyone.values()), [process for process in found if alive(process.pid)]


def device_holders(pattern: str = "/dev/nvidia*") -> list[Found]:
    """Return who else has a device file open, as far as this user may see it."""
    devices = set(glob(pattern))
    if not devices:
        return []
    others = [pid for pid in process_ids() if pid != os.getpid()]
    return [Found(pid, name(pid)) for pid in others if devices & open_files(pid)]


def open_files(pid: int) -> set[str]:
    files: set[str] = set()
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return files  # gone, or somebody else's
    for descriptor in descriptors:
        try:
            files.add(os.readlink(f"/proc/{pid}/fd/{descriptor}"))
        except OSError:
            continue  # closed meanwhile
    return files
