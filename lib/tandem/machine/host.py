"""The machine that a run happened on. Only reads."""

from __future__ import annotations

import os
import platform
import re
from pathlib import Path
from typing import Any

from tandem.base.paths import GPU_DRIVER, ROOT


def version() -> str:
    """Return Tandem's version, which stands in pyproject.toml alone."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^version = "(.+)"$', text, re.MULTILINE)
    assert found
    return found[1]


def host() -> dict[str, Any]:
    """The machine and the programs: sizes in bytes, None for what the machine does not tell."""
    return {
        "hostname": os.uname().nodename,
        "kernel": os.uname().release,
        "os": _os_name(),
        "cpu_model": _cpu_model(),
        "cpu_logical_count": os.cpu_count(),
        "memory_total_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "python": platform.python_version(),
        "tandem": version(),
    }


def _os_name() -> str | None:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except (OSError, ValueError):
        return None


def _cpu_model() -> str | None:
    # The first processor is enough; the whole file takes long on many cores.
    found = re.search(r"^model name\s*:\s*(.+)$", _cpuinfo(), re.MULTILINE)
    return found[1].strip() if found else None


def _cpuinfo() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8", errors="replace") as file:
            return file.read(4096)
    except OSError:
        return ""


def gpu_driver(root: Path = Path("/")) -> str | None:
    """Return the version of NVIDIA's driver in the kernel; None: it is there, and does not say.

    OSError: the kernel has none.
    """
    text = (root / GPU_DRIVER.relative_to("/")).read_text(errors="replace")
    number = re.search(r"Kernel Module.*?\s(\d+\.[\d.]+)", text)
    return number[1] if number else None
