"""From values to pixels, and the round values that an axis names."""

from __future__ import annotations

import math
from dataclasses import dataclass

_STEPS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True)
class Scale:
    """Puts `low` to `high` onto `begin` to `end` (pixels), evenly or (above zero) by logarithms."""

    low: float
    high: float
    begin: float
    end: float
    is_log: bool = False

    def __call__(self, value: float) -> float:
        low, high, at = self.low, self.high, value
        if self.is_log:
            low, high, at = math.log(low), math.log(high), math.log(value)
        share = (at - low) / (high - low) if high > low else 0.5
        return self.begin + share * (self.end - self.begin)

    def ticks(self, most: int = 6) -> list[float]:
        """Return up to `most` round values between low and high, evenly apart."""
        if self.high <= self.low:
            return [self.low]
        rough = (self.high - self.low) / max(1, most - 1)
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(power * each for each in _STEPS if power * each >= rough * (1 - 1e-9))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(number * step, 12) for number in range(first, last + 1)]


def around(values: list[float], *also: float) -> tuple[float, float]:
    """Return the least and the largest of all, with a twentieth of room on both sides."""
    low, high = min([*values, *also]), max([*values, *also])
    room = (high - low or abs(high) or 1.0) / 20
    return low - room, high + room
