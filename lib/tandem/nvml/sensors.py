"""What the monitor reads of a GPU beside its processes. NVML must be open (see nvml).

Whatever cannot be read raises NvmlError. Temperature and clocks of a MIG device are its board's;
power and energy are not, and NVML has none of its own for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tandem.nvml.binding import (
    FUNCTION_NOT_FOUND,
    NOT_FOUND,
    call,
    call_growing,
    error_of,
)
from tandem.nvml.devices import Device, NvmlError

# NVML's numbers
CLOCK_SM, CLOCK_MEMORY = 1, 2
FIELD_ENERGY_MJ, FIELD_POWER_AVERAGE_MW, FIELD_POWER_INSTANT_MW = 83, 185, 186

_TOTAL_POWER_SAMPLES = 0
# Which member of NVML's union holds a value, by its type
_MEMBERS = ("dVal", "uiVal", "ulVal", "ullVal", "sllVal", "siVal", "usVal")


@dataclass(frozen=True)
class ProcessSample:
    """What share of the GPU a process used, in percent, at a moment in seconds since 1970."""

    pid: int
    utc_s: float
    sm_percent: float


def fields(device: Device, ids: Sequence[int]) -> list[float | NvmlError]:
    """Return the values of several fields of the board in one call, or why one is not given."""
    return [
        error_of(value.nvmlReturn)
        if value.nvmlReturn
        else float(getattr(value.value, _MEMBERS[value.valueType]))
        for value in call("nvmlDeviceGetFieldValues", device.handle, ids)
    ]


def power_usage_w(device: Device) -> float:
    """Return the power of drivers without the fields: at the moment, or over the last second."""
    return float(call("nvmlDeviceGetPowerUsage", device.handle)) / 1000


def energy_counter_mj(device: Device) -> float:
    """Return what the board has used since its driver was loaded."""
    return float(call("nvmlDeviceGetTotalEnergyConsumption", device.handle))


def process_samples(device: Device, since_utc_s: float) -> list[ProcessSample]:
    """Return how much each process used the GPU since a moment, also those that have ended."""
    try:
        entries = call_growing(
            "nvmlDeviceGetProcessUtilization", device.handle, int(since_utc_s * 1e6)
        )
    except NvmlError as error:
        if error.code in (0, NOT_FOUND):  # the binding makes an error of an empty answer
            return []
        raise
    samples = [ProcessSample(e.pid, e.timeStamp / 1e6, float(e.smUtil)) for e in entries]
    # Drivers are known to add older and impossible ones.
    return [each for each in samples if each.utc_s > since_utc_s and each.sm_percent <= 100]


def power_samples(device: Device, since_utc_s: float) -> list[tuple[float, float]]:
    """Return (seconds since 1970, watts) from the driver's own buffer, in order."""
    try:
        kind, samples = call_growing(
            "nvmlDeviceGetSamples", device.board, _TOTAL_POWER_SAMPLES, int(since_utc_s * 1e6)
        )
    except NvmlError as error:
        if error.code == NOT_FOUND:
            return []
        raise
    member = _MEMBERS[kind]
    return sorted((e.timeStamp / 1e6, getattr(e.sampleValue, member) / 1000) for e in samples)


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


def power_limit_w(device: Device) -> float:
    return float(call("nvmlDeviceGetEnforcedPowerLimit", device.board)) / 1000
