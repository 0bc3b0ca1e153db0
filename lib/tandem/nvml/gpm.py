"""GPM: NVML's counters of what the SMs, the memory and the links of a GPU do.

Hopper and newer boards have them, and GeForce from Blackwell on. They are read as samples of
counters, of which two make means over the time between them; NVIDIA asks for at least 100 ms
between the two. Other readers of the same counters (DCGM) can disturb them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tandem.nvml.binding import NOT_SUPPORTED, NvmlError, binding, call
from tandem.nvml.devices import Device

# NVML's numbers: nvmlGpmMetricId_t in nvml.h
METRICS: Mapping[str, int] = {
    "sm_active_percent": 2,
    "sm_occupancy_percent": 3,
    "tensor_active_percent": 5,
    "dram_active_percent": 10,
    "fp64_active_percent": 11,
    "fp32_active_percent": 12,
    "fp16_active_percent": 13,
    "pcie_tx_mib_per_s": 20,
    "pcie_rx_mib_per_s": 21,
    "nvlink_rx_mib_per_s": 60,
    "nvlink_tx_mib_per_s": 61,
}
NONE_HERE = (
    "this board has no GPM counters (Hopper and newer have them, GeForce from Blackwell on; an A100"
    " needs DCGM)"
)
_VERSION = 1
_ROUNDED_PERCENT = 1.0  # so much above 100 is rounding
_MOST_MIB_PER_S = 1e7  # 10 TB/s: no link of today has it


class Counters:
    """The counters of one GPU, or of one MIG slice."""

    def __init__(self, device: Device) -> None:
        """Find out whether there are any; NvmlError: there are none, or they are not allowed."""
        if not call("nvmlGpmQueryDeviceSupport", device.board).isSupportedDevice:
            raise NvmlError(NONE_HERE, code=NOT_SUPPORTED)
        self.device = device
        self.instance = None
        if device.mig is not None:
            self.instance = call("nvmlDeviceGetGpuInstanceId", device.handle)
        self.before, self.newest = call("nvmlGpmSampleAlloc"), call("nvmlGpmSampleAlloc")

    def take(self) -> None:
        """Take a sample; NvmlError."""
        self.before, self.newest = self.newest, self.before
        if self.instance is None:
            call("nvmlGpmSampleGet", self.device.handle, self.newest)
        else:
            call("nvmlGpmMigSampleGet", self.device.board, self.instance, self.newest)

    def between(self) -> dict[str, float | None]:
        """Return the means between the last two samples; None: that metric is not reported.

        NvmlError, also where any value is impossible: then none of them can be trusted.
        """
        question = binding().c_nvmlGpmMetricsGet_t()
        question.version, question.numMetrics = _VERSION, len(METRICS)
        question.sample1, question.sample2 = self.before, self.newest
        for place, number in enumerate(METRICS.values()):
            question.metrics[place].metricId = number
        answers = call("nvmlGpmMetricsGet", question).metrics
        return {name: _value(name, answers[place]) for place, name in enumerate(METRICS)}


class ImpossibleError(NvmlError):
    """A value that no counter can have: it wrapped, or somebody else reads the counters too."""


def _value(name: str, answer: Any) -> float | None:
    if answer.nvmlReturn:
        return None
    value = float(answer.value)
    is_percent = name.endswith("_percent")
    most = 100.0 + _ROUNDED_PERCENT if is_percent else _MOST_MIB_PER_S
    if not math.isfinite(value) or not 0.0 <= value <= most:
        raise ImpossibleError(f"{name} was {value:g}")
    return min(value, 100.0) if is_percent else value


def why_none(device: Device) -> str | None:
    """Return why a GPU's counters cannot be read; None: they can."""
    try:
        Counters(device).take()
    except NvmlError as error:
        return error.with_hint()
    return None
