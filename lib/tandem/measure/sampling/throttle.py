"""For how long a board has been held back by each reason, by its driver's own counters."""

from __future__ import annotations

from tandem.measure.rows import THROTTLED, number
from tandem.measure.sampling.absent import Absent
from tandem.nvml.binding import NvmlError
from tandem.nvml.devices import Device
from tandem.nvml.sensors import violation_s


class Violations:
    """The counters that a board has; many have none, which is no fault."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.absent = Absent()

    def cells(self, now_s: float) -> dict[str, str]:
        """Return the columns of a row."""
        found = {}
        for reason in THROTTLED:
            if self.absent.is_due(reason, now_s):
                try:
                    seconds = violation_s(self.device, reason)
                except NvmlError as error:
                    self.absent.lose(reason, str(error), error, now_s)
                    continue
                self.absent.found(reason, now_s)
                found[f"throttled_{reason}_s"] = number(seconds, 4)
        return found
