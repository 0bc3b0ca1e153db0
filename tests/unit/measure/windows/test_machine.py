"""What others took of the machine in a window, by rows about it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from support.monitored import write_table
from tandem.measure.rows import MACHINE_COLUMNS
from tandem.measure.windows.gpu import Span
from tandem.measure.windows.machine import machine_facts

CPUS = 4
UNKNOWN = dict.fromkeys(("cpu_some", "memory_some", "memory_full", "io_some", "io_full"))


def rows(**rates: float) -> list[dict[str, Any]]:
    """Rows a second of a machine with four CPUs; `rates` are by how much columns grow a second."""
    usual = {"total_cpu_s": CPUS, "busy_cpu_s": 2.0, "own_cpu_s": 1.5, "steal_cpu_s": 0.0}
    return [
        {"boottime_s": 100 + second}
        | {column: 1000 + second * rate for column, rate in (usual | rates).items()}
        for second in range(11)
    ]


def facts(
    folder: Path,
    known: Sequence[dict[str, Any]],
    to_s: float = 106.5,
    reason: str | None = None,
) -> dict[str, Any]:
    write_table(folder / "machine.csv", MACHINE_COLUMNS, known)
    return machine_facts(folder, reason, Span(102.5, to_s, to_s - 102.5))


def test_others_are_in_percent_of_all_cpus(tmp_path: Path) -> None:
    pressure = {"cpu_some_s": 0.5, "memory_some_s": 0.25, "memory_full_s": 0.125, "io_full_s": 0.0}
    known = rows(steal_cpu_s=0.2, swapped_in_mib=3.0, **pressure)
    assert facts(tmp_path, known) == {
        "others_cpu_percent": 12.5,
        "others_cpu_reason": None,
        "steal_percent": 5.0,
        "swapped_in_mib": 12.0,
        "pressure_percent": {
            "cpu_some": 50.0,
            "memory_some": 25.0,
            "memory_full": 12.5,
            "io_some": None,
            "io_full": 0.0,
        },
    }


def test_ticks_may_count_less_than_the_processes_say(tmp_path: Path) -> None:
    assert facts(tmp_path, rows(own_cpu_s=2.1))["others_cpu_percent"] == 0.0


def test_rows_that_looked_at_no_process_say_nothing_of_others(tmp_path: Path) -> None:
    """Both are taken from the same rows, so that a burst between two of them is nobody else's."""
    known = rows()
    for row in known[3:8]:
        del row["own_cpu_s"]
        row["busy_cpu_s"] += 0.5
    assert facts(tmp_path, known)["others_cpu_percent"] == 12.5


@pytest.mark.parametrize(
    ("change", "to_s", "reason", "expected"),
    [
        ({"own_cpu_s": None}, 106.5, "nobody knows", "nobody knows"),
        ({"total_cpu_s": 0.0, "busy_cpu_s": 0.0}, 106.5, None, "the kernel counts no CPU time"),
        ({}, 103.4, None, "0.9 s are too short to tell"),
        ({}, 115.0, None, "the monitor's rows end 5.0 s before the window does"),
    ],
)
def test_what_is_not_known_has_a_reason(
    tmp_path: Path,
    change: dict[str, Any],
    to_s: float,
    reason: str | None,
    expected: str,
) -> None:
    known = rows()
    for row in known:
        row |= {column: 1000.0 if rate == 0.0 else rate for column, rate in change.items()}
    found = facts(tmp_path, known, to_s=to_s, reason=reason)
    assert (found["others_cpu_percent"], found["others_cpu_reason"]) == (None, expected)


def test_without_a_file_nothing_is_known(tmp_path: Path) -> None:
    found = machine_facts(tmp_path, "there was no monitor", Span(1.0, 5.0, 4.0))
    assert found == {
        "others_cpu_percent": None,
        "others_cpu_reason": "there was no monitor",
        "steal_percent": None,
        "swapped_in_mib": None,
        "pressure_percent": UNKNOWN,
    }


@pytest.mark.parametrize("column", ["total_cpu_s", "busy_cpu_s"])
def test_counts_of_the_kernel_that_fell_say_nothing(tmp_path: Path, column: str) -> None:
    """A CPU was taken away, or a container's own /proc/stat began anew."""
    known = rows()
    for row in known[5:]:
        row[column] -= 500.0
        row["steal_cpu_s"] = 0.0
    found = facts(tmp_path, known)
    why = "the kernel's count of CPU time fell"
    assert (found["others_cpu_percent"], found["others_cpu_reason"]) == (None, why)
    assert found["steal_percent"] is None
