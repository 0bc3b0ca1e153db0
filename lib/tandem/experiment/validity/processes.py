"""Who was left, and who had to be killed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tandem.results.record import Process, Record


def reasons(record: Record) -> Iterator[str]:
    left = record["stop"]["left"]
    killed = [process for process in record["stop"]["strays_killed"] if process not in left]
    if killed:
        yield f"processes outlived their keepers and were killed: {_names(killed)}"
    if left:
        yield f"processes are still alive: {_names(left)}"


def warnings(record: Record) -> Iterator[str]:
    yield from ()


def _names(processes: Sequence[Process]) -> str:
    more = f" and {len(processes) - 5} more" if len(processes) > 5 else ""
    return ", ".join(f"{each['name']} {each['pid']}" for each in processes[:5]) + more
