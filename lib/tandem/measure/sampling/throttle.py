"""For how long a board has been held back by each reason, by its driver's own counters."""

from __future__ import annotations

from tandem.measure.rows import THROTTLED, number
from tandem.nvml.binding import NvmlError
from tandem.nvml.devices import Device
from tandem.nvml.sensors import violation_s


class Violations:
    """The counters that a board has; what it has not is not asked for again, and no fault."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.reasons = list(THROTTLED)

    def cells(self) -> dict[str, str]:
        """Return the columns of a row."""
        found = {}
        for reason in list(self.reasons):
            try:
                seconds = violation_s(self.device, reason)
            except NvmlError:
                self.reasons.remove(reason)
                continue
            found[f"throttled_{reason}_s"] = number(seconds, 4)
        return found
