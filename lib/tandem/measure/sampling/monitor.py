"""The monitor: takes samples and writes rows until it is told to stop. lib/powermon.py starts it.

Samples lie on a fixed grid of moments: one that is late is taken late, and none is made up for.
The grid is a little finer than asked for: a load that repeats every three samples, say, would for
ever show the same three moments of itself, and its trapezoid could be wrong by 15 %. Nothing of
what was sampled stays in memory.
"""

from __future__ import annotations

import copy
import math
import os
import select
import signal
import time
from argparse import Namespace
from contextlib import ExitStack
from typing import Any

from tandem.base.clock import boottime_s, suspended_s
from tandem.base.variables import VISIBLE
from tandem.measure.rows import ROLES, SUSPENDED, cpu_columns, number
from tandem.measure.sampling.files import Csv, Report
from tandem.measure.sampling.gpu import HUNT_PERIOD_S, SampledGpu
from tandem.measure.sampling.machine import Machine
from tandem.measure.sampling.memory import Memory
from tandem.measure.sampling.places import Places
from tandem.measure.sampling.rapl import Rapl
from tandem.measure.sampling.roles import ROW_SHARE, SAMPLE_SHARE, Trees
from tandem.measure.sampling.strangers import COLUMNS, Occupants
from tandem.nvml import devices as nvml
from tandem.nvml.binding import NvmlError, opened, versions
from tandem.nvml.presence import has_gpu, words_of
from tandem.processes.control import STOP_SIGNALS, catch_stop_signals
from tandem.processes.owner import parent_at_start, watch_owner

ORDER = "CUDA_DEVICE_ORDER"

# Of an interval. Sampled so, square waves of 0.3 to 3 s that are a multiple of 0.05 s give their
# energy within 1 % in 20 s, which is about the best of the steps between 0.9 and 1 (simulated).
_STEP = 0.981
_WAKEUP_BYTES = 65536


class Sampler:
    """What one bin/powermon does, from its first row to its last."""

    def __init__(self, options: Namespace, stack: ExitStack) -> None:
        """Find the sensors and begin the files; `stack` will close NVML.

        OSError: a file cannot be written. UnknownGpuError, NvmlError: there is no such GPU.
        """
        self.interval_s, self.period_s = options.interval, options.row
        self.step_s = _STEP * self.interval_s
        self.is_row_asked = self.is_stopping = False
        self.listen()
        self.report = Report(options.out)
        self.facts = {"interval_s": self.interval_s, "row_s": self.period_s}
        self.facts |= {"driver": None, "nvml_version": None, "gpus_reason": None}
        self.facts["has_gpu"] = None  # not known
        self.others: list[nvml.Device] = []  # those of this machine that are not sampled
        devices = self.find_gpus(options.gpus, stack)
        self.trees = Trees(os.path.join(options.out, "trees.tsv"))
        for role in ROLES:
            for pid in getattr(options, role):
                self.trees.add(role, pid)
        strangers = Csv(os.path.join(options.out, "strangers.csv"), COLUMNS)
        self.gpus: list[SampledGpu] = []
        for device in devices:
            occupants = Occupants(device.stem, self.trees, strangers, boottime_s())
            what = self.interval_s, self.report, occupants
            self.gpus.append(SampledGpu(device, options.out, *what, counters=options.counters))
        self.places = Places(options.out, self.gpus, self.others, self.trees, self.report)
        self.suspended_s = suspended_s()
        self.rapl = Rapl(options.powercap, boottime_s() - self.suspended_s, self.report.warn)
        self.machine = Machine(options.proc, options.out, options.run, self.trees)
        self.memory = Memory(self.trees)
        self.reasons: dict[str, Any] = {}
        columns = cpu_columns([zone.column for zone in self.rapl.zones])
        self.cpu = Csv(os.path.join(options.out, "cpu.csv"), columns)
        self.begin_s = self.next_sample_s = self.next_row_s = boottime_s()

    def listen(self) -> None:
        """Be told of signals, and of the owner's end."""
        self.wakeup = catch_stop_signals(self.note)
        signal.signal(signal.SIGUSR1, self.note)
        self.poll = select.poll()
        for fd in (self.wakeup, *watch_owner(parent_at_start())):
            self.poll.register(fd, select.POLLIN)

    def note(self, signum: int, _frame: Any) -> None:
        self.is_row_asked = self.is_row_asked or signum == signal.SIGUSR1
        self.is_stopping = self.is_stopping or signum in STOP_SIGNALS

    # -- which GPUs --------------------------------------------------------------------

    def find_gpus(self, named: str | None, stack: ExitStack) -> list[nvml.Device]:
        """Return the GPUs that were named, or else those that CUDA shows, and note why none."""
        if named == "none":
            self.facts["gpus_reason"] = "none was asked for (--gpus none)"
            return []
        try:
            stack.enter_context(opened())
            self.facts["driver"], self.facts["nvml_version"] = versions()
            return self.choose(named)
        except NvmlError as error:
            self.facts["has_gpu"] = has_gpu(error) if shows_any(named) else None
            if named is not None:
                raise
            self.facts["gpus_reason"] = str(error)
            self.report.warn("gpus", str(error), error.hint)
            return []

    def choose(self, named: str | None) -> list[nvml.Device]:
        selection = os.environ.get(VISIBLE) if named is None else named
        problems: list[NvmlError] = []
        devices = nvml.visible(selection, named is not None, problems)
        for problem in problems:
            self.report.warn("gpus", str(problem), problem.hint)
        self.others = nvml.others(devices)
        self.facts["has_gpu"] = bool(devices or self.others or problems)
        if not devices:
            reason = "there is none that can be used"
            if selection is not None:
                reason = f'{VISIBLE} is "{selection}", which shows none'
            self.facts["gpus_reason"] = reason
            self.report.warn("gpus", reason)
        if named is None and may_mean_others(selection):
            self.report.warn(
                "gpus",
                "CUDA counts GPUs of different kinds in an order of its own, so that another GPU"
                " may be in use than the one that is measured",
                f"set {ORDER}=PCI_BUS_ID, or {VISIBLE} to UUIDs",
            )
        return devices

    # -- running -----------------------------------------------------------------------

    def run(self) -> None:
        """Take samples until told to stop; OSError: a file cannot be written (the disk is full)."""
        self.sample()
        self.write_report()
        while not self.is_stopping:
            if self.is_row_asked:
                self.is_row_asked = False
                self.put_row("mark")
                for gpu in self.gpus:
                    gpu.hunt()
            elif boottime_s() >= self.next_sample_s:
                self.sample()
            else:
                for gpu in self.gpus:
                    gpu.poll_counter()
            self.write_report()
            self.sleep()
        while any(gpu.hunt_until_s for gpu in self.gpus):  # so much the last edge is worth
            for gpu in self.gpus:
                gpu.poll_counter()
            time.sleep(HUNT_PERIOD_S)
        self.put_row("last")
        self.report.end()
        self.write_report()

    def due_s(self) -> float:
        """Return when to look next: at the next sample, or soon."""
        if any(gpu.is_busy for gpu in self.gpus):
            return min(self.next_sample_s, boottime_s() + HUNT_PERIOD_S)
        return self.next_sample_s

    def sleep(self) -> None:
        """Wait until it is time, or for a signal or the owner's end."""
        wait_s = max(self.due_s() - boottime_s(), 0.0)
        for fd, _ in self.poll.poll(math.ceil(wait_s * 1000)):
            if fd == self.wakeup:
                os.read(fd, _WAKEUP_BYTES)
            else:
                self.is_stopping = True

    def sample(self) -> None:
        """Take the sample whose moment has come, and the row if it is its moment too."""
        now_s = boottime_s()
        count = math.floor((now_s - self.begin_s) / self.step_s + 1e-6)
        self.next_sample_s = self.begin_s + (count + 1) * self.step_s
        if self.next_row_s < self.next_sample_s - self.step_s / 2:  # no sample is nearer to it
            rows = math.floor((count + 0.5) * self.step_s / self.period_s)
            self.next_row_s = self.begin_s + (rows + 1) * self.period_s
            self.put_row("")
            return
        for gpu in self.gpus:
            gpu.poll_counter() if gpu.is_busy else gpu.sample()
        self.look(now_s, SAMPLE_SHARE)
        if now_s - self.rapl.read_s > self.rapl.period_s:
            self.suspended_s = suspended_s(self.suspended_s)
            self.rapl.read(boottime_s(), self.suspended_s)

    def put_row(self, kind: str) -> None:
        """Write a row a file; what must be exact is read before all that takes time."""
        for gpu in self.gpus:
            gpu.sample(full=True)
        at_s, self.suspended_s = boottime_s(), suspended_s(self.suspended_s)
        self.rapl.read(at_s, self.suspended_s)
        self.machine.read(kind, at_s)
        has_looked = self.look(at_s, math.inf if kind else ROW_SHARE)
        for gpu in self.gpus:
            gpu.put_row(kind, kind == "last")
        self.places.put_row(at_s, kind)
        self.machine.put_row(kind, at_s, has_looked)
        self.put_cpu_row(kind, at_s, has_looked)
        reasons = {"machine_reason": self.machine.reason, "memory_reasons": self.memory.reasons}
        self.report.has_changed |= reasons != self.reasons
        self.reasons = copy.deepcopy(reasons)

    def look(self, now_s: float, share: float) -> bool:
        has_looked = self.trees.look(now_s, share)
        for role, why in self.trees.lost.items():
            self.report.warn(role, f"{why}: what it uses is not known from now on")
        return has_looked

    def put_cpu_row(self, kind: str, at_s: float, has_looked: bool) -> None:
        cells = {"boottime_s": f"{at_s:.4f}", "kind": kind}
        cells[SUSPENDED] = number(self.suspended_s, 4)
        for zone in self.rapl.zones:
            cells[f"{zone.column}_uj"] = "" if zone.known_uj is None else str(zone.known_uj)
        pss_mib = self.memory.look(at_s) if has_looked else {}
        for role, use in self.trees.uses.items() if has_looked and self.trees.roots_known else ():
            if role not in self.trees.lost:
                cells[f"{role}_cpu_s"] = number(use.cpu_s, 2)
                cells[f"{role}_pss_mib"] = number(pss_mib.get(role), 1)
                cells[f"{role}_largest_rss_mib"] = number(use.largest_rss_mib, 1)
        self.cpu.put(cells)

    def write_report(self) -> None:
        if self.report.has_changed:
            gpus = [gpu.facts() for gpu in self.gpus]
            whole = {**self.facts, **self.places.facts(), **self.reasons, "gpus": gpus}
            self.report.write({**whole, "rapl": self.rapl.facts()})


def shows_any(named: str | None) -> bool:
    """Whether CUDA may show a GPU; an empty CUDA_VISIBLE_DEVICES, or -1, says that none is used."""
    selection = os.environ.get(VISIBLE) if named is None else named
    return selection is None or bool(words_of(selection))


def may_mean_others(selection: str | None) -> bool:
    """Whether CUDA's numbers in CUDA_VISIBLE_DEVICES may be others than NVML's."""
    by_number = any(word.strip().isdecimal() for word in (selection or "").split(","))
    in_order = os.environ.get(ORDER) == "PCI_BUS_ID"
    return by_number and not in_order and len({board.name for board in nvml.boards()}) > 1
