"""Where the parts of the project lie, and what a path is called from here."""

from __future__ import annotations

import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BGRUN = ROOT / "bin" / "bgrun"
FGRUN = ROOT / "bin" / "fgrun"
POWERMON = ROOT / "bin" / "powermon"
DOSE = ROOT / "bin" / "dose"
ENERGY = ROOT / "bin" / "energy"
TEMPLATES = ROOT / "templates"
REGISTRY = ROOT / "config" / "models_config.json"
RESULTS = ROOT / "results"
POWERCAP = Path("/sys/class/powercap")
PROC = Path("/proc")
CPUFREQ = Path("/sys/devices/system/cpu")
GPU_DRIVER = Path("/proc/driver/nvidia/version")


def working_folder() -> Path | None:
    """Return the working folder; None: somebody has removed it meanwhile."""
    try:
        return Path.cwd()
    except FileNotFoundError:
        return None


def as_seen_from_here(folder: Path) -> Path:
    """Return a path as a person here would type it."""
    here = working_folder()
    return folder.relative_to(here) if here and folder.is_relative_to(here) else folder


def how_to_type(*words: str) -> str:
    """Return a command of Tandem as a person here would type it."""
    return shlex.join([str(as_seen_from_here(ROOT / "bin" / "tandem")), *words])


def how_to_go_on(folder: Path) -> str:
    """Return the command that resumes a run, as a person here would type it."""
    if working_folder() == ROOT:
        return shlex.join(["make", "resume", f"RUN={as_seen_from_here(folder)}"])
    return shlex.join(["make", "-C", str(ROOT), "resume", f"RUN={folder}"])
