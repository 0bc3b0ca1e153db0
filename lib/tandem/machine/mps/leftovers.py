"""What killed owners left of their daemons: ended by its folder, and the folder removed.

Programs of MPS are ours where their environment names a folder whose name says that this user's
Tandem made it, and whose maker has ended on this machine since its boot. All else is left alone,
above all a daemon on the default path. A folder of another boot has no processes here any more. It
goes when it is so old that it cannot be in use on another machine, which may share the disk.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator

from tandem.base.makers import has_ended, is_of_this_boot
from tandem.machine.mps.folder import PIPE, MpsFolder, folders_here
from tandem.processes.census import Found, environment, process_ids
from tandem.processes.proc import alive, name
from tandem.processes.tree import KILL_DEADLINE_S

_NAME = "nvidia-cuda-mps"  # as the kernel cuts the names of both programs
_LONGEST_S = 30 * 86400.0  # no attempt takes longer


def remove_left() -> tuple[list[Found], list[Found]]:
    """End what belongs to folders whose maker has ended, and remove these.

    Return who was found, and who cannot be ended: the folder of that one stays.
    """
    found: list[Found] = []
    left: list[Found] = []
    for folder in list(folders_here()):
        if is_left(folder):
            ended, alive_still = end_programs(folder)
            found, left = found + ended, left + alive_still
            if not alive_still:
                folder.remove()
    return found, left


def is_left(folder: MpsFolder) -> bool:
    """Whether nobody needs a folder any more."""
    maker = folder.path.name.split(".")[1]
    if is_of_this_boot(maker):
        return bool(has_ended(maker))
    try:
        return time.time() - folder.path.lstat().st_mtime > _LONGEST_S
    except OSError:
        return False


def end_programs(folder: MpsFolder) -> tuple[list[Found], list[Found]]:
    """Kill the programs of MPS that belong to a folder; return them, and who cannot be ended."""
    every: dict[int, Found] = {}
    deadline_s = time.monotonic() + KILL_DEADLINE_S
    while now := list(programs_of(folder)):
        every.update((each.pid, each) for each in now)
        if time.monotonic() >= deadline_s:
            return list(every.values()), now
        for each in now:
            _kill(each.pid, folder)
        time.sleep(0.01)
    return list(every.values()), []


def programs_of(folder: MpsFolder) -> Iterator[Found]:
    """Yield the living programs of MPS that belong to a folder."""
    for pid in process_ids():
        if (found := name(pid)).startswith(_NAME) and _belongs(pid, folder) and alive(pid):
            yield Found(pid, found)


def _belongs(pid: int, folder: MpsFolder) -> bool:
    variable = f"{PIPE}={folder.pipe}".encode()
    return variable in environment(pid).split(b"\0")


def _kill(pid: int, folder: MpsFolder) -> None:
    """Kill a process if it is still the one that was found."""
    try:
        pidfd = os.pidfd_open(pid)
    except OSError:
        return
    try:
        if _belongs(pid, folder):
            signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    except OSError:
        pass
    finally:
        os.close(pidfd)
