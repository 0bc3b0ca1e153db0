"""What the monitor of an experiment has measured last, from the ends of its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from tandem.measure.rows import Row, newest_rows
from tandem.results.state import Board, Newest, Use

OLD_S = 10.0  # what is older says nothing of now
_RECENT_S = 30.0  # memory is looked at every few seconds
_APART_S = 0.9  # CPU time is counted between rows so far apart: a tick is 0.01 s


def read_newest(energy: Path, now_s: float) -> Newest | None:
    """Return the newest rows in a monitor's folder; None: there is none of the last 10 s.

    `now_s` is on CLOCK_BOOTTIME. What is missing in them, or older, is None.
    """
    try:
        boards = {file.stem: newest_rows(file) for file in sorted(energy.glob("gpu_*.csv"))}
        cpu = newest_rows(energy / "cpu.csv")
    except OSError:
        return None
    age_s = min(_age_s(rows, now_s) for rows in (cpu, *boards.values()))
    if age_s > OLD_S:
        return None
    gpus = tuple(
        _board(stem, rows[-1] if _age_s(rows, now_s) <= OLD_S else {})
        for stem, rows in boards.items()
    )
    cpu = [row for row in cpu if _age_s([row], now_s) <= _RECENT_S]
    return Newest(round(max(0.0, age_s), 1), gpus, _cpu(cpu, "foreground"), _cpu(cpu, "background"))


def _age_s(rows: Sequence[Row], now_s: float) -> float:
    stamp_s = _number(rows[-1], "boottime_s") if rows else None
    return float("inf") if stamp_s is None else now_s - stamp_s


def _board(stem: str, row: Row) -> Board:
    name = stem.replace("gpu_", "GPU ").replace("_mig_", " MIG ")
    power_w, percent = _number(row, "power_mean_w"), _number(row, "sm_percent")
    foreground, background = (
        Use(_number(row, f"{role}_sm_percent"), _number(row, f"{role}_memory_mib"))
        for role in ("foreground", "background")
    )
    memory_mib = _number(row, "memory_used_mib")
    return Board(name, power_w, percent, memory_mib, foreground, background)


def _cpu(rows: Sequence[Row], role: str) -> Use:
    """Return the CPU time, in percent of one CPU, of about the last second, and the newest memory.

    Not every row has both: memory is looked at more seldom, and a process may just be ending.
    """
    memory_mib = next((value for _, value in _newest_first(rows, f"{role}_pss_mib")), None)
    cpu = list(_newest_first(rows, f"{role}_cpu_s"))
    for from_s, from_cpu_s in cpu:
        to_s, to_cpu_s = cpu[0]
        if to_s - from_s >= _APART_S:
            percent = max(0.0, to_cpu_s - from_cpu_s) / (to_s - from_s) * 100
            return Use(round(percent, 1), memory_mib)
    return Use(None, memory_mib)


def _newest_first(rows: Sequence[Row], column: str) -> Iterator[tuple[float, float]]:
    """Yield when a column had a value, and that value."""
    for row in reversed(rows):
        stamp_s, value = _number(row, "boottime_s"), _number(row, column)
        if stamp_s is not None and value is not None:
            yield stamp_s, value


def _number(row: Row, column: str) -> float | None:
    value = row.get(column)
    return value if isinstance(value, float) else None
