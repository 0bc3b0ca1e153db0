"""Which process made a file: a word for its name, the same for no two processes of any host.

Hosts that share a folder may have processes of the same pid. Standard library only, and no
pathlib and re, whose imports cost a keeper time.
"""

from __future__ import annotations

import os
import time

_LONGEST_S = 86400.0  # what nobody here can tell of is left behind when it is so old


def mark() -> str:
    """Return this process as one word: BOOT-NAMESPACE-PID-START, the start in clock ticks."""
    pid = os.getpid()
    return "-".join([*_here(), str(pid), _started(pid) or "0"])


def has_ended(maker: str) -> bool | None:
    """Whether the process of such a word has ended; None: that cannot be told from here."""
    words = maker.split("-")
    if len(words) != 4 or words[:2] != _here() or not words[2].isdecimal():
        return None
    return _started(int(words[2])) != words[3]


def is_of_this_boot(maker: str) -> bool:
    """Whether the process of such a word was started since this machine's boot."""
    return maker.partition("-")[0] == _here()[0]


def is_left(path: str, maker: str) -> bool:
    """Whether nobody needs a file any more that was made to be renamed or removed soon.

    Its maker has ended, or it is of another host, boot or PID namespace, and a day old. OSError: it
    is gone.
    """
    ended = has_ended(maker)
    return time.time() - os.lstat(path).st_mtime > _LONGEST_S if ended is None else ended


def _here() -> list[str]:
    """Return what says within which boot, of one host, and PID namespace a pid means something."""
    with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
        boot = file.read(8)
    namespace = os.readlink("/proc/self/ns/pid")  # pid:[4026531836]
    return [boot, namespace[5:-1]]


def _started(pid: int) -> str:
    """Return when a process started; "": it has ended."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]
