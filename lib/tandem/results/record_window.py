"""Windows in a record: what sensors and background say of a stretch of time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypedDict


class GpuSeen(TypedDict):
    index: int
    uuid: str
    measured: bool


class RoleGpus(TypedDict):
    gpus: list[GpuSeen] | None
    reason: str | None


class GpusUsed(TypedDict):
    foreground: RoleGpus
    background: RoleGpus


class DoseInWindow(TypedDict):
    mode: str
    target: float
    seed: int | None
    duty_mean: float | None
    stopped_seconds: float | None
    sm_avg_percent: float | None
    reason: str | None


class LoadOfOne(TypedDict):
    coverage: float | None
    rounds_completed: int
    rounds_failed: int
    rounds_hollow: int
    rounds_per_second: float | None
    rate_reason: str | None
    seconds_without: float | None
    longest_gap_seconds: float | None


class LoadPart(LoadOfOne):
    cpu_seconds: float | None
    dose: DoseInWindow | None


class Load(LoadOfOne):
    parts: list[LoadPart]
    sm_avg_percent: float | None
    memory_max_mib: float | None


class GpuUse(TypedDict):
    sm_avg_percent: float | None
    memory_max_mib: float | None


class Stranger(TypedDict):
    pid: int
    kind: str
    user: str
    name: str
    memory_mib: float | None
    sm_percent: float | None
    identified: bool
    seen: str
    gone: str | None


class ClocksAtWork(TypedDict):
    of: str | None
    sm_mhz: float | None
    sm_uncertainty_mhz: float | None
    memory_mhz: float | None
    memory_uncertainty_mhz: float | None
    known_percent: float
    reason: str | None


class Counters(TypedDict):
    source: str
    known_percent: float
    sm_active_percent_mean: float | None
    sm_active_percent_max: float | None
    sm_occupancy_percent_mean: float | None
    sm_occupancy_percent_max: float | None
    tensor_active_percent_mean: float | None
    tensor_active_percent_max: float | None
    dram_active_percent_mean: float | None
    dram_active_percent_max: float | None
    fp64_active_percent_mean: float | None
    fp64_active_percent_max: float | None
    fp32_active_percent_mean: float | None
    fp32_active_percent_max: float | None
    fp16_active_percent_mean: float | None
    fp16_active_percent_max: float | None
    pcie_tx_mib_per_s_mean: float | None
    pcie_tx_mib_per_s_max: float | None
    pcie_rx_mib_per_s_mean: float | None
    pcie_rx_mib_per_s_max: float | None
    nvlink_rx_mib_per_s_mean: float | None
    nvlink_rx_mib_per_s_max: float | None
    nvlink_tx_mib_per_s_mean: float | None
    nvlink_tx_mib_per_s_max: float | None


class WindowGpu(TypedDict):
    index: int
    uuid: str
    name: str
    mig: bool
    energy_counter_joules: float | None
    energy_trapezoid_joules: float | None
    energy_joules: float | None
    energy_method: str | None
    energy_reason: str | None
    energy_uncertainty_joules: float | None
    board_gain_percent: float
    disagreement_percent: float | None
    power_avg_watts: float | None
    power_max_watts: float | None
    power_min_watts: float | None
    counter_period_seconds: float | None
    power_period_seconds: float | None
    temperature_start_celsius: float | None
    temperature_avg_celsius: float | None
    temperature_max_celsius: float | None
    sm_avg_percent: float | None
    sm_max_percent: float | None
    memory_max_mib: float | None
    event_reasons: list[str]
    sm_clock_avg_mhz: float | None
    sm_clock_min_mhz: float | None
    memory_clock_avg_mhz: float | None
    memory_clock_min_mhz: float | None
    execution_idle_seconds: float | None
    execution_idle_joules: float | None
    execution_idle_reason: str | None
    clocks_at_work: ClocksAtWork
    counters: Counters | None
    counters_reason: str | None
    throttled_percent: dict[str, float]
    throttled_by: str | None
    samples: int
    largest_gap_seconds: float | None
    sampling_coverage: float | None
    processes_mapped: bool | None
    mps: bool
    foreground_seen: bool | None
    background_seen: bool | None
    foreground: GpuUse | None
    background: GpuUse | None
    strangers: list[Stranger]
    hidden_memory_mib: float | None
    strangers_reason: str | None
    strangers_hidden_reason: str | None
    warnings: list[str]


class WindowCpu(TypedDict):
    package_joules: float | None
    dram_joules: float | None
    total_joules: float | None
    reason: str | None
    foreground_cpu_seconds: float | None
    background_cpu_seconds: float | None
    foreground_pss_max_mib: float | None
    foreground_pss_reason: str | None
    foreground_largest_rss_max_mib: float | None
    background_pss_max_mib: float | None
    background_pss_reason: str | None
    background_largest_rss_max_mib: float | None


class Pressure(TypedDict):
    cpu_some: float | None
    memory_some: float | None
    memory_full: float | None
    io_some: float | None
    io_full: float | None


class WindowMachine(TypedDict):
    others_cpu_percent: float | None
    others_cpu_reason: str | None
    steal_percent: float | None
    swapped_in_mib: float | None
    pressure_percent: Pressure


class Window(TypedDict):
    name: str
    attempt: int | None
    started: str | None
    ended: str | None
    start_boottime_s: float
    end_boottime_s: float
    duration_seconds: float
    suspended_seconds: float | None
    gpus: list[WindowGpu]
    gpus_reason: str | None
    has_gpu: bool | None
    gpus_used: GpusUsed
    cpu: WindowCpu
    machine: WindowMachine
    load: Load | None
    warnings: list[str]


def last_window(windows: Sequence[Window], name: str, attempt: int | None = None) -> Window | None:
    """Return the newest window of a name, or the one of an attempt; None if there is none."""
    for each in reversed(windows):
        if each["name"] == name and attempt in (None, each["attempt"]):
            return each
    return None


def used_by(window: Window | None, role: str) -> list[GpuSeen] | None:
    """Return the GPUs on which the foreground or the background was seen; None: not known."""
    if window is None:
        return None
    both = window["gpus_used"]
    return (both["foreground"] if role == "foreground" else both["background"])["gpus"]


def why_unknown(window: Window | None, role: str) -> str | None:
    """Return why used_by() is None."""
    if window is None:
        return "no foreground was measured"
    both = window["gpus_used"]
    return (both["foreground"] if role == "foreground" else both["background"])["reason"]
