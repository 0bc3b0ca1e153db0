"""How the GPUs are shared and set, in the words of `compare`."""

from __future__ import annotations

from typing import Any

from tandem.config.options import CONDITIONS, SHARING_NAMES, GpuSetup, as_settings
from tandem.interference.compare.setup import WORDS

AS_IT_IS = "as it is"


def condition_text(key: str, value: Any) -> str:
    """Return one condition: `MPS`, `300 W`; without a value, that the machine is left so."""
    if value is None:
        return AS_IT_IS
    return WORDS[key].format(value) if key in WORDS else SHARING_NAMES[value]


def conditions_text(setup: GpuSetup) -> str:
    """Return all conditions that are set: `MPS, 300 W`; "" where none is."""
    given = as_settings(setup)
    return ", ".join(condition_text(key, given[key]) for key in CONDITIONS if given[key])
