"""How the GPUs are shared and set, in the words of `check`."""

from __future__ import annotations

from typing import Any

from tandem.config.options import CONDITIONS, GpuSetup, as_settings

AS_IT_IS = "as it is"
_WAYS = {"time_slicing": "time slicing", "mps": "MPS", "mig": "MIG"}
_WORDS = {
    "sharing": "{}",
    "power_limit_watts": "{:.15g} W",
    "sm_clock_mhz": "{} MHz",
    "memory_clock_mhz": "memory {} MHz",
}


def condition_text(key: str, value: Any) -> str:
    """Return one condition: `MPS`, `300 W`; without a value, that the machine is left so."""
    return AS_IT_IS if value is None else _WORDS[key].format(_WAYS.get(value, value))


def conditions_text(setup: GpuSetup) -> str:
    """Return all conditions that are set: `MPS, 300 W`; "" where none is."""
    given = as_settings(setup)
    return ", ".join(condition_text(key, given[key]) for key in CONDITIONS if given[key])
