"""What a run ran on, by the descriptions of its machine and by its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tandem.base.text import counted
from tandem.results.record import Record


@dataclass
class Hardware:
    """The hosts and boards that the records of a run name; `machines` is how often each file."""

    hosts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    boards: dict[str, str] = field(default_factory=dict)  # by UUID: the name
    machines: Counter[str] = field(default_factory=Counter)

    def note(self, record: Record) -> None:
        around = record["environment"]
        self.hosts.setdefault(around["hostname"], around)
        for window in record["windows"]:
            for gpu in window["gpus"]:
                self.boards.setdefault(gpu["uuid"], gpu["name"])
        if machine := record.get("machine"):
            self.machines[machine["file"]] += 1

    def words(self) -> list[str]:
        """Return a text a host: its boards, or that it has its CPU alone."""
        counts = Counter(self.boards.values()).items()
        boards = ", ".join(f"{name} ({counted(count, 'board')})" for name, count in counts)
        return [f"{name}: {boards or cpu_words(facts)}" for name, facts in self.hosts.items()]


def cpu_words(facts: Mapping[str, Any]) -> str:
    """Return the CPU of a host as `Xeon (2 CPUs, 23.5 GiB of memory), no GPU measured`."""
    size = [counted(facts["cpu_logical_count"], "CPU")] if facts.get("cpu_logical_count") else []
    if memory_bytes := facts.get("memory_total_bytes"):
        size.append(f"{memory_bytes / 2**30:.3g} GiB of memory")
    name = facts.get("cpu_model") or "a CPU without a name"
    return f"{name} ({', '.join(size)})" if size else str(name)
