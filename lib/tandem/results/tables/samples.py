"""The table of samples: every row that the monitor wrote, of boards, CPUs and machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tandem.base.clock import Moment
from tandem.base.files import sha256_of
from tandem.base.json_object import json_object
from tandem.measure.rows import CLOCK_COLUMNS, THROTTLED, read_rows
from tandem.results.journal import pruned_in
from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.tables.table import KEYS, Column, Facts, Table

FOLDER, MONITOR = "energy", "monitor.json"
_PATTERNS = ("gpu_*.csv", "gpm_*.csv", "cpu.csv", "machine.csv")
_ZONE = "_uj"

_BOARD = {
    "energy_counter_mj": "The board's own counter, since its driver was loaded.",
    "energy_trapezoid_j": "Energy since the monitor's start, by samples of instant power.",
    "power_mean_w": "Mean of the samples of instant power since the row before.",
    "power_min_w": "Lowest of them.",
    "power_max_w": "Highest of them.",
    "power_jumps_w2": "Sum of the squares of the changes from one of them to the next.",
    "power_average_w": "Power as the board averages it itself.",
    "samples": "Samples of instant power since the row before.",
    "largest_gap_s": "Longest time between two of them.",
    "unsampled_s": "Sum of the gaps that are longer than two and a half intervals.",
    "sm_percent": "Use of the board by everybody, of the time.",
    "memory_percent": "Time in which its memory was read or written.",
    "memory_used_mib": "Memory in use.",
    "temperature_c": "Temperature.",
    "sm_clock_mhz": "Clock of the SMs.",
    "memory_clock_mhz": "Clock of the memory.",
    **{
        f"throttled_{reason}_s": f"How long {reason.replace('_', ' ')} has held the clocks down,"
        " by the driver, since some moment."
        for reason in THROTTLED
    },
    "foreground_sm_percent": "Use of the board by the foreground.",
    "foreground_memory_mib": "Memory of the board that the foreground holds.",
    "background_sm_percent": "Use of the board by the background.",
    "background_memory_mib": "Memory of the board that the background holds.",
    "strangers_sm_percent": "Use of the board by strangers.",
    "strangers_memory_mib": "Memory of the board that strangers hold.",
    "context_memory_mib": "Memory of the board that the bare context takes (idle_context).",
}
_COUNTERS = {
    "from_s": "Of NVML's GPM counters: since when, on CLOCK_BOOTTIME, the means of the row are.",
    "sm_active_percent": "SMs that were busy.",
    "sm_occupancy_percent": "Warps that were active, of the most there can be.",
    "tensor_active_percent": "Time in which the SMs did tensor operations.",
    "dram_active_percent": "Bandwidth of the board's memory in use, of the most there can be.",
    "fp64_active_percent": "Time in which the SMs did other FP64 operations.",
    "fp32_active_percent": "Time in which the SMs did other FP32 operations.",
    "fp16_active_percent": "Time in which the SMs did other FP16 operations.",
    "pcie_tx_mib_per_s": "Traffic from the board over PCIe.",
    "pcie_rx_mib_per_s": "Traffic to the board over PCIe.",
    "nvlink_rx_mib_per_s": "Traffic to the board over NVLink.",
    "nvlink_tx_mib_per_s": "Traffic from the board over NVLink.",
}
_CPU = {
    "suspended_s": "For how long the machine was suspended since its start.",
    "foreground_cpu_s": "CPU time of the foreground since the monitor's start.",
    "foreground_pss_mib": "Memory of its processes together (PSS); looked at seldom.",
    "foreground_largest_rss_mib": "Resident memory of the largest of its processes.",
    "background_cpu_s": "CPU time of the background since the monitor's start.",
    "background_pss_mib": "Memory of its processes together (PSS); looked at seldom.",
    "background_largest_rss_mib": "Resident memory of the largest of its processes.",
}
_MACHINE = {
    "total_cpu_s": "Time of all CPUs since the machine's start.",
    "busy_cpu_s": "The part of it in which they were busy.",
    "own_cpu_s": "What the processes of this run used of it since the monitor's start.",
    "steal_cpu_s": "What other virtual machines took of it.",
    "swapped_in_mib": "Memory that came back from swap since the machine's start.",
    "cpu_some_s": "Time since then in which some process waited for a CPU.",
    "memory_some_s": "Time since then in which some process waited for memory.",
    "memory_full_s": "Time since then in which all that could run waited for memory.",
    "io_some_s": "Time since then in which some process waited for a disk.",
    "io_full_s": "Time since then in which all that could run waited for a disk.",
}
_KIND = (
    "Why there is a row: empty (its time had come), mark (a window's edge), last (the end), stale,"
    " fresh, fine or filled (docs/measuring.md)."
)


def more(runs: Iterable[RunReading]) -> Iterator[Column]:
    """Yield a column for each zone of RAPL that any file has."""
    zones = {name for run in runs for id in run.ids for name in _zones(run.path / id / FOLDER)}
    for name in sorted(zones):
        says = f"Counter of the RAPL zone {name.removesuffix(_ZONE)}, without its wraps."
        yield Column(name, "number", says)


def _zones(folder: Path) -> list[str]:
    try:
        with open(folder / "cpu.csv", encoding="ascii", errors="replace") as file:
            names = file.readline().rstrip("\n").split(",")
    except OSError:
        return []
    return [name for name in names if name.endswith(_ZONE)]


def rows(
    run: RunReading, experiment: ExperimentReading, note: Callable[[str], None]
) -> Iterator[Facts]:
    folder = experiment.folder / FOLDER
    digests = dict(experiment.record["digests"]) if experiment.record else {}
    files = [file for pattern in _PATTERNS for file in sorted(folder.glob(pattern))]
    _note_missing(run, experiment, {*digests}, note)
    monitor = _monitor(folder) if files else {}
    if monitor is None:
        note(f"{folder / MONITOR}: cannot be read: its samples have no UTC and no board")
    for file in files:
        try:
            if digests.get(f"{FOLDER}/{file.name}", None) not in (None, sha256_of(file)):
                note(f"{file}: not what the record was made of (see tandem verify)")
                continue
            yield from _rows_in(file, monitor or {})
        except OSError as error:
            note(f"{file}: cannot be read: {error.strerror}")


def _note_missing(
    run: RunReading, experiment: ExperimentReading, told: set[str], note: Callable[[str], None]
) -> None:
    """Note which files of samples a record rests on that are gone."""
    for name in sorted(told):
        place = Path(name)
        is_ours = any(place.match(f"{FOLDER}/{pattern}") for pattern in _PATTERNS)
        if is_ours and not (experiment.folder / name).exists():
            if "samples" in pruned_in(run.path):
                note(f"{run.path}: samples of it were pruned")
                return
            note(f"{experiment.folder / name}: is gone")


def _monitor(folder: Path) -> Mapping[str, Any] | None:
    """Return what is said of boards and clocks; None: nothing that can be read."""
    found: Any = json_object(folder / MONITOR)
    try:
        boards = {
            board[file]: (board["uuid"], board["index"])
            for board in found["gpus"]
            for file in ("file", "counters_file")
            if board.get(file)
        }
        return {"clock": Moment(**found["clock"]), "boards": boards}
    except (KeyError, TypeError):
        return None


def _rows_in(file: Path, monitor: Mapping[str, Any]) -> Iterator[Facts]:
    clock: Moment | None = monitor.get("clock")
    board, index = monitor.get("boards", {}).get(file.name, (None, None))
    same = {"source": file.stem, "board": board, "board_index": index}
    for number, row in enumerate(read_rows(file), 1):
        when_s = row["boottime_s"]
        assert isinstance(when_s, float)
        utc = clock.iso_at(when_s) if clock else None
        yield {**row, **same, "sample_number": number, "row_kind": row.get("kind"), "at_utc": utc}


SAMPLES = Table(
    name="samples",
    description="One row for each row of the monitor: `source` is the file that it stands in, and a"
    " column that this file does not have is empty.",
    key=("run", "experiment", "source", "sample_number"),
    columns=(
        *KEYS,
        Column("source", "string", "gpu_N and gpm_N (one for each board), cpu or machine."),
        Column("sample_number", "integer", "Number of the row in its file, from 1."),
        Column("board", "string", "UUID of the board; empty for cpu and machine."),
        Column("board_index", "integer", "Index of the board in NVML's order."),
        Column("row_kind", "string", _KIND),
        Column("at_utc", "datetime", "When the readings were taken."),
        Column(CLOCK_COLUMNS[0], "number", "The same on CLOCK_BOOTTIME."),
        *(Column(name, "number", says) for name, says in _BOARD.items()),
        Column("event_reasons", "string", "Why the clocks were low, as bits in hexadecimal."),
        *(Column(name, "number", says) for name, says in {**_CPU, **_MACHINE, **_COUNTERS}.items()),
    ),
    rows=rows,
    more=more,
    streams=True,
)
