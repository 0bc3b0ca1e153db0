"""The controller of one background: stops and continues its trainings until told to end."""

from __future__ import annotations

import json
import math
import os
import random
import select
from argparse import Namespace
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tandem.background.dose.feedback import Feedback
from tandem.background.dose.files import CSV, JSON, Rows, row_line
from tandem.background.dose.targets import Trainings
from tandem.background.dose.use import Use
from tandem.base.clock import boottime_s, now
from tandem.base.files import write_whole
from tandem.processes.control import STOP_SIGNALS, catch_stop_signals
from tandem.processes.owner import parent_at_start, watch_owner
from tandem.processes.tree import continue_tree

# Where no training is there, it is looked for so often: at first, and after some seconds.
_LOOK_S, _LATE_LOOK_S, _LATE_S = 0.025, 0.1, 2.0
_NO_KEEPER_S = 15.0  # bin/bgrun becomes a keeper long before
# A row comes after so many periods, the golden section beyond a whole number: what is read lies in
# ever other parts of the period, whatever stretch of time NVML's figure is of.
_BEYOND = (3 - math.sqrt(5)) / 2
_ROW_S = 0.8
_READ_S = 0.5  # in less, NVML may have nothing new to report
# Each period is so much shorter or longer, by chance: a steady one would be a wave of power that a
# sensor with a rhythm of its own (25 of each 100 ms) sees wrongly for as long as it lasts.
JITTER = 0.2
_WAKEUP_BYTES = 4096


class NoKeeperError(Exception):
    """The process whose trainings are to be dosed is no keeper of a loop."""


class Controller:
    """What one bin/dose does."""

    def __init__(self, options: Namespace, stack: ExitStack) -> None:
        """Begin the files, find the GPUs; OSError, OwnerError: see lib/dose.py."""
        self.options = options
        self.is_ending = False
        self.wakeup = catch_stop_signals(self.note)
        self.poll = select.poll()
        owner_fds = watch_owner(parent_at_start())
        self.end_fds = {self.wakeup, *owner_fds, os.pidfd_open(options.keeper)}
        for fd in self.end_fds:
            self.poll.register(fd, select.POLLIN)
        self.trainings = Trainings(options.keeper, self.poll)
        self.use = Use(self.trainings, stack)
        self.feedback = None if options.target is None else Feedback(options.target)
        self.period_s: float = options.period  # in the mean
        self.seed = random.SystemRandom().getrandbits(32)
        self.chance = random.Random(self.seed)
        self.row_s = (round(_ROW_S / self.period_s) + _BEYOND) * self.period_s
        self.rows = Rows(os.path.join(options.out, CSV))
        self.clock = now()
        self.begin_s = self.row_begin_s = self.counted_s = self.clock.boottime_s
        self.absent_since_s = self.begin_s
        self.is_off = False  # in the part of the period in which no training runs
        self.present_s = self.stopped_s = 0.0  # in the row that is being made
        self.end_boottime_s: float | None = None
        self.noted_reason: str | None = None

    def note(self, signum: int, _frame: Any) -> None:
        self.is_ending = self.is_ending or signum in STOP_SIGNALS

    @property
    def duty(self) -> float:
        if self.feedback is None:
            return float(self.options.intensity)
        return self.feedback.duty

    # -- running -----------------------------------------------------------------------

    def run(self) -> None:
        """Dose until told to end; whatever happens, nothing stays stopped by it."""
        try:
            self.write_report()
            due_s = boottime_s()
            while not self.is_ending:
                duty, period_s = self.duty, self.next_period_s()
                self.wait_until(due_s + duty * period_s)
                if duty < 1 and not self.is_ending:
                    self.stop_until(due_s + period_s)
                else:
                    self.look(self.trainings.look)
                self.check_keeper()
                due_s += period_s
                if boottime_s() > due_s + self.period_s / 2:
                    due_s = boottime_s()  # what was missed is not made up for
        finally:
            continue_tree(self.options.keeper)
        self.put_row()
        self.end_boottime_s = round(boottime_s(), 6)
        self.write_report()

    def next_period_s(self) -> float:
        return self.period_s * self.chance.uniform(1 - JITTER, 1 + JITTER)

    def check_keeper(self) -> None:
        if not self.trainings.own_sessions and boottime_s() > self.begin_s + _NO_KEEPER_S:
            raise NoKeeperError(f"process {self.options.keeper} is no keeper of bin/bgrun")

    def stop_until(self, until_s: float) -> None:
        self.look(self.trainings.stop)
        self.is_off = True
        self.wait_until(until_s)
        self.trainings.go_on()
        self.count()
        self.is_off = False

    def wait_until(self, until_s: float) -> None:
        """Wait for a moment, or until told to end; meanwhile write rows, stop who begins."""
        while not self.is_ending and (now_s := boottime_s()) < until_s:
            row_due_s = self.row_begin_s + self.row_s
            if now_s >= row_due_s:
                self.put_row()
                continue
            due_s = min(until_s, row_due_s)
            is_looking = self.is_off and not self.trainings.roots
            if is_looking:
                is_late = now_s > self.absent_since_s + _LATE_S
                due_s = min(due_s, now_s + (_LATE_LOOK_S if is_late else _LOOK_S))
            self.sleep(due_s - now_s)
            if is_looking:
                self.look(self.trainings.stop)

    def sleep(self, wait_s: float) -> None:
        """Wait for so long, or until a signal, the end of the owner, the keeper or a training."""
        for fd, _ in self.poll.poll(math.ceil(wait_s * 1000)):
            if fd == self.wakeup:
                os.read(fd, _WAKEUP_BYTES)
            elif fd in self.end_fds:
                self.is_ending = True
            else:
                self.count()
                self.trainings.note_end(fd)
                self.absent_since_s = boottime_s()

    # -- accounting --------------------------------------------------------------------

    def look(self, how: Callable[[], bool]) -> None:
        """Look for trainings; one that began since the last look ran since then."""
        self.count()
        had_roots = bool(self.trainings.roots)
        how()
        if not had_roots and self.trainings.roots:
            began_s = min(self.trainings.members[pid] for pid in self.trainings.roots)
            since_s = max(began_s, self.row_begin_s, self.absent_since_s)
            self.present_s += max(0.0, self.counted_s - since_s)

    def count(self) -> None:
        """Count the time since the last call, in which nothing has changed."""
        now_s = boottime_s()
        if self.trainings.roots:
            self.present_s += now_s - self.counted_s
            self.stopped_s += (now_s - self.counted_s) * self.is_off
        self.counted_s = now_s

    def put_row(self) -> None:
        """Write what was in the time since the last row, and learn from it."""
        self.count()
        if not self.trainings.roots and not self.is_off:
            self.look(self.trainings.look)  # or its use would count for all of the row
        span_s = self.counted_s - self.row_begin_s
        percent = self.use.read() if span_s >= _READ_S else None
        duty = 1 - self.stopped_s / self.present_s if self.present_s else None
        line = row_line(self.counted_s, span_s, self.present_s, self.stopped_s, percent)
        self.rows.append(line)
        if self.feedback and duty is not None and percent is not None and self.use.has_begun():
            self.feedback.learn(duty, percent, span_s)
        self.row_begin_s, self.present_s, self.stopped_s = self.counted_s, 0.0, 0.0
        if self.use.reason != self.noted_reason:
            self.write_report()

    def write_report(self) -> None:
        self.noted_reason = self.use.reason
        options = self.options
        is_target = options.target is not None
        report = {
            "version": 2,
            "pid": os.getpid(),
            "keeper": options.keeper,
            "clock": self.clock.readings(),
            "end_boottime_s": self.end_boottime_s,
            "mode": "target" if is_target else "intensity",
            "target": options.target if is_target else options.intensity,
            "period_s": self.period_s,
            "jitter": JITTER,
            "seed": self.seed,
            "reason": self.noted_reason,
        }
        path = os.path.join(options.out, JSON)
        write_whole(path, (json.dumps(report, indent=1) + "\n").encode())
