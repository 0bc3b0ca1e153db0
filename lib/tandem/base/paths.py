"""Where the parts of the project lie."""

from __future__ import annotations

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
