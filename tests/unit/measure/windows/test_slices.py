"""The energy of MIG slices is their board's: counted once, null where others had a part in it."""

from __future__ import annotations

from typing import Any

import pytest
from support import records
from support.records import of
from tandem.experiment.validity.joules import warnings
from tandem.interference.quantity import Quantity
from tandem.interference.readings import energy_j
from tandem.measure.windows.slices import each_board, heed_siblings
from tandem.measure.windows.window import energy_metrics
from tandem.results.record_window import Window, WindowGpu
from tandem.results.totals import EnergyTotal
from tandem.results.uncertainty import of_gpu_energy_j

STEM, SIBLING, OTHER = "gpu_0_mig_0", "gpu_0_mig_1", "gpu_1_mig_0"


def slice_of(index: int, **values: Any) -> WindowGpu:
    figures = {"energy_joules": 100.0, "energy_uncertainty_joules": 2.0, "power_avg_watts": 10.0}
    return of(WindowGpu, **{"index": index, "mig": True, "warnings": [], **figures, **values})


def test_energy_of_several_slices_of_a_board_counts_once() -> None:
    gpus = [slice_of(0), slice_of(0), slice_of(1), slice_of(2, mig=False), slice_of(3, mig=False)]
    assert [each["index"] for each in each_board(gpus)] == [0, 1, 2, 3]
    window = of(Window, gpus=gpus)
    found, _ = energy_metrics(window)
    assert found
    assert (found["gpu_energy_total_joules"], found["gpu_power_avg_watts"]) == (400.0, 40.0)
    assert of_gpu_energy_j(window) == 4.0
    assert energy_j(window, "w") == Quantity(400.0, 4.0)
    total = EnergyTotal()
    total.note(records.record(windows=[window]))
    assert total.gpu_j == 400.0


@pytest.mark.parametrize("column", ["strangers_on", "unclear_on", "unread_on"])
def test_with_others_beside_it_the_energy_is_null_and_the_record_is_warned(column: str) -> None:
    gpu = heeded({column: {SIBLING}})
    reason = "the energy is the board's, and others may have been on MIG-1"
    assert (gpu["energy_joules"], gpu["energy_reason"]) == (None, reason)
    assert gpu["power_avg_watts"] is None
    made = records.record()
    made["windows"][-1]["gpus"] = [gpu]
    assert list(warnings(made)) == [
        "GPU 0: others may have been on other MIG slices of its board: MIG-1"
        " (they share its power budget and its clocks)"
    ]


def test_who_is_on_another_board_has_no_part_in_it() -> None:
    gpu = heeded({"strangers_on": {OTHER}, "foreground_on": {STEM}})
    assert (gpu["energy_joules"], gpu["warnings"]) == (100.0, [])


def test_where_the_other_slices_cannot_be_seen_the_energy_is_null() -> None:
    gpu = heeded({}, sees_all_processes=False)
    assert gpu["energy_joules"] is None
    assert "cannot be seen from here" in str(gpu["energy_reason"])
    lost = slice_of(0, energy_joules=None, energy_reason="NVML: no permission")
    assert heeded({}, lost, sees_all_processes=False)["energy_reason"] == "NVML: no permission"


def heeded(
    on: dict[str, set[str]], gpu: WindowGpu | None = None, *, sees_all_processes: bool = True
) -> WindowGpu:
    """Return a slice's facts where these were seen on the machine's other GPUs."""
    others = [(SIBLING, 0, "MIG-1"), (OTHER, 1, "MIG-2")]
    listed = [{"stem": stem, "index": index, "uuid": uuid} for stem, index, uuid in others]
    monitor = {"other_gpus": listed, "sees_all_processes": sees_all_processes}
    columns = ("foreground_on", "background_on", "strangers_on", "unclear_on", "unread_on")
    found: Any = gpu or slice_of(0)
    heed_siblings(found, {column: on.get(column, set()) for column in columns}, monitor)
    made: WindowGpu = found
    return made
