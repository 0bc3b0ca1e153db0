"""How often a board updates a reading, learnt from when the reading changes."""

from __future__ import annotations

from collections import deque

_INTERVALS = 2  # so many between changes are averaged
_NEWS = 0.02  # a period that is shorter by this share is news


class Period:
    """The longest time between two updates of a reading that its changes so far allow.

    A change that is seen may have come since the look before, so the time between changes is known
    to that. Two updates may bring the same value, so it is no more than a bound; a reading that
    changes at each update, as a counter or a noisy power does, comes near it. `seconds` is None as
    long as too few changes were seen.
    """

    def __init__(self) -> None:
        self.seconds: float | None = None
        self._value: float | None = None
        self._looked_s = 0.0
        self._earliest_s: deque[float] = deque(maxlen=_INTERVALS + 1)  # of the newest changes

    def see(self, at_s: float, value: float | None) -> bool:
        """Take a reading; return whether the period is another one now."""
        if value is None:
            return False
        before, before_s = self._value, self._looked_s
        self._value, self._looked_s = value, at_s
        if before is None or value == before:
            return False
        self._earliest_s.append(before_s)
        if len(self._earliest_s) <= _INTERVALS:
            return False
        seconds = (at_s - self._earliest_s[0]) / _INTERVALS
        if self.seconds is not None and seconds > self.seconds * (1.0 - _NEWS):
            return False
        self.seconds = seconds
        return True
