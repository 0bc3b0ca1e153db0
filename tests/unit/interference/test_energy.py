"""The joules of a foreground window, and what idle boards would have used meanwhile."""

from __future__ import annotations

from typing import Any

import pytest
from support import records
from support.records import of
from tandem.interference.energy import NAMES, NO_IDLE, energy_of
from tandem.results.record_window import Window


def window(name: str, joules: float | None, seconds: float, cpu_j: float | None = 50.0) -> Any:
    made = of(Window, name=name, attempt=1 if name == "foreground" else None)
    made["duration_seconds"] = seconds
    made["suspended_seconds"] = 0.0
    made["gpus"][0] |= {
        **{"energy_joules": joules, "energy_method": "counter", "energy_reason": "no counter"},
        **{"foreground_seen": name == "foreground", "strangers": [], "index": 0},
        **{"energy_uncertainty_joules": 1.0, "hidden_memory_mib": 0.0, "strangers_reason": None},
    }
    made["cpu"] |= {"package_joules": cpu_j, "dram_joules": 5.0, "reason": "no RAPL"}
    made["cpu"]["total_joules"] = None if cpu_j is None else cpu_j + 5.0
    return made


def energy(*windows: Any) -> dict[str, float | None]:
    made = records.record(windows=list(windows))
    made["attempts"] = made["attempts"][:1]
    return {name: each["value"] for name, each in energy_of(made).items()}


def test_idle_energy_is_that_of_idle_windows_for_as_long_as_the_foreground_ran() -> None:
    found = energy(
        window("idle", 100.0, 10.0), window("idle", 120.0, 10.0), window("foreground", 4000.0, 20.0)
    )
    assert found == {
        "gpu_joules": 4000.0,
        "package_joules": 50.0,
        "cpu_joules": 55.0,
        "gpu_idle_low_joules": 200.0,
        "gpu_idle_high_joules": 240.0,
        "cpu_idle_low_joules": 110.0,
        "cpu_idle_high_joules": 110.0,
    }
    assert tuple(found) == NAMES


def test_without_idle_windows_there_is_no_idle_energy() -> None:
    made = records.record(windows=[window("foreground", 4000.0, 20.0)])
    found = energy_of(made)
    assert found["gpu_joules"]["value"] == 4000.0
    assert found["gpu_idle_low_joules"] == {
        **{"value": None, "clock_uncertainty": None, "label": "derived", "reason": NO_IDLE}
    }


def test_what_was_not_measured_is_null_with_its_reason() -> None:
    made = records.record(
        windows=[window("idle", 100.0, 10.0), window("foreground", None, 20.0, None)]
    )
    found = energy_of(made)
    assert found["gpu_joules"]["reason"] == "foreground window: GPU 0: no counter"
    assert found["package_joules"]["reason"] == "foreground window: CPU: no RAPL"
    assert found["gpu_idle_low_joules"]["value"] is None


def test_a_foreground_on_no_measured_board_has_no_gpu_energy() -> None:
    front = window("foreground", 4000.0, 20.0)
    front["gpus"][0]["foreground_seen"] = False
    front["gpus_used"]["foreground"] = {"gpus": [], "reason": None}
    made = records.record(windows=[front])
    assert energy_of(made)["gpu_joules"]["value"] is None


@pytest.mark.parametrize("key", ["windows", "attempts"])
def test_a_record_that_lacks_something_has_no_energy_and_says_so(key: str) -> None:
    made: Any = records.record()
    del made[key]
    found = energy_of(made)
    assert {each["value"] for each in found.values()} == {None}
    assert all(each["reason"] for each in found.values())
