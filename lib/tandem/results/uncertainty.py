"""How sure durations and energies are, as one standard deviation, from a record alone."""

from __future__ import annotations

import math

from tandem.measure.windows.slices import each_board
from tandem.results.record import Record
from tandem.results.record_window import Window

TIME_UNCERTAINTY_S = 0.001


def of_duration_s(record: Record) -> float | None:
    """How long the start took, from fork to exec, and at least a millisecond; None: no duration."""
    if not record["duration_seconds"] or not record["attempts"]:
        return None
    start_s = record["attempts"][-1]["start_took_seconds"] or 0.0
    return max(start_s, TIME_UNCERTAINTY_S)


def of_gpu_energy_j(window: Window | None) -> float | None:
    """That of all GPUs together, without their gain; None where that of one is not known."""
    gpus = each_board(window["gpus"]) if window else []
    known_j = [each for gpu in gpus if (each := gpu["energy_uncertainty_joules"]) is not None]
    return math.hypot(*known_j) if known_j and len(known_j) == len(gpus) else None
