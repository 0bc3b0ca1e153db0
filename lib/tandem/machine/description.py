"""What describes the machine of a run and seldom changes, for machine.json. Only reads.

What it does not report is None, and `reasons` says why. Memory, CPU and kernel are in `host`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tandem.machine.host import gpu_driver, host
from tandem.nvml import boards
from tandem.nvml.binding import NvmlError, cuda_version, opened, versions
from tandem.nvml.devices import boards as all_boards

_NAMES = re.compile(r"(CUDA|NVIDIA|NCCL|OMP|MKL|PYTORCH|TF|XLA)_.*|PATH")
_SECRET = re.compile("TOKEN|KEY|SECRET|PASS|AUTH", re.IGNORECASE)
_SWAP = re.compile(r"^SwapTotal:\s+(\d+) kB$", re.MULTILINE)


def description(cpus: Path, root: Path = Path("/")) -> dict[str, Any]:
    """Return it; `cpus` is the folder of sysfs that has the CPUs (/sys/devices/system/cpu)."""
    reasons: dict[str, str] = {}
    facts = {
        "host": host(),
        **_cpu_facts(cpus, reasons),
        "swap_total_bytes": _swap_bytes(root, reasons),
        "kernel_command_line": _text(root / "proc/cmdline", "kernel_command_line", reasons),
        **_gpu_facts(root, reasons),
        **variables(os.environ),
    }
    # Some were found in a second place; of several boards, some may be missing.
    known = {name for name, value in facts.items() if value is not None} - {"boards"}
    return {**facts, "reasons": {name: why for name, why in reasons.items() if name not in known}}


def variables(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the inherited variables that can change what a training does.

    Of those whose name speaks of a secret, only the name.
    """
    names = sorted(filter(_NAMES.fullmatch, environment))
    return {
        "variables": {name: environment[name] for name in names if not _SECRET.search(name)},
        "variables_set": [name for name in names if _SECRET.search(name)],
    }


def _cpu_facts(cpus: Path, reasons: dict[str, str]) -> dict[str, bool | None]:
    smt = _text(cpus / "smt/active", "smt", reasons)
    turbo = _text(cpus / "cpufreq/boost", "turbo", reasons)
    no_turbo = _text(cpus / "intel_pstate/no_turbo", "turbo", reasons)
    if turbo is None and no_turbo is not None:
        turbo = "0" if no_turbo == "1" else "1"
    return {
        "smt": None if smt is None else smt == "1",
        "turbo": None if turbo is None else turbo == "1",
    }


def _swap_bytes(root: Path, reasons: dict[str, str]) -> int | None:
    text = _text(root / "proc/meminfo", "swap_total_bytes", reasons)
    found = _SWAP.search(text or "")
    if text is not None and not found:
        reasons["swap_total_bytes"] = f"{root / 'proc/meminfo'}: no SwapTotal"
    return int(found[1]) * 1024 if found else None


def _text(path: Path, name: str, reasons: dict[str, str]) -> str | None:
    """Return what a file of the kernel says; None, with the reason under a name, if nothing."""
    try:
        return path.read_text(errors="replace").strip()
    except OSError as error:
        reasons[name] = f"{path}: {error.strerror}"
        return None


def _gpu_facts(root: Path, reasons: dict[str, str]) -> dict[str, Any]:
    """Return the versions and the boards; the driver's version is known without NVML, too."""
    names = ("driver_version", "nvml_version", "cuda_version", "boards")
    facts: dict[str, Any] = dict.fromkeys(names)
    problems: list[NvmlError] = []
    try:
        with opened():
            facts["driver_version"], facts["nvml_version"] = versions()
            facts["boards"] = [boards.facts(board) for board in all_boards(problems)]
            facts["cuda_version"] = cuda_version()
    except NvmlError as error:
        reasons |= {name: str(error) for name in names if facts[name] is None}
    if problems:
        reasons["boards"] = "; ".join(map(str, problems))
    if facts["driver_version"] is None:
        try:
            facts["driver_version"] = gpu_driver(root)
            reasons["driver_version"] = "the kernel's driver does not say its version"
        except OSError as error:
            reasons["driver_version"] = f"{error.filename}: {error.strerror}"
    return facts
