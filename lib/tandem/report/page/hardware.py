"""What a run ran on, by the descriptions of its machine and by its records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tandem.base.text import counted, some_of
from tandem.results.record import Record

_MOST_NAMED = 8


@dataclass
class Hardware:
    """The hosts and boards that the records of a run name; `machines` is how often each file."""

    hosts: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    boards_of: dict[str, dict[str, str]] = field(default_factory=dict)  # by host and UUID: the name
    machines: Counter[str] = field(default_factory=Counter)
    workers: dict[str, None] = field(default_factory=dict)

    def note(self, record: Record) -> None:
        around = record["environment"]
        self.hosts.setdefault(around["hostname"], around)
        boards = self.boards_of.setdefault(around["hostname"], {})
        for window in record["windows"]:
            for gpu in window["gpus"]:
                boards.setdefault(gpu["uuid"], gpu["name"])
        if machine := record.get("machine"):
            self.machines[machine["file"]] += 1
        if worker := record.get("worker"):
            self.workers[worker] = None

    @property
    def boards(self) -> dict[str, str]:
        """The boards of all hosts, and MIG devices: by UUID the name."""
        return {uuid: name for them in self.boards_of.values() for uuid, name in them.items()}

    def words(self) -> list[str]:
        """Return a text a host: its GPUs, or that it has its CPU alone; alike ones have one."""
        alike: dict[str, list[str]] = {}
        for host, facts in self.hosts.items():
            text = _gpu_words(self.boards_of[host]) or cpu_words(facts)
            alike.setdefault(text, []).append(host)
        return [f"{_hosts(hosts)}: {text}" for text, hosts in alike.items()]

    def by_workers(self) -> str:
        """Return ` by 4 workers on 2 hosts`; nothing where one process ran all."""
        if not self.workers:
            return ""
        who, where = counted(len(self.workers), "worker"), counted(len(self.hosts), "host")
        return f" by {who} on {where}"


def _hosts(names: Sequence[str]) -> str:
    """Return `lab3`, or `n1, n2, n3 and 29 more, each`."""
    return names[0] if len(names) == 1 else f"{some_of(names, _MOST_NAMED)}, each"


def _gpu_words(boards: Mapping[str, str]) -> str:
    counts = Counter(boards.values()).items()
    return ", ".join(f"{name} ({counted(count, 'GPU')})" for name, count in counts)


def cpu_words(facts: Mapping[str, Any]) -> str:
    """Return the CPU of a host as `Xeon (2 CPUs, 23.5 GiB of memory), no GPU measured`."""
    size = [counted(facts["cpu_logical_count"], "CPU")] if facts.get("cpu_logical_count") else []
    if memory_bytes := facts.get("memory_total_bytes"):
        size.append(f"{memory_bytes / 2**30:.3g} GiB of memory")
    name = facts.get("cpu_model") or "a CPU without a name"
    return f"{name} ({', '.join(size)})" if size else str(name)
