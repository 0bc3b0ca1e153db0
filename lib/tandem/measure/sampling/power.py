"""A GPU's power and energy counter, with as few calls as its driver allows; power over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import inf

from tandem.measure.rows import number
from tandem.nvml.binding import FUNCTION_NOT_FOUND, NOT_SUPPORTED, NvmlError
from tandem.nvml.devices import Device
from tandem.nvml.sensors import (
    FIELD_ENERGY_MJ,
    FIELD_POWER_AVERAGE_MW,
    FIELD_POWER_INSTANT_MW,
    energy_counter_mj,
    fields,
    power_usage_w,
)

# The names of the sensors, and of a sample's values: W, mJ, W
POWER, COUNTER, AVERAGE = "power", "energy_counter", "power_average"

_FIELDS = {  # what a field is, and how much of the unit above its own is
    FIELD_POWER_INSTANT_MW: (POWER, 1e-3),
    FIELD_ENERGY_MJ: (COUNTER, 1.0),
    FIELD_POWER_AVERAGE_MW: (AVERAGE, 1e-3),
}
_CALLS = {POWER: power_usage_w, COUNTER: energy_counter_mj}  # for drivers without the fields
_FOR_GOOD = (NOT_SUPPORTED, FUNCTION_NOT_FOUND)

Values = dict[str, float]
Errors = dict[str, NvmlError]


class Meter:
    """The sources of power and energy that a GPU has."""

    def __init__(self, device: Device, lose: Callable[[str, NvmlError], None]) -> None:
        """Find the sources; `lose` takes why a sensor is not there, or could not be read."""
        self.device = device
        self.lose = lose
        _, errors = self.read_fields(list(_FIELDS))
        by_call: Values = {}
        call_errors = self.read_calls([sensor for sensor in _CALLS if sensor in errors], by_call)
        self.calls = [
            sensor
            for sensor in _CALLS
            if sensor in by_call or (sensor in call_errors and errors[sensor].code in _FOR_GOOD)
        ]
        self.ids = [
            id_
            for id_, (sensor, _) in _FIELDS.items()
            if sensor not in self.calls  # a field that failed for now may answer later
        ]
        for sensor, error in (errors | call_errors).items():
            if sensor not in by_call:
                lose(sensor, error)

    @property
    def power_source(self) -> str | None:
        """Return "instant" (the field), "usage" (of drivers without it) or None."""
        return "usage" if POWER in self.calls else "instant"

    def read(self, full: bool, is_due: Callable[[str], bool]) -> Values:
        """Take a sample in one call: power, and what comes with it; all there is if `full`.

        Only sensors that are due are read.
        """
        ids = [id_ for id_ in self.ids if is_due(_FIELDS[id_][0])]
        calls = [sensor for sensor in self.calls if is_due(sensor)]
        if not full:
            has_field = FIELD_POWER_INSTANT_MW in ids
            ids = [id_ for id_ in ids if has_field and id_ != FIELD_POWER_AVERAGE_MW]
            calls = [sensor for sensor in calls if sensor == POWER]
        values, errors = self.read_fields(ids) if ids else ({}, {})
        errors |= self.read_calls(calls, values)
        for sensor, error in errors.items():
            self.lose(sensor, error)
        return values

    def read_fields(self, ids: Sequence[int]) -> tuple[Values, Errors]:
        """Return what the fields say, and why the others do not."""
        values: Values = {}
        errors: Errors = {}
        try:
            answers = fields(self.device, ids)
        except NvmlError as error:
            answers = [error] * len(ids)
        for id_, answer in zip(ids, answers, strict=True):
            sensor, unit = _FIELDS[id_]
            if isinstance(answer, NvmlError):
                errors[sensor] = answer
            else:
                values[sensor] = answer * unit
        return values, errors

    def read_calls(self, sensors: Sequence[str], values: Values) -> Errors:
        """Add what these sensors say to `values`, and return why others do not."""
        errors: Errors = {}
        for sensor in sensors:
            try:
                values[sensor] = _CALLS[sensor](self.device)
            except NvmlError as error:
                errors[sensor] = error
        return errors


class Integral:
    """Power over time: its cumulative trapezoid, and what was sampled since the last row.

    A gap longer than `longest_s` between two samples counts as not sampled.
    """

    def __init__(self, longest_s: float) -> None:
        self.longest_s = longest_s
        self.energy_j = 0.0
        self.last_s: float | None = None
        self.last_w = 0.0
        self.row_s = 0.0
        self.row_j = 0.0
        self.begin_row()

    def begin_row(self) -> None:
        self.row_s, self.row_j = self.last_s or 0.0, self.energy_j
        self.samples = 0
        self.lowest_w, self.highest_w = inf, -inf
        self.largest_gap_s = self.unsampled_s = self.jumps_w2 = 0.0

    def add(self, at_s: float, power_w: float) -> None:
        """Take a sample; they come in their order."""
        if self.last_s is None:
            self.row_s = at_s
        else:
            self.add_gap(at_s - self.last_s)
            self.energy_j += (self.last_w + power_w) / 2 * (at_s - self.last_s)
            self.jumps_w2 += (power_w - self.last_w) ** 2
        self.last_s, self.last_w = at_s, power_w
        self.samples += 1
        self.lowest_w = min(self.lowest_w, power_w)
        self.highest_w = max(self.highest_w, power_w)

    def add_gap(self, gap_s: float) -> None:
        self.largest_gap_s = max(self.largest_gap_s, gap_s)
        if gap_s > self.longest_s:
            self.unsampled_s += gap_s

    def cells(self) -> dict[str, str]:
        """Return the columns of a row, and begin the next; nothing if nothing was sampled."""
        if not self.samples or self.last_s is None:
            return {}
        length_s = self.last_s - self.row_s
        mean_w = (self.energy_j - self.row_j) / length_s if length_s > 0 else self.last_w
        cells = {
            "energy_trapezoid_j": number(self.energy_j, 2),
            "power_mean_w": number(mean_w, 2),
            "power_min_w": number(self.lowest_w, 1),
            "power_max_w": number(self.highest_w, 1),
            "power_jumps_w2": number(self.jumps_w2, 0),
            "samples": str(self.samples),
            "largest_gap_s": number(self.largest_gap_s, 4),
            "unsampled_s": number(self.unsampled_s, 3),
        }
        self.begin_row()
        return cells
