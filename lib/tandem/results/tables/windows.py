"""The table of windows: a row for each window on each of its boards."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.tables.table import KEYS, WORTH, Column, Facts, Kind, Table

_GPU: dict[str, str] = {
    "energy_joules": "Energy of the board by the method chosen.",
    "energy_uncertainty_joules": "One standard deviation of it, by window edges, gaps and what the"
    " sensor may not have seen; its gain is not in it.",
    "board_gain_percent": "Systematic error of the board's sensor; it cancels in ratios on one"
    " board.",
    "energy_counter_joules": "Energy by the board's own counter.",
    "energy_trapezoid_joules": "Energy by the trapezoid rule over samples of power.",
    "disagreement_percent": "Energy by the trapezoid rule less that by the counter, of the latter.",
    "power_avg_watts": "Mean power.",
    "power_min_watts": "Lowest sample of power.",
    "power_max_watts": "Highest sample of power.",
    "sm_avg_percent": "Mean use by everybody.",
    "sm_max_percent": "Highest use by everybody.",
    "memory_max_mib": "Most memory in use.",
    "temperature_start_celsius": "Temperature at the start.",
    "temperature_avg_celsius": "Mean temperature.",
    "temperature_max_celsius": "Highest temperature.",
    "sm_clock_avg_mhz": "Mean clock of the SMs.",
    "sm_clock_min_mhz": "Lowest clock of the SMs.",
    "memory_clock_avg_mhz": "Mean clock of the memory.",
    "memory_clock_min_mhz": "Lowest clock of the memory.",
    "execution_idle_seconds": "For how long it was held while next to nothing ran on it.",
    "execution_idle_joules": "What the board used in that time.",
    "largest_gap_seconds": "Longest time between two samples of power.",
    "hidden_memory_mib": "Most memory that no visible process held.",
}
_COUNTERS = {
    "sm_active_percent": "SMs that were busy, by NVML's GPM counters",
    "sm_occupancy_percent": "Warps that were active",
    "tensor_active_percent": "Time in which the SMs did tensor operations",
    "dram_active_percent": "Bandwidth of the board's memory in use",
    "fp64_active_percent": "Time in which the SMs did other FP64 operations",
    "fp32_active_percent": "Time in which the SMs did other FP32 operations",
    "fp16_active_percent": "Time in which the SMs did other FP16 operations",
    "pcie_tx_mib_per_s": "Traffic from the board over PCIe",
    "pcie_rx_mib_per_s": "Traffic to the board over PCIe",
    "nvlink_rx_mib_per_s": "Traffic to the board over NVLink",
    "nvlink_tx_mib_per_s": "Traffic from the board over NVLink",
}
_ROLE = {
    "sm_avg_percent": "Mean use by the {role}'s processes.",
    "memory_max_mib": "Most memory that the {role}'s processes held.",
}
_CPU = {
    "package_joules": "Energy of the processor packages by RAPL.",
    "dram_joules": "Energy of the memory by RAPL.",
    "total_joules": "Both together.",
    "foreground_cpu_seconds": "CPU time of the foreground's processes.",
    "background_cpu_seconds": "CPU time of the background's processes.",
    "foreground_pss_max_mib": "Most memory of the foreground's processes together (PSS).",
    "background_pss_max_mib": "Most memory of the background's processes together (PSS).",
}
_MACHINE = {
    "others_cpu_percent": "CPU time of others, of all CPUs.",
    "steal_percent": "CPU time that other virtual machines took, of all CPUs.",
    "swapped_in_mib": "Memory that came back from swap.",
}
_PRESSURE = {
    "cpu_some": "Time in which some process waited for a CPU.",
    "memory_some": "Time in which some process waited for memory.",
    "memory_full": "Time in which all that could run waited for memory.",
    "io_some": "Time in which some process waited for a disk.",
    "io_full": "Time in which all that could run waited for a disk.",
}
_LOAD: dict[str, tuple[Kind, str]] = {
    "coverage": ("number", "Share of the window, 0 to 1, in which all backgrounds were running."),
    "rounds_completed": ("integer", "Whole rounds within the window that were completed."),
    "rounds_failed": ("integer", "Rounds that failed within the window."),
    "rounds_hollow": ("integer", "Hollow rounds that ended within the window."),
    "rounds_per_second": ("number", "Rate of the whole rounds, each with its pause."),
    "seconds_without": ("number", "Seconds without any background training."),
    "longest_gap_seconds": ("number", "Longest stretch without any background training."),
}


def _columns() -> Iterator[Column]:
    yield from KEYS
    yield Column("window_number", "integer", "Its place among the experiment's windows, from 1.")
    says = (
        "idle, idle_context (a bare CUDA context is held), background (alone), foreground, or solo"
        " (a foreground that is a control)."
    )
    yield Column("window", "string", says, "window.name")
    says = "Number of the attempt that it is of; empty for those before the first."
    yield Column("attempt", "integer", says, "window.attempt")
    says = "Which of the window's boards the row is of, from 1; 0: none was measured."
    yield Column("board_number", "integer", says)
    yield Column("board", "string", "UUID of the board, or of its MIG slice.", "gpu.uuid")
    yield Column("board_index", "integer", "Index of the board in NVML's order.", "gpu.index")
    yield Column("board_name", "string", "Product name of the board.", "gpu.name")
    yield from WORTH
    for name, says in (("start", "Start"), ("end", "End")):
        path = {"start": "window.started", "end": "window.ended"}[name]
        yield Column(f"{name}_utc", "datetime", f"{says} of the window.", path)
        path = f"window.{name}_boottime_s"
        yield Column(f"{name}_boottime_s", "number", f"{says} of it on CLOCK_BOOTTIME.", path)
    says = "Length, without suspensions of the machine."
    yield Column("duration_seconds", "number", says, "window.duration_seconds")
    says = "For how long the machine was suspended in it."
    yield Column("suspended_seconds", "number", says, "window.suspended_seconds")
    for name, says in _GPU.items():
        yield Column(f"gpu_{name}", "number", says, f"gpu.{name}")
    yield Column("gpu_energy_method", "string", "counter or trapezoid.", "gpu.energy_method")
    yield Column("gpu_energy_reason", "string", "Why its energy is empty.", "energy_reason")
    yield Column("gpu_samples", "integer", "Number of samples of power.", "gpu.samples")
    says = "Share of the window without gaps in the sampling, 0 to 1."
    yield Column("gpu_sampling_coverage", "number", says, "gpu.sampling_coverage")
    for name, says in _COUNTERS.items():
        stem, unit = name.split("_percent")[0].split("_mib")[0], name.partition("_mib_per_s")[1]
        for kind, word in (("mean", "mean"), ("max", "highest mean of a second or so")):
            column = f"gpu_{stem}_{kind}{unit or '_percent'}"
            yield Column(column, "number", f"{says}: {word}.", f"gpu.counters.{name}_{kind}")
    says = "Why these are empty, or of what part of the window they are not known."
    yield Column("gpu_counters_reason", "string", says, "gpu.counters_reason")
    for role in ("foreground", "background"):
        for name, says in _ROLE.items():
            path = f"gpu.{role}.{name}"
            yield Column(f"gpu_{role}_{name}", "number", says.format(role=role), path)
    for name, says in _CPU.items():
        column = f"cpu_{name}" if name.endswith("_joules") else name
        yield Column(column, "number", says, f"window.cpu.{name}")
    yield Column("cpu_energy_reason", "string", "Why one of these is empty.", "window.cpu.reason")
    for name, says in _MACHINE.items():
        yield Column(name, "number", says, f"window.machine.{name}")
    for name, says in _PRESSURE.items():
        path = f"window.machine.pressure_percent.{name}"
        yield Column(f"{name}_pressure_percent", "number", says, path)
    for name, (kind, says) in _LOAD.items():
        yield Column(f"load_{name}", kind, says, f"window.load.{name}")
    says = "What a reader of these figures must know, with `; ` between."
    yield Column("warnings", "string", says)


def rows(
    run: RunReading, experiment: ExperimentReading, note: Callable[[str], None]
) -> Iterator[Facts]:
    record = experiment.record
    for number, window in enumerate(record["windows"] if record else (), 1):
        gpus: list[Any] = [*enumerate(window["gpus"], 1)] or [(0, None)]
        for board_number, gpu in gpus:
            yield {
                "record": record,
                "window": window,
                "window_number": number,
                "board_number": board_number,
                "gpu": gpu,
                "energy_reason": gpu["energy_reason"] if gpu else window["gpus_reason"],
                "warnings": [*window["warnings"], *(gpu["warnings"] if gpu else ())],
            }


WINDOWS = Table(
    name="windows",
    description="One row for each stretch of time that was measured as a whole, on each board that"
    " was measured; `gpu_` begins what is of the board, all else is of the window and stands in"
    " each of its rows.",
    key=("run", "experiment", "window_number", "board_number"),
    columns=(*_columns(),),
    rows=rows,
)
