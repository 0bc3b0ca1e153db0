"""What a GPU does not report: since when, why, when to ask again, and the gaps that this left."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tandem.nvml.binding import FUNCTION_NOT_FOUND, NO_PERMISSION, NOT_SUPPORTED, NvmlError

PAUSE_S, LATER_S = 1.0, 60.0  # before a sensor is asked again: at first, and in the end
LOST_S = 10.0  # before a lost GPU is asked again
QUICK_TRIES = 10  # with the first of these pauses
MOST_GAPS = 100  # of a sensor; one that fails more often is not asked again

_NEVER_S = float("inf")


@dataclass
class _Absence:
    """A sensor that is not there now: failed so often in a row, to be asked again at a moment."""

    tries: int
    again_s: float


class Absent:
    """The sensors that are missing, each with a reason and since when (CLOCK_BOOTTIME).

    `gaps` are of those that came back.
    """

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}
        self.missing_since: dict[str, float] = {}
        self.gaps: list[dict[str, Any]] = []
        self._absences: dict[str, _Absence] = {}

    def is_due(self, sensor: str, now_s: float) -> bool:
        """Whether to ask a sensor: it is there, or its pause is over."""
        absence = self._absences.get(sensor)
        return absence is None or now_s >= absence.again_s

    def lose(self, sensor: str, reason: str, error: NvmlError, now_s: float) -> None:
        """Note that a sensor failed."""
        absence = self._absences.setdefault(sensor, _Absence(0, now_s))
        absence.tries += 1
        absence.again_s = now_s + self._pause_s(sensor, error, absence.tries)
        self.missing.setdefault(sensor, reason)
        self.missing_since.setdefault(sensor, now_s)

    def found(self, sensor: str, now_s: float) -> bool:
        """Note that a sensor answered; return whether that is news."""
        if sensor not in self._absences:
            return False
        del self._absences[sensor]
        gap: dict[str, Any] = {"sensor": sensor, "reason": self.missing.pop(sensor)}
        gap |= {"from_boottime_s": self.missing_since.pop(sensor), "to_boottime_s": now_s}
        self.gaps.append(gap)
        return True

    def _pause_s(self, sensor: str, error: NvmlError, tries: int) -> float:
        if error.code in (NOT_SUPPORTED, FUNCTION_NOT_FOUND):
            return _NEVER_S
        if sum(gap["sensor"] == sensor for gap in self.gaps) >= MOST_GAPS:
            return _NEVER_S
        if error.code == NO_PERMISSION:
            return LATER_S
        if error.lost:
            return LOST_S
        return PAUSE_S if tries <= QUICK_TRIES else LATER_S
