"""One GPU that is sampled: its samples, its rows, and what it does not report."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from tandem.base.clock import Moment, boottime_s, now
from tandem.measure.rows import GPU_COLUMNS, number
from tandem.measure.sampling.absent import Absent
from tandem.measure.sampling.files import Csv, Report
from tandem.measure.sampling.gpm import GpmRows
from tandem.measure.sampling.period import Period
from tandem.measure.sampling.power import AVERAGE, COUNTER, POWER, Integral, Meter, Values
from tandem.measure.sampling.strangers import MOST_UNSEEN, Occupants, Usage
from tandem.measure.sampling.throttle import Violations
from tandem.nvml.binding import NOT_SUPPORTED, NvmlError
from tandem.nvml.devices import Device, memory_used_mib, processes, temperature_c, utilisation
from tandem.nvml.sensors import (
    CLOCK_MEMORY,
    CLOCK_SM,
    ProcessSamples,
    clock_mhz,
    event_reasons,
    power_limit_w,
    power_samples,
)

HUNT_PERIOD_S = 0.002
LATE_INTERVALS = 2.5  # no two samples that are taken in time are so far apart

_STEP_S = 1.5  # a board that is not known yet updates its energy counter more often
_SLOW_S = 0.15  # of a counter that steps more seldom, the first step is all that is waited for
_POWER_S = 1.0  # a board updates power at least so often
_LEARN_S = 1.0  # in the beginning, for so long nothing but the periods may be of interest
_FINE = 10  # rows, at most, while power may still be as it was at a mark
_LEAST_S = 0.02  # between two of these
_TIGHT_S = 0.012  # so close must two samples lie to show when the counter stepped
_UTILISATION = ("sm_percent", "memory_percent")
_ONCE_A_ROW: dict[str, tuple[str, Callable[[Device], float]]] = {
    "memory": ("memory_used_mib", memory_used_mib),
    "temperature": ("temperature_c", temperature_c),
    "sm_clock": ("sm_clock_mhz", lambda device: clock_mhz(device, CLOCK_SM)),
    "memory_clock": ("memory_clock_mhz", lambda device: clock_mhz(device, CLOCK_MEMORY)),
}
_SENSORS = (
    *(POWER, COUNTER, AVERAGE),
    *_ONCE_A_ROW,
    *("utilisation", "event_reasons", "processes", "process_utilisation"),
)

GPM = "gpm"

_T = TypeVar("_T")


class SampledGpu:
    """A GPU with its file.

    A sensor that fails is asked again after a pause; until it answers its cells stay empty, and
    `absent` says since when and why. So do those of a GPU that is lost, whose rows go on without
    any value.
    """

    def __init__(
        self,
        device: Device,
        folder: str,
        interval_s: float,
        report: Report,
        occupants: Occupants,
        *,
        counters: str | None = None,
    ) -> None:
        """Find out what the GPU reports and begin its files; OSError if that cannot be.

        `counters` is "gpm" where these are to be read, too.
        """
        self.device = device
        self.interval_s = interval_s
        self.report = report
        self.occupants = occupants
        self.absent = Absent()
        self.at = now()
        self.values: Values = {}
        self.meter = Meter(device, self.lose)
        self.longest_s = LATE_INTERVALS * interval_s
        self.integral = Integral(self.longest_s)
        self.power_limit_w = self.ask("power_limit", lambda: power_limit_w(device))
        self.violations = Violations(device)
        self.process_samples = ProcessSamples(device, self.at)
        self.fastest_read_s = float("inf")
        self.counter_period, self.power_period = Period(), Period()
        self.learn_until_s = self.at.boottime_s + _LEARN_S
        self.hunt_until_s: float | None = None
        self.late_until_s = 0.0  # for so long behind a mark, power may still be older
        self.steps_to_see = 0
        self.csv = Csv(os.path.join(folder, f"{device.stem}.csv"), GPU_COLUMNS)
        self.gpm = GpmRows(device, folder) if counters == GPM else None

    def facts(self) -> dict[str, Any]:
        """Return what monitor.json says of it."""
        return {
            "file": os.path.basename(self.csv.path),
            "counters_file": self.gpm and os.path.basename(self.gpm.csv.path),
            "index": self.device.index,
            "uuid": self.device.uuid,
            "name": self.device.name,
            "mig": self.device.mig is not None,
            "power_limit_w": self.power_limit_w,
            "power_source": self.meter.power_source if self.has_power else None,
            "mps": self.occupants.mps,
            "processes_mapped": self.occupants.mapped or None,
            "counter_period_s": self.counter_period.seconds,
            "power_period_s": self.power_period.seconds,
            "missing": self.absent.missing,
            "missing_since": self.absent.missing_since,
            "gaps": self.absent.gaps,
        }

    @property
    def has_power(self) -> bool:
        """Whether power is known, or was once."""
        return POWER not in self.absent.missing or self.integral.last_s is not None

    # -- what it does not report -------------------------------------------------------

    def ask(self, sensor: str, read: Callable[[], _T]) -> _T | None:
        """Read a sensor; None if it is missing and not to be asked again yet."""
        if not self.absent.is_due(sensor, self.at.boottime_s):
            return None
        try:
            value = read()
        except NvmlError as error:
            self.lose(sensor, error)
            return None
        self.report.has_changed |= self.absent.found(sensor, self.at.boottime_s)
        return value

    def lose(self, sensor: str, error: NvmlError) -> None:
        """Do without a sensor for now, or without all of them if the GPU is gone."""
        reason, hint = str(error), error.hint
        if self.device.mig is not None and error.code == NOT_SUPPORTED:
            reason, hint = "NVML has it for whole boards only, not for a MIG device", ""
        for each in _SENSORS if error.lost else (sensor,):
            self.absent.lose(each, reason, error, boottime_s())
        what = self.device.stem if error.lost else f"{self.device.stem} {sensor}"
        self.report.warn(what, reason, hint)
        self.report.has_changed = True

    def is_due(self, sensor: str) -> bool:
        return self.absent.is_due(sensor, self.at.boottime_s)

    # -- sampling ----------------------------------------------------------------------

    def sample(self, full: bool = False) -> None:
        """Take a sample, and what was missed before it where the driver has kept that."""
        self.integrate(self.read(full))

    def read(self, full: bool) -> Moment:
        """Read the values of a sample, and return when the one before was taken."""
        begin = now()
        self.values = self.meter.read(full, self.is_due)
        for sensor in self.values:
            self.report.has_changed |= self.absent.found(sensor, begin.boottime_s)
        read_s = boottime_s() - begin.boottime_s
        self.fastest_read_s = min(self.fastest_read_s, read_s)
        before, self.at = self.at, begin.at(begin.boottime_s + read_s / 2)
        for period, sensor in ((self.counter_period, COUNTER), (self.power_period, POWER)):
            has_news = period.see(self.at.boottime_s, self.values.get(sensor))
            self.report.has_changed |= has_news
        return before

    def integrate(self, before: Moment) -> None:
        """Add the power that was just read; the sample before it was at `before`."""
        power_w = self.values.get(POWER)
        if power_w is None:
            return
        last_s = self.integral.last_s
        if last_s is not None and self.at.boottime_s - last_s > self.longest_s:
            self.fill(before)
        self.integral.add(self.at.boottime_s, power_w)

    def fill(self, before: Moment) -> None:
        """Write what the driver's own buffer of samples knows of the time since the last one."""
        samples = self.ask("power_buffer", lambda: power_samples(self.device, before, self.at))
        if samples and self.integral.samples:
            self.put("filled", before.boottime_s, self.integral.cells())
        for at_s, power_w in samples or []:
            self.integral.add(at_s, power_w)
            if at_s - self.integral.row_s >= self.interval_s:
                self.put("filled", at_s, self.integral.cells())

    # -- rows --------------------------------------------------------------------------

    def put_row(self, kind: str, is_last: bool) -> None:
        """Write a row of the full sample that was just taken, with all that is read once a row."""
        cells = self.power_cells()
        cells["power_average_w"] = number(self.values.get(AVERAGE), 1)
        sm_percent = None
        rates = self.ask("utilisation", lambda: utilisation(self.device))
        if rates:
            sm_percent = rates[0]
            cells |= dict(zip(_UTILISATION, (number(rate, 1) for rate in rates), strict=True))
        for sensor, (column, read) in _ONCE_A_ROW.items():
            cells[column] = number(self.ask(sensor, partial(read, self.device)), 0)
        reasons = self.ask("event_reasons", lambda: event_reasons(self.device))
        cells["event_reasons"] = "" if reasons is None else f"{reasons:x}"
        if not self.absent.missing.keys() >= set(_SENSORS):  # else all of the GPU is gone
            cells |= self.violations.cells(self.at.boottime_s)
        for column, value in self.use(sm_percent, is_last).items():
            cells[column] = number(value, 1 if column.endswith("percent") else 0)
        self.put(kind, self.at.boottime_s, cells)
        if self.gpm:
            self.ask(GPM, partial(self.gpm.put_row, kind))

    def power_cells(self) -> dict[str, str]:
        """Return the cells of power and energy since the last row."""
        last_s = self.integral.last_s
        is_missing = POWER in self.absent.missing
        if is_missing and last_s is not None:
            self.integral.unsampled_s = self.at.boottime_s - last_s
        cells = self.integral.cells()
        if is_missing:
            cells.pop("energy_trapezoid_j", None)  # it ended before this row
        cells["energy_counter_mj"] = number(self.values.get(COUNTER), 0)
        return cells

    def use(self, sm_percent: float | None, is_last: bool) -> Usage:
        """Return who uses it, and note strangers."""
        listed = self.ask("processes", lambda: processes(self.device))
        samples = self.ask("process_utilisation", self.process_samples.read)
        known = self.occupants.mapped, self.occupants.mps
        usage = self.occupants.look(self.at.boottime_s, listed, samples, sm_percent, is_last)
        self.report.has_changed |= known != (self.occupants.mapped, self.occupants.mps)
        if self.occupants.unseen > MOST_UNSEEN:
            words = f"more than {MOST_UNSEEN} processes ended before they were looked at"
            self.report.warn(self.device.stem, words, "the first of them are in strangers.csv")
        return usage

    def put(self, kind: str, at_s: float, cells: dict[str, str]) -> None:
        self.csv.put({"boottime_s": f"{at_s:.4f}", "kind": kind, **cells})

    # -- the moments when the counter steps --------------------------------------------

    @property
    def is_busy(self) -> bool:
        """Whether to look at it as often as can be."""
        return self.hunt_until_s is not None or self.is_learning

    @property
    def is_learning(self) -> bool:
        known = (self.counter_period.seconds, self.power_period.seconds)
        is_known = all(seconds is not None and seconds < self.interval_s for seconds in known)
        return not is_known and self.at.boottime_s < self.learn_until_s

    def hunt(self) -> None:
        """Begin to look for the next steps of the counter, and until power is not the old one."""
        step_s = self.counter_period.seconds
        has_counter = COUNTER in self.values
        self.steps_to_see = (1 if step_s and step_s > _SLOW_S else 2) if has_counter else 0
        late_s = self.power_period.seconds or (0.0 if has_counter else _POWER_S)
        self.late_until_s = self.at.boottime_s + min(late_s, _POWER_S)
        self.hunt_until_s = max(self.late_until_s, self.step_by_s() if has_counter else 0.0)

    def step_by_s(self) -> float:
        """Return by when the counter steps again; if it does not, it will not."""
        period_s = self.counter_period.seconds
        return self.at.boottime_s + (_STEP_S if period_s is None else max(1.5 * period_s, _SLOW_S))

    def poll_counter(self) -> None:
        """While hunting: take a sample, and write rows of it and the one before about a step."""
        if not self.is_busy:
            return
        counter_mj = self.values.get(COUNTER)
        before = self.read(full=True)
        is_tight = self.at.boottime_s - before.boottime_s <= max(_TIGHT_S, 3 * self.fastest_read_s)
        has_stepped = self.values.get(COUNTER) not in (None, counter_mj)
        is_wanted = has_stepped and is_tight and self.steps_to_see > 0
        if is_wanted and self.integral.samples:
            counter = {"energy_counter_mj": number(counter_mj, 0)}
            self.put("stale", before.boottime_s, {**self.integral.cells(), **counter})
        self.integrate(before)
        if is_wanted:
            self.put("fresh", self.at.boottime_s, self.power_cells())
            self.steps_to_see -= 1
            self.hunt_until_s = max(self.late_until_s, self.step_by_s())
        elif has_stepped and self.steps_to_see == 1:
            self.steps_to_see = 0  # the step next to the first went by unseen
        elif self.hunt_until_s is not None:
            self.put_fine_row()
        self.end_hunt()

    def put_fine_row(self) -> None:
        """Write a row now and then: power comes late, and how late is known in the end only."""
        late_s = self.power_period.seconds or _POWER_S
        row_s = self.integral.row_s
        is_due = self.at.boottime_s - row_s >= max(late_s / _FINE, _LEAST_S)
        if is_due and row_s <= self.late_until_s:
            self.put("fine", self.at.boottime_s, self.power_cells())

    def end_hunt(self) -> None:
        if self.hunt_until_s is None:
            return
        if not self.steps_to_see or COUNTER in self.absent.missing:
            self.hunt_until_s = self.late_until_s
        if self.at.boottime_s >= self.hunt_until_s:
            self.hunt_until_s = None
