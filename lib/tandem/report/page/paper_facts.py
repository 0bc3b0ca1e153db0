"""What a paper says of a run, gathered from its records: versions, trainings, sensors, limits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tandem.base.git import GitState
from tandem.base.json_object import json_object
from tandem.base.text import counted, some_of
from tandem.interference.compare.cells import gpus_in_use
from tandem.interference.compare.setup import setup_of
from tandem.report.page.hardware import Hardware
from tandem.report.page.runs import ReportedRun
from tandem.results.record import Record
from tandem.results.record_process import Command
from tandem.results.totals import EnergyTotal

_COMMIT_SHOWN, _MOST_NAMED = 12, 8


@dataclass
class PaperFacts:
    """Each distinct thing once, in the order in which the records name it."""

    hardware: Hardware = field(default_factory=Hardware)
    tandem: dict[str, None] = field(default_factory=dict)
    foregrounds: dict[str, None] = field(default_factory=dict)
    backgrounds: dict[str, None] = field(default_factory=dict)
    devices: dict[str, None] = field(default_factory=dict)
    setups: dict[str, None] = field(default_factory=dict)
    governors: dict[str, None] = field(default_factory=dict)
    isolation: dict[str, None] = field(default_factory=dict)
    coverage: dict[str, None] = field(default_factory=dict)
    strangers: dict[tuple[float, float], None] = field(default_factory=dict)  # most %, most MiB
    gpu_methods: Counter[str | None] = field(default_factory=Counter)
    energy: EnergyTotal = field(default_factory=EnergyTotal)
    gains: dict[str, None] = field(default_factory=dict)

    def note(self, record: Record) -> None:
        around = record["environment"]
        self.hardware.note(record)
        self.energy.note(record)
        self.tandem[f"Tandem {around['tandem']}{commit_words(around['tandem_git'])}"] = None
        self.foregrounds[_training(record["repository"], record["model"], around)] = None
        if around["device"]:
            self.devices[around["device"]] = None
        if setup := setup_of(record, gpus_in_use(record)).label:
            self.setups[setup] = None
        if around["cpu_governor"]:
            self.governors[around["cpu_governor"]] = None
        limits = record["validity"]
        most = (limits.get(f"max_strangers_{what}", 0.0) for what in ("sm_percent", "memory_mib"))
        self.strangers[next(most), next(most)] = None
        if background := record["background"]:
            self.isolation[background["isolation"]] = None
            self.coverage[f"{100 * record['validity']['min_coverage']:g} %"] = None
            for part in background["parts"]:
                self.backgrounds[_training(part["repository"], part["model"], part)] = None
        for window in record["windows"]:
            self.gpu_methods.update({gpu["energy_method"]: 0 for gpu in window["gpus"]}.keys())
            for gpu in window["gpus"]:
                self.gains[f"{gpu['board_gain_percent']:g} %"] = None


def _training(repository: str, model: str, command: Command) -> str:
    return f"{repository} {model}{commit_words(command['repository_git'])}"


def commit_words(state: GitState) -> str:
    """Return ` (commit 2fd4e1c67a2d, changed)`; nothing where git does not know."""
    if not state["commit"]:
        return ""
    changed = {True: ", changed", None: ", whether changed is not known"}.get(state["dirty"], "")
    return f" (commit {state['commit'][:_COMMIT_SHOWN]}{changed})"


# -- the machine's own description -----------------------------------------------------


def hosts_words(hosts: Iterable[Mapping[str, Any]]) -> str:
    """Return hosts as `lab3 (AMD EPYC 7302, 32 CPUs, 126 GiB, Debian 12, ...)`, alike ones once."""
    alike: dict[str, list[str]] = {}
    for facts in hosts:
        alike.setdefault(_host(facts), []).append(facts["hostname"])
    texts = (
        f"{some_of(names, _MOST_NAMED)} ({'each ' if len(names) > 1 else ''}{text})"
        for text, names in alike.items()
    )
    return " and ".join(texts)


def _host(facts: Mapping[str, Any]) -> str:
    memory_bytes, cpus = facts.get("memory_total_bytes"), facts.get("cpu_logical_count")
    parts = [
        facts.get("cpu_model"),
        counted(cpus, "logical CPU") if cpus else None,
        f"{memory_bytes / 2**30:.3g} GiB of memory" if memory_bytes else None,
        facts.get("os"),
        f"Linux {facts['kernel']}" if facts.get("kernel") else None,
    ]
    return ", ".join(part for part in parts if part)


def board_words(machines: Iterable[Mapping[str, Any]], used: Mapping[str, str]) -> Iterator[str]:
    """Yield the boards that were used, with driver and limits, as far as that is known.

    `machines` are descriptions, of which the last ones count most.
    """
    known = [*machines]
    described = {each["uuid"]: each for machine in known for each in machine.get("boards") or []}
    names = Counter(_board(name, described.get(uuid, {})) for uuid, name in used.items())
    for name, count in names.items():
        yield f"{count} {name}" if count > 1 else name
    for key, title in (("driver_version", "driver"), ("cuda_version", "CUDA")):
        versions = dict.fromkeys(machine[key] for machine in known if machine.get(key))
        if used and versions:
            yield f"{title} {' or '.join(versions)}"


def _board(name: str, facts: Mapping[str, Any]) -> str:
    limit_w, memory_mhz = facts.get("power_limit_watts"), facts.get("clock_max_sm_mhz")
    more = [f"power limit {limit_w:g} W"] if limit_w else []
    more += [f"SM clock up to {memory_mhz} MHz"] if memory_mhz else []
    more += ["MIG on"] if facts.get("mig_mode") else []
    more += ["ECC on"] if facts.get("ecc_mode") else []
    return f"{name} ({', '.join(more)})" if more else name


def python_words(machine: Mapping[str, Any]) -> Iterator[str]:
    """Yield in what Python which trainings ran, or why that is not known."""
    for python in machine.get("pythons") or []:
        whose = ", ".join(python["repositories"])
        if not python["version"]:
            why = (python.get("reasons") or {}).get("version", "not reported")
            yield f"the Python of {whose} is not known: {why}"
            continue
        torch, cuda = python.get("torch_version"), python.get("torch_cuda_version")
        parts = [f"PyTorch {torch}{f' for CUDA {cuda}' if cuda else ''}"] if torch else []
        packages = python.get("packages") or {}
        parts += [f"{counted(len(packages), 'package')}, listed below"] if packages else []
        more = f" with {' and '.join(parts)}" if parts else ""
        yield f"the trainings of {whose} ran in Python {python['version']}{more}"


def machines_of(run: ReportedRun, hardware: Hardware) -> dict[str, Mapping[str, Any]]:
    """Return the descriptions of machines that records name, by file, the readable ones."""
    files = sorted(hardware.machines, key=lambda name: (len(name), name))
    return {name: found for name in files if (found := json_object(run.path / name)) is not None}


def files_of_machines(machines: Mapping[str, Mapping[str, Any]]) -> dict[str, list[str]]:
    """Return the files of each machine, the newest last, by its folder: the run's or a worker's."""
    found: dict[str, list[str]] = {}
    for name in machines:
        found.setdefault(name.rpartition("/")[0], []).append(name)
    return found
