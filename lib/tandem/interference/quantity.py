"""Values that know how sure they are. Standard library only."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

STUDENT_68 = (1.84, 1.32, 1.20, 1.14, 1.11)  # half the 68 % interval, from 1 degree of freedom on

Values = Mapping[str, float]


@dataclass(frozen=True)
class Quantity:
    """A value with one standard deviation in the same unit; None, with a reason, if unknown."""

    value: float
    uncertainty: float | None
    reason: str | None = None


Reading = Quantity | str  # what was read, or why it could not be


def propagated(formula: Callable[[Values], float], known: Mapping[str, Quantity]) -> float:
    """Return one standard deviation of a formula's value, its slopes taken by differences."""
    values = {name: each.value for name, each in known.items()}
    changes = []
    for name, each in known.items():
        step = (each.uncertainty or 0.0) / 100  # so short that a curve is straight
        above = formula({**values, name: each.value + step})
        below = formula({**values, name: each.value - step})
        changes.append((above - below) / 2 * 100)
    return math.hypot(*changes)


def widening(freedom: int) -> float:
    """Return by how much a standard deviation seen with little freedom must be widened."""
    return STUDENT_68[freedom - 1] if freedom <= len(STUDENT_68) else 1 + 0.5 / freedom
