"""The monitor's CSV files: their columns, writing a row, reading rows back. Standard library only.

A file has one header line, then rows that are appended whole, in the order of `boottime_s`. An
empty cell was not measured. Cumulative columns count from the monitor's start, but for the board's
own energy counter. A last line that a kill or a full disk left torn is no row.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

# When the readings were taken, on CLOCK_BOOTTIME, and why there is a row:
# "" its time had come · "mark" asked for (SIGUSR1) · "stale" and "fresh" the samples right before
# and behind a step of the board's energy counter, of the two steps after a mark · "fine" while
# power may be older than the mark · "filled" made of the driver's own buffer of power samples after
# the monitor had been held up · "last" the end
CLOCK_COLUMNS = ("boottime_s", "kind")
ROLES = ("foreground", "background")
CONTEXT = "context"  # who holds a bare CUDA context for us: no training, and no stranger
THROTTLED = ("power", "thermal", "sync_boost", "board_limit", "reliability")
GPU_COLUMNS = (
    *CLOCK_COLUMNS,
    "energy_counter_mj",  # the board's own, since its driver was loaded
    "energy_trapezoid_j",  # cumulative: instant power over the samples
    "power_mean_w",  # these four: instant power since the row before
    "power_min_w",
    "power_max_w",
    "power_jumps_w2",  # sum of the squares of its changes from sample to sample
    "power_average_w",  # as the board averages it itself
    "samples",  # of instant power since the row before
    "largest_gap_s",  # longest time between two of them
    "unsampled_s",  # sum of the gaps longer than two and a half intervals
    "sm_percent",
    "memory_percent",  # of the time in which memory was read or written
    "memory_used_mib",
    "temperature_c",
    "sm_clock_mhz",
    "memory_clock_mhz",
    "event_reasons",  # bits in hexadecimal: why clocks were lower than they could be
    # for how long each of these has held the clocks down since some moment, by the driver
    *(f"throttled_{reason}_s" for reason in THROTTLED),
    "foreground_sm_percent",
    "foreground_memory_mib",
    "background_sm_percent",
    "background_memory_mib",
    "strangers_sm_percent",
    "strangers_memory_mib",
    "context_memory_mib",
)
# In gpm_N.csv, where counters were asked for: means from `from_s` to boottime_s. A row without any
# is one whose values were impossible.
GPM_COLUMNS = (
    *(*CLOCK_COLUMNS, "from_s"),
    *("sm_active_percent", "sm_occupancy_percent", "tensor_active_percent", "dram_active_percent"),
    *("fp64_active_percent", "fp32_active_percent", "fp16_active_percent"),
    *("pcie_tx_mib_per_s", "pcie_rx_mib_per_s", "nvlink_rx_mib_per_s", "nvlink_tx_mib_per_s"),
)
# In cpu.csv: CLOCK_BOOTTIME less CLOCK_MONOTONIC, that is for how long the machine was suspended
# since its start. It changes by a suspension alone; a duration is the difference of two stamps less
# by how much this has grown.
SUSPENDED = "suspended_s"
ON_GPUS = "on_gpus.csv"
# In it: on which GPUs of the whole machine somebody was since the row before, each column the
# stems of their files with spaces between, also of GPUs that have no file
PLACE_COLUMNS = (
    *CLOCK_COLUMNS,
    "foreground_on",
    "background_on",
    "strangers_on",
    "context_on",
    "unclear_on",  # whose process it is cannot be said: it is not in /proc here, or MPS's server
    "unread_on",  # the list of processes could not be read
)
ROLE_COLUMNS = tuple(
    f"{role}_{column}"
    for role in ROLES
    # pss: of all processes together, pages that they share counted once, asked for seldom;
    # largest_rss: of the largest single process
    for column in ("cpu_s", "pss_mib", "largest_rss_mib")
)
# In machine.csv: sums since the machine's start, but for own_cpu_s, which is since the monitor's.
MACHINE_COLUMNS = (
    *CLOCK_COLUMNS,
    "total_cpu_s",  # of all CPUs, idle or not
    "busy_cpu_s",  # in user, nice and system; waiting for a disk is idle, interrupts are nobody's
    "own_cpu_s",  # of these, what the processes of this run used
    "steal_cpu_s",  # taken by other virtual machines
    "swapped_in_mib",
    *("cpu_some_s", "memory_some_s", "memory_full_s", "io_some_s", "io_full_s"),  # pressure (PSI)
)
TEXT_COLUMNS = frozenset({"kind", "event_reasons", *PLACE_COLUMNS[2:]})

_BLOCK_BYTES = 4096

Cell = float | str | None  # a number, the text of a TEXT_COLUMNS column, not measured
Row = dict[str, Cell]


def cpu_columns(zones: Sequence[str]) -> tuple[str, ...]:
    """The columns of cpu.csv: cumulative microjoules a RAPL zone, then what the two trees used."""
    return (*CLOCK_COLUMNS, SUSPENDED, *(f"{zone}_uj" for zone in zones), *ROLE_COLUMNS)


def number(value: float | None, digits: int) -> str:
    """A number with at most so many decimals and nothing needless; empty for None."""
    if value is None:
        return ""
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def read_rows(path: Path, offset: int = 0) -> Iterator[Row]:
    """Yield the rows in their order, from the line that begins at `offset` on; none of no file."""
    try:
        with open(path, "rb") as file:
            columns = _columns(file)
            file.seek(max(offset, file.tell()))
            for line in file:
                row = _row(columns, line)
                if row:
                    yield row
    except FileNotFoundError:
        return


def rows_between(path: Path, from_s: float, to_s: float) -> Iterator[Row]:
    """Yield the rows from the last one at or before `from_s` to the first one at or after `to_s`.

    Where there is none before or after, the first or last row inside. The file is not read whole.
    """
    before: Row | None = None
    for row in read_rows(path, _offset_before(path, from_s)):
        when_s = row["boottime_s"]
        assert isinstance(when_s, float)
        if when_s <= from_s:
            before = row
            continue
        if before:
            yield before
            before = None
        yield row
        if when_s >= to_s:
            return
    if before:
        yield before


def last_row(path: Path) -> Row | None:
    """Return the newest row without reading the whole file; None where there is none."""
    return next(_newest_first(path), None)


def newest_rows(path: Path) -> list[Row]:
    """Return the rows at the end of a file, oldest first, without reading the whole file."""
    return list(_newest_first(path))[::-1]


def _newest_first(path: Path) -> Iterator[Row]:
    try:
        with open(path, "rb") as file:
            columns = _columns(file)
            begin = file.tell()
            end = file.seek(0, os.SEEK_END)
            if end - _BLOCK_BYTES > begin:
                file.seek(end - _BLOCK_BYTES)
                file.readline()  # the rest of a line
            else:
                file.seek(begin)
            lines = file.read().splitlines(keepends=True)
    except FileNotFoundError:
        return
    yield from filter(None, (_row(columns, line) for line in reversed(lines)))


def _columns(file: BinaryIO) -> list[str]:
    return file.readline().decode("ascii", "replace").rstrip("\n").split(",")


def _row(columns: Sequence[str], line: bytes) -> Row | None:
    """Return what a line says; None if it is torn."""
    if not line.endswith(b"\n"):
        return None
    cells = line[:-1].decode("ascii", "replace").split(",")
    if len(cells) != len(columns):
        return None
    try:
        row: Row = {
            column: text if column in TEXT_COLUMNS else float(text) if text else None
            for column, text in zip(columns, cells, strict=True)
        }
    except ValueError:
        return None
    return row if row.get("boottime_s") is not None else None


def _offset_before(path: Path, from_s: float) -> int:
    """Return where a line begins that lies before a moment: halving, as rows are in order."""
    try:
        with open(path, "rb") as file:
            columns = _columns(file)
            low, high = file.tell(), file.seek(0, os.SEEK_END)
            while high - low > _BLOCK_BYTES:
                middle = (low + high) // 2
                file.seek(middle)
                file.readline()  # the rest of a line
                begin = file.tell()
                row = _row(columns, file.readline())
                if row is None or begin >= high or float(row["boottime_s"] or 0.0) > from_s:
                    high = middle
                else:
                    low = begin
            return low
    except FileNotFoundError:
        return 0
