"""What the windows of many records used together, as far as it was measured."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from tandem.measure.windows.slices import each_board
from tandem.results.record import Record
from tandem.results.record_window import Window


@dataclass
class EnergyTotal:
    """Joules of GPUs and of CPUs in all windows that were noted, which do not overlap.

    `windows` is how many there are, `gpu_missing` and `cpu_missing` in how many of them the energy
    is not known, by the reason. Time between windows is in none of them.
    """

    windows: int = 0
    gpu_j: float = 0.0
    cpu_j: float = 0.0
    gpu_missing: Counter[str] = field(default_factory=Counter)
    cpu_missing: Counter[str] = field(default_factory=Counter)

    def note(self, record: Record) -> None:
        for window in record["windows"]:
            self.windows += 1
            self._note_gpus(window)
            cpu = window["cpu"]
            if (joules := cpu["total_joules"]) is None:
                self.cpu_missing[cpu["reason"] or "not measured"] += 1
            else:
                self.cpu_j += joules

    def _note_gpus(self, window: Window) -> None:
        gpus = each_board(window["gpus"])
        reasons = [gpu["energy_reason"] for gpu in gpus if gpu["energy_joules"] is None]
        if not gpus or reasons:
            why = reasons[0] if reasons else window["gpus_reason"]
            self.gpu_missing[why or "there is no GPU"] += 1
            return
        self.gpu_j += sum(gpu["energy_joules"] or 0.0 for gpu in gpus)
