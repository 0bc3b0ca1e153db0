"""Measured energy beside the truth of the simulated board."""

from __future__ import annotations

from typing import Any

from simgpu import SimGpu

NEAR, DEVIATIONS = 0.004, 5


def is_true(window: dict[str, Any], gpu: SimGpu, device: int = 0) -> bool:
    """Whether a window's energy is the board's: nearly, or as nearly as the window itself says.

    On a busy machine the monitor misses what the board does at a window's edges; then the stated
    uncertainty, one standard deviation, must say so. How near it comes is printed by
    bench/measuring.py.
    """
    (seen,) = window["gpus"]
    truth_j = gpu.truth_j(device, window["start_boottime_s"], window["end_boottime_s"])
    allowed_j = max(NEAR * truth_j, DEVIATIONS * seen["energy_uncertainty_joules"])
    return bool(abs(seen["energy_joules"] - truth_j) <= allowed_j)
