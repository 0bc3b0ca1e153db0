"""One hyperparameter of a repository: its flag, its type, what may be given and what is drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from tandem.base.errors import UsageError
from tandem.base.text import show, suggestion

Value = bool | int | float | str

SWITCH = "switch"
_WANTED = {
    "int": "a whole number",
    "float": "a number that a float can hold",
    SWITCH: "true or false",
}


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter of a repository; its unit is the training's own.

    `kind` is "int", "float", "str" or "switch". `low` and `high`, both included, are None when it
    has no range. `default` is what the training takes without the flag. `sizes`, ascending, are
    those that "auto" chooses from. `choices`, if any, are all values that it can have. `off_flag`
    is what switches a switch off; None: there is no such flag.
    """

    name: str
    flag: str
    kind: str
    default: Value | None
    low: int | float | None
    high: int | float | None
    distribution: str
    zero_probability: float
    sizes: tuple[int, ...] = ()
    choices: tuple[Value, ...] = ()
    off_flag: str | None = None

    @property
    def has_range(self) -> bool:
        """Whether it is drawn from a range."""
        return self.low is not None

    @property
    def can_be_drawn(self) -> bool:
        """Whether there is anything to draw it from."""
        return self.has_range or bool(self.choices)


def read_hyperparameter(name: str, raw: Mapping[str, Any]) -> Hyperparameter:
    """Return what the registry says of it; nothing is wrong with that."""
    low, high = raw.get("range", (None, None))
    if raw["type"] == "int" and low is not None:
        low, high = int(low), int(high)
    return Hyperparameter(
        name=name,
        flag=raw["flag"],
        kind=raw["type"],
        default=raw.get("default"),
        low=low,
        high=high,
        distribution=raw.get("distribution", "uniform"),
        zero_probability=float(raw.get("zero_probability", 0)),
        sizes=tuple(map(int, raw.get("sizes", ()))),
        choices=tuple(typed(raw["type"], value) for value in raw.get("choices", ())),
        off_flag=raw.get("off_flag"),
    )


def given_value(hyperparameter: Hyperparameter, value: Any) -> Value:
    """The value, given by a person, as the hyperparameter's type. Numbers lose nothing.

    Raises UsageError where it is none that the hyperparameter can have.
    """
    found = typed(hyperparameter.kind, value)
    choices = hyperparameter.choices
    if choices and found not in choices:
        raise UsageError(f"{show(found)} is none of its choices{_nearest(found, choices)}")
    switches_off = hyperparameter.kind == SWITCH and not found
    if switches_off and hyperparameter.default is True and hyperparameter.off_flag is None:
        raise UsageError(
            'cannot be switched off: without its flag it is true (add "off_flag" to the registry)'
        )
    return found


def typed(kind: str, value: Any) -> Value:
    """The value as one of a type. A whole number for a float becomes that float, 10.0 the int 10.

    Raises UsageError for everything else that is not of the type, and for NaN and infinity.
    """
    if kind == "str" and isinstance(value, str):
        return value
    if kind == SWITCH and isinstance(value, bool):
        return value
    if kind in ("int", "float") and (number := _number(kind, value)) is not None:
        return number
    if kind == "str":
        raise UsageError(f"must be text, not {show(value)} ({_text_hint(value)})")
    raise UsageError(f"must be {_WANTED[kind]}, not {show(value)}")


def _number(kind: str, value: Any) -> int | float | None:
    """The value as a finite number of that kind, None where that would change it."""
    number = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with suppress(OverflowError, ValueError):  # infinity or NaN as an int, an int as a float
            number = int(value) if kind == "int" else float(value)
    if number is None or number != value or number in (math.inf, -math.inf):
        return None
    return number


def _text_hint(value: Any) -> str:
    if isinstance(value, bool):
        return f'a flag without a value has the type "{SWITCH}" in the registry'
    return "write it in quotes"


def _nearest(value: Value, choices: tuple[Value, ...]) -> str:
    """Return the choice that a value is nearest to, as a suggestion."""
    if isinstance(value, str):
        return suggestion(value, [str(choice) for choice in choices])
    near = min(choices, key=lambda choice: abs(float(choice) - value))
    return f" (did you mean {show(near)}?)"
