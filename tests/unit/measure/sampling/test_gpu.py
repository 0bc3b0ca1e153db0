"""What the monitor says of a GPU as a whole, on a simulated board in simulated time."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.simulated import BEGIN_S, Curve, Nvml, Sensors, Watched, monitor
from tandem.nvml.binding import GPU_IS_LOST, NOT_SUPPORTED, NvmlError

LOST_S = BEGIN_S + 12.0


@pytest.mark.parametrize("end_s", [LOST_S - 3.0, LOST_S + 3.0])
def test_where_power_came_from_is_known_after_it_was_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end_s: float
) -> None:
    """Windows before the loss depend on it: power that is averaged lags behind."""

    def power_usage(nvml: Nvml, _board: int) -> int:
        if nvml.clock.now_s >= LOST_S:
            raise NvmlError("NVML: lost", "", GPU_IS_LOST)
        return 100_000

    def no_field(_nvml: Nvml, _id: int) -> Any:
        return SimpleNamespace(nvmlReturn=NOT_SUPPORTED)

    monkeypatch.setattr(Nvml, "field", no_field)
    monkeypatch.setattr(Nvml, "nvmlDeviceGetPowerUsage", power_usage, raising=False)
    curve = Curve([(0.0, 100.0)])
    monitor(Watched(curve, Sensors(), [(BEGIN_S + 2.0, end_s)], after_s=1.0), tmp_path)
    (gpu,) = json.loads((tmp_path / "monitor.json").read_text())["gpus"]
    assert ("power" in gpu["missing"]) == (end_s > LOST_S)
    assert gpu["power_source"] == "usage"
