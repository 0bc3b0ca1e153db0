"""What a training holds of the machine's memory: its share of every page (PSS).

A page that eight processes share counts an eighth for each, so that a sum over processes is true.
The kernel walks all pages for that, which takes long where there are many: so it is asked seldom.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence

from tandem.measure.rows import ROLES
from tandem.measure.sampling.roles import Trees

SHARE = 0.001  # of one core's time that looking may take, but for
CREDIT_S = 0.05  # at most so much at once, for what has just begun, or has changed
_CHANGE = 0.05  # of the largest process, relative


class Memory:
    """The memory of both roles; `reasons` says of a role why it is not known."""

    def __init__(self, trees: Trees) -> None:
        self.trees = trees
        self.reasons: dict[str, str] = {}
        self.looked_s, self.cost_s = -math.inf, 0.0
        self.credit_s, self.credited_s = CREDIT_S, math.inf
        self.sizes: list[tuple[int, float]] = []

    def look(self, now_s: float) -> dict[str, float]:
        """Return the MiB of each role by now; {} where it is not time to look.

        The trees have just been looked at.
        """
        pids = {role: self.trees.living(role) for role in ROLES}
        if not any(pids.values()) or not self.is_due(now_s, pids):
            return {}
        begin_s = time.thread_time()
        found_mib = {}
        for role in ROLES:
            if role not in self.reasons and pids[role]:
                try:
                    found_mib[role] = pss_mib(pids[role])
                except (OSError, ValueError) as error:
                    why = error.strerror if isinstance(error, OSError) else str(error)
                    place = getattr(error, "filename", None) or "smaps_rollup"
                    self.reasons[role] = f"{place}: {why}"
        self.looked_s, self.cost_s = now_s, time.thread_time() - begin_s
        self.credit_s -= self.cost_s
        return found_mib

    def is_due(self, now_s: float, pids: Mapping[str, Sequence[int]]) -> bool:
        """Whether to look again: there is credit, and much has changed or much time gone by."""
        self.credit_s += SHARE * max(now_s - self.credited_s, 0.0)
        self.credit_s, self.credited_s = min(self.credit_s, CREDIT_S), now_s
        sizes = [(len(pids[role]), self.trees.uses[role].largest_rss_mib) for role in ROLES]
        is_long_ago = now_s - self.looked_s >= self.cost_s / SHARE
        if not is_long_ago and (self.credit_s < self.cost_s or not _differ(sizes, self.sizes)):
            return False
        self.sizes = sizes
        return True


def _differ(sizes: Sequence[tuple[int, float]], before: Sequence[tuple[int, float]]) -> bool:
    """Whether the number of processes, or the largest of them, is another than before."""
    if not before:
        return True
    return any(
        count != count_before or abs(mib - mib_before) > _CHANGE * mib_before
        for (count, mib), (count_before, mib_before) in zip(sizes, before, strict=True)
    )


def pss_mib(pids: Iterable[int]) -> float:
    """Return the share of processes in the machine's memory; who has ended meanwhile has none.

    OSError: it may not be read (another user's process), or the kernel is too old.
    """
    kib = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", encoding="ascii", errors="replace") as file:
                kib += next((int(line.split()[1]) for line in file if line[:4] == "Pss:"), 0)
        except ProcessLookupError:
            continue
        except FileNotFoundError:
            if _is_there(pid):
                raise
    return kib / 1024


def _is_there(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat"):
            return True
    except OSError:
        return False
