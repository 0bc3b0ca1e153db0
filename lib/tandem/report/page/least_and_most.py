"""From where to where a quantity went over many experiments, and in which it was worst."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tandem.report.compare.wording import number


@dataclass
class LeastAndMost:
    """The least and the most of a quantity, each with who had it; `unknown` counts None by why."""

    low: tuple[float, str] | None = None
    high: tuple[float, str] | None = None
    count: int = 0
    unknown: Counter[str] = field(default_factory=Counter)

    def note(self, value: float | None, whose: str, why: str | None = None) -> None:
        if value is None:
            self.unknown[why or "not reported"] += 1
            return
        self.count += 1
        if self.low is None or value < self.low[0]:
            self.low = value, whose
        if self.high is None or value > self.high[0]:
            self.high = value, whose

    def text(self, unit: str, scale: float = 1.0) -> str:
        """Return `0.5 to 1.3 %`, or why it is not known; what is not known of some is added."""
        missing = "; ".join(self.unknown)
        if self.low is None or self.high is None:
            return f"not measured: {missing}" if missing else "nothing to measure"
        low, high = (number(each[0] * scale) for each in (self.low, self.high))
        span = high if low == high else f"{low} to {high}"
        known = f"{span}{unit and ' '}{unit}"
        unknown = sum(self.unknown.values())
        return f"{known}; not measured in {unknown}: {missing}" if unknown else known
