"""The file of a GPU's counters: means since the sample before, and never impossible ones."""

from __future__ import annotations

import os

from tandem.base.clock import boottime_s
from tandem.measure.rows import GPM_COLUMNS, number
from tandem.measure.sampling.files import Csv
from tandem.nvml.devices import Device
from tandem.nvml.gpm import Counters, ImpossibleError

LEAST_S = 0.1  # between two samples: NVIDIA asks for it


class GpmRows:
    """Writes the rows of one GPU; a file of its own, as few runs ask for it."""

    def __init__(self, device: Device, folder: str) -> None:
        """Begin the file; OSError."""
        self.device = device
        name = device.stem.replace("gpu", "gpm", 1)
        self.csv = Csv(os.path.join(folder, f"{name}.csv"), GPM_COLUMNS)
        self.counters: Counters | None = None
        self.taken_s: float | None = None  # when the newest sample was taken

    def put_row(self, kind: str) -> None:
        """Take a sample and write what was since the one before; NvmlError, OSError.

        Nothing where the one before is too near. Where the values are impossible the row has none.
        """
        since_s, begin_s = self.taken_s, boottime_s()
        if since_s is not None and begin_s - since_s < LEAST_S:
            return
        self.taken_s = None  # unless this one succeeds, the next begins anew
        self.counters = self.counters or Counters(self.device)
        self.counters.take()
        self.taken_s = (begin_s + boottime_s()) / 2
        if since_s is None:
            return
        cells = {"boottime_s": f"{self.taken_s:.4f}", "kind": kind, "from_s": f"{since_s:.4f}"}
        try:
            values = self.counters.between()
        except ImpossibleError:
            values = {}
        self.csv.put(cells | {name: number(value, 2) for name, value in values.items()})
