"""What the monitor reads of a GPU beside its processes. NVML must be open (binding.opened).

Whatever cannot be read raises NvmlError. Temperature, clocks, power and energy of a MIG device are
its board's: NVML has none of its own for it.

NVML stamps its samples in UTC, as that clock went when it took them. They leave here on
CLOCK_BOOTTIME.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tandem.base.clock import Moment, now
from tandem.nvml.binding import (
    FUNCTION_NOT_FOUND,
    NOT_FOUND,
    NvmlError,
    call,
    call_growing,
    error_of,
)
from tandem.nvml.devices import Device

# NVML's numbers
CLOCK_SM, CLOCK_MEMORY = 1, 2
FIELD_ENERGY_MJ, FIELD_POWER_AVERAGE_MW, FIELD_POWER_INSTANT_MW = 83, 185, 186

REMEMBERED_S = 10.0  # NVML still reports a process some time after its end

_TOTAL_POWER_SAMPLES = 0
_POLICIES = {"power": 0, "thermal": 1, "sync_boost": 2, "board_limit": 3, "reliability": 5}
_CLOCK_STEP_S = 0.02  # by so much UTC goes ahead or back when somebody sets it, and not otherwise
# Which member of NVML's union holds a value, by its type
_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


@dataclass(frozen=True)
class ProcessSample:
    """What share of the GPU a process used, in percent, at a moment on CLOCK_BOOTTIME."""

    pid: int
    at_s: float
    sm_percent: float


def fields(device: Device, ids: Sequence[int]) -> list[float | NvmlError]:
    """Return the values of several fields of the board in one call, or why one is not given."""
    return [
        error_of(value.nvmlReturn)
        if value.nvmlReturn
        else float(getattr(value.value, _MEMBERS[value.valueType]))
        for value in call("nvmlDeviceGetFieldValues", device.board, ids)
    ]


def power_usage_w(device: Device) -> float:
    """Return the power of drivers without the fields: at the moment, or over the last second."""
    return float(call("nvmlDeviceGetPowerUsage", device.board)) / 1000


def energy_counter_mj(device: Device) -> float:
    """Return what the board has used since its driver was loaded."""
    return float(call("nvmlDeviceGetTotalEnergyConsumption", device.board))


class ProcessSamples:
    """How much each process used a GPU, also those that have ended: each sample is read once."""

    def __init__(self, device: Device, since: Moment) -> None:
        """Take the GPU, and the moment whose later samples are wanted."""
        self.device = device
        self.read_at = since
        self.newest_utc_s = since.utc_s

    def read(self) -> list[ProcessSample]:
        """Return what is new since the last reading."""
        before, self.read_at = self.read_at, now()
        self.newest_utc_s += _utc_set_by_s(before, self.read_at)
        since_utc_s = min(self.newest_utc_s, self.read_at.utc_s)
        try:
            entries = call_growing(
                "nvmlDeviceGetProcessUtilization", self.device.handle, int(since_utc_s * 1e6)
            )
        except NvmlError as error:
            if error.code in (0, NOT_FOUND):  # the binding makes an error of an empty answer
                return []
            raise
        # Drivers are known to add older and impossible ones. One that is later than now was taken
        # before the clock was set back.
        latest_utc_s = now().utc_s
        stamped = [
            (each.timeStamp / 1e6, each)
            for each in entries
            if since_utc_s < each.timeStamp / 1e6 <= latest_utc_s and each.smUtil <= 100
        ]
        self.newest_utc_s = max([since_utc_s, *(utc_s for utc_s, _ in stamped)])
        ahead_s = self.read_at.utc_s - self.read_at.boottime_s
        return [ProcessSample(e.pid, utc_s - ahead_s, float(e.smUtil)) for utc_s, e in stamped]


def uses(samples: Iterable[ProcessSample]) -> dict[int, tuple[float, float]]:
    """Return each process's mean use over its samples, and when the last was taken."""
    values: dict[int, list[ProcessSample]] = {}
    for sample in samples:
        values.setdefault(sample.pid, []).append(sample)
    return {
        pid: (
            sum(each.sm_percent for each in of_pid) / len(of_pid),
            max(each.at_s for each in of_pid),
        )
        for pid, of_pid in values.items()
    }


def share_lived(begin_s: float, end_s: float, from_s: float, to_s: float) -> float:
    """Return in which share of a stretch of time a process was there, 0 to 1.

    NVML's figure is its use while it was. Rounds that follow each other within the stretch would
    otherwise count as if they had run side by side.
    """
    if to_s <= from_s:
        return 1.0
    return max(0.0, min(end_s, to_s) - max(begin_s, from_s)) / (to_s - from_s)


def power_samples(device: Device, since: Moment, until: Moment) -> list[tuple[float, float]]:
    """Return (seconds on CLOCK_BOOTTIME, watts) between two moments, in order.

    They come from the driver's own buffer; [] where UTC was set between the two, by which it goes.
    """
    if _utc_set_by_s(since, until):
        return []
    try:
        kind, samples = call_growing(
            "nvmlDeviceGetSamples", device.board, _TOTAL_POWER_SAMPLES, int(since.utc_s * 1e6)
        )
    except NvmlError as error:
        if error.code == NOT_FOUND:
            return []
        raise
    member, ahead_s = _MEMBERS[kind], until.utc_s - until.boottime_s
    stamped = sorted(
        (each.timeStamp / 1e6 - ahead_s, getattr(each.sampleValue, member) / 1000)
        for each in samples
    )
    return [each for each in stamped if since.boottime_s < each[0] < until.boottime_s]


def _utc_set_by_s(before: Moment, after: Moment) -> float:
    """Return by how much UTC was set between two moments; 0.0 where it was not."""
    set_by_s = (after.utc_s - before.utc_s) - (after.boottime_s - before.boottime_s)
    return set_by_s if abs(set_by_s) > _CLOCK_STEP_S else 0.0


def clock_mhz(device: Device, clock: int) -> float:
    """Return a clock of the board: CLOCK_SM or CLOCK_MEMORY."""
    return float(call("nvmlDeviceGetClockInfo", device.board, clock))


def event_reasons(device: Device) -> int:
    """Return the bits that say why the clocks are lower than they could be."""
    try:
        return int(call("nvmlDeviceGetCurrentClocksEventReasons", device.board))
    except NvmlError as error:
        if error.code != FUNCTION_NOT_FOUND:
            raise
    return int(call("nvmlDeviceGetCurrentClocksThrottleReasons", device.board))  # its old name


def violation_s(device: Device, reason: str) -> float:
    """Return for how long a reason has held the clocks of the board down since some moment."""
    found = call("nvmlDeviceGetViolationStatus", device.board, _POLICIES[reason])
    return int(found.violationTime) / 1e9


def power_limit_w(device: Device) -> float:
    return float(call("nvmlDeviceGetEnforcedPowerLimit", device.board)) / 1000
