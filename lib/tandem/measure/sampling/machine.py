"""The machine as a whole, from /proc: CPU time, swap, pressure; and what of it is this run's own.

All are sums since some moment, so that a window's part is a difference. CPU time that is neither
idle nor own is that of others. Own is what all processes of the run have used: of those that have
ended, their parents know it, up to the run's own process, whom all come back to.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator

from tandem.measure.rows import MACHINE_COLUMNS, number
from tandem.measure.sampling.files import Csv
from tandem.measure.sampling.roles import Root, Trees
from tandem.processes.proc import TICKS_A_SECOND, descendants, stat

_SHARE = 0.0005  # of one core's time that reading may take
_MOST_BYTES = 8192  # what is sought stands before that
_MIB_A_PAGE = os.sysconf("SC_PAGE_SIZE") / 1024 / 1024
_CPU = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")  # guest is in user
_BUSY = ("user", "nice", "system")  # interrupts are nobody's
_PRESSURE = {
    "cpu": ("some",),  # for all of a machine, "full" is always 0
    "memory": ("some", "full"),
    "io": ("some", "full"),
}


class Machine:
    """The file of the machine; `proc` is where /proc is, `run` the process above all of a run.

    `reason` says why others' CPU time is not known (any more); None: it is.
    """

    def __init__(self, proc: str, folder: str, run: int | None, trees: Trees) -> None:
        self.proc, self.trees = proc, trees
        self.own = Own(run, trees)
        self.csv = Csv(os.path.join(folder, "machine.csv"), MACHINE_COLUMNS)
        self.read_s, self.cost_s = -math.inf, 0.0
        self.cells: dict[str, str] = {}
        place = os.path.join(proc, "stat")
        self.missing = None if self.text("stat") else f"{place} cannot be read"

    def read(self, kind: str, at_s: float) -> None:
        """Read what goes into the next row; right after this the trees are looked at."""
        self.cells = {}
        if not kind and at_s - self.read_s < self.cost_s / _SHARE:
            return
        begin_s = time.thread_time()
        self.cells = {name: number(value, 4) for name, value in self.values()}
        self.own.begin()
        self.read_s, self.cost_s = at_s, time.thread_time() - begin_s

    def put_row(self, kind: str, at_s: float, has_looked: bool) -> None:
        """Write what was read; nothing where it was not time to read."""
        if not self.cells:
            return
        if has_looked:
            self.cells["own_cpu_s"] = number(self.own.used_s(), 2)
        self.csv.put({"boottime_s": f"{at_s:.4f}", "kind": kind, **self.cells})

    def values(self) -> Iterator[tuple[str, float]]:
        """Yield what /proc says, as far as it says anything."""
        line = self.text("stat").partition("\n")[0].split()
        ticks = dict(zip(_CPU, map(int, line[1:]), strict=False))
        if len(ticks) == len(_CPU) and line[0] == "cpu":
            yield "total_cpu_s", sum(ticks.values()) / TICKS_A_SECOND
            yield "busy_cpu_s", sum(ticks[name] for name in _BUSY) / TICKS_A_SECOND
            yield "steal_cpu_s", ticks["steal"] / TICKS_A_SECOND
        swapped = self.text("vmstat").partition("\npswpin ")[2]
        if swapped:
            yield "swapped_in_mib", int(swapped.partition("\n")[0]) * _MIB_A_PAGE
        for what, kinds in _PRESSURE.items():
            for line in map(str.split, self.text(f"pressure/{what}").splitlines()):
                if line[0] in kinds:
                    yield f"{what}_{line[0]}_s", int(line[-1].removeprefix("total=")) / 1e6

    def text(self, name: str) -> str:
        try:
            with open(os.path.join(self.proc, name), "rb", buffering=0) as file:
                return file.read(_MOST_BYTES).decode("ascii", "replace")
        except OSError:  # a kernel without it
            return ""

    @property
    def reason(self) -> str | None:
        return self.missing or self.own.reason


class Own:
    """What a run has used of the CPUs: its own process, and all that are or were below it."""

    def __init__(self, run: int | None, trees: Trees) -> None:
        self.trees = trees
        self.root = None if run is None else Root("own", run, "")
        self.rest_s = 0.0

    @property
    def reason(self) -> str | None:
        """Return why it is not known; None: it is."""
        if self.root is None:
            return "the monitor was not given the process of this run (--run)"
        if self.trees.deaf:
            pid, name = next(iter(self.trees.deaf.items()))
            return (
                f"process {pid} ({name}) of this run ignores the end of its children (SIGCHLD),"
                " whose CPU time is lost then"
            )
        return None

    def begin(self) -> None:
        """Add up those outside the trainings' trees; these are looked at next.

        In this order nobody is counted twice who ends meanwhile. One who ends may be missing once.
        """
        if self.root:
            pids = (self.root.pid, *descendants(self.root.pid, without=self.trees.roots))
            self.rest_s = sum(sum(map(int, stat(pid)[11:15])) for pid in pids) / TICKS_A_SECOND

    def used_s(self) -> float | None:
        """Return the CPU seconds, right after the trees were looked at; None: not known."""
        if self.root is None or self.trees.deaf:
            return None
        self.root.count(self.rest_s + sum(each.seen_s for each in self.trees.roots.values()))
        return self.root.cpu_s
