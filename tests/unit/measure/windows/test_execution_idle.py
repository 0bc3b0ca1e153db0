"""Execution-idle: told apart from idle and from work, and not known where activity is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.monitored import write_table
from tandem.measure.rows import GPU_COLUMNS, ON_GPUS, PLACE_COLUMNS
from tandem.measure.windows.execution_idle import execution_idle

GPU = {"file": "gpu_0.csv", "missing": {}, "missing_since": {}}
BY_COUNTER = {"energy_method": "counter", "energy_reason": None}
BY_TRAPEZOID = {"energy_method": "trapezoid", "energy_reason": None}
IDLE_W, CONTEXT_W, WORK_W = 60.0, 40.0, 240.0


def write(folder: Path, *phases: tuple[float, str, float | None], **changes: Any) -> None:
    """Write rows, one a second: of each phase 10 s of a power, who is there, and the use in %."""
    rows, places, energy_j = [], [], 0.0
    for number, (watts, who, percent) in enumerate(each for each in phases for _ in range(10)):
        energy_j += watts
        row = {"boottime_s": number + 1.0, "sm_percent": percent}
        row |= {"energy_counter_mj": 1000 * energy_j, "energy_trapezoid_j": energy_j}
        rows.append(row | changes)
        places.append({"boottime_s": number + 1.01, **({who: "gpu_0"} if who else {})})
    write_table(folder / "gpu_0.csv", GPU_COLUMNS, rows)
    write_table(folder / ON_GPUS, PLACE_COLUMNS, places)


def found(
    folder: Path,
    from_s: float,
    to_s: float,
    sees_all: bool = True,
    energy: dict[str, Any] = BY_COUNTER,
) -> tuple[Any, ...]:
    return tuple(execution_idle(folder, GPU, energy, from_s, to_s, sees_all=sees_all).values())


IDLE = (IDLE_W, "", 0.0)
CONTEXT = (IDLE_W + CONTEXT_W, "context_on", 0.0)
WORK = (WORK_W, "foreground_on", 90.0)


def test_a_context_of_40_w_is_told_from_an_idle_of_60_w(tmp_path: Path) -> None:
    write(tmp_path, IDLE, CONTEXT, WORK)
    assert found(tmp_path, 1.0, 9.0) == (0.0, 0.0, None)
    assert found(tmp_path, 12.0, 20.0) == (8.0, 8 * 100.0, None)
    assert found(tmp_path, 22.0, 29.0) == (0.0, 0.0, None)


def test_the_edges_of_a_window_cut_rows(tmp_path: Path) -> None:
    write(tmp_path, CONTEXT, CONTEXT)
    assert found(tmp_path, 2.25, 7.75) == (5.5, 550.0, None)


@pytest.mark.parametrize(("percent", "seconds"), [(5.0, 8.0), (5.1, 0.0)])
@pytest.mark.parametrize("who", ["foreground_on", "background_on", "strangers_on", "unclear_on"])
def test_whoever_holds_the_board_a_few_percent_are_no_work(
    tmp_path: Path, who: str, percent: float, seconds: float
) -> None:
    write(tmp_path, (100.0, who, percent))
    assert found(tmp_path, 1.0, 9.0)[0] == seconds


def test_a_training_that_waits_half_of_the_time(tmp_path: Path) -> None:
    write(tmp_path, WORK, (120.0, "foreground_on", 2.0), WORK)
    assert found(tmp_path, 1.0, 30.0) == (10.0, 1200.0, None)


def test_use_that_is_not_reported_is_not_zero(tmp_path: Path) -> None:
    write(tmp_path, (100.0, "context_on", None))
    seconds, joules, reason = found(tmp_path, 1.0, 9.0)
    assert (seconds, joules) == (None, None)
    assert reason == "who was on the GPU, or its use, is not known"
    gpu = {**GPU, "missing": {"utilisation": "Not Supported"}}
    gpu["missing_since"] = {"utilisation": 0.0}
    told = execution_idle(tmp_path, gpu, BY_COUNTER, 1.0, 9.0, sees_all=True)[
        "execution_idle_reason"
    ]
    assert told == "use of the GPU: Not Supported"


def test_nobody_in_the_list_of_a_container_says_nothing(tmp_path: Path) -> None:
    write(tmp_path, (100.0, "", 0.0))
    assert found(tmp_path, 1.0, 9.0)[0] == 0.0
    assert found(tmp_path, 1.0, 9.0, sees_all=False)[0] is None
    write(tmp_path, (100.0, "unread_on", 0.0))
    assert found(tmp_path, 1.0, 9.0)[0] is None


def test_joules_are_by_the_sensor_of_the_windows_energy(tmp_path: Path) -> None:
    write(tmp_path, CONTEXT, energy_counter_mj=None)
    assert found(tmp_path, 1.0, 9.0, energy=BY_TRAPEZOID) == (8.0, 800.0, None)
    seconds, joules, reason = found(tmp_path, 1.0, 9.0)
    assert (seconds, joules) == (8.0, None)
    assert "does not know" in reason


def test_a_counter_that_stands_still_is_no_board_without_power(tmp_path: Path) -> None:
    write(tmp_path, CONTEXT, energy_counter_mj=5000.0)
    seconds, joules, reason = found(tmp_path, 1.0, 9.0)
    assert (seconds, joules) == (8.0, None)
    assert "does not know" in reason


def test_where_the_windows_energy_is_not_known_neither_are_these_joules(tmp_path: Path) -> None:
    reason = "the energy is the board's, and others may have been on MIG-1"
    energy = {"energy_method": None, "energy_reason": reason}
    write(tmp_path, IDLE, CONTEXT)
    assert found(tmp_path, 12.0, 20.0, energy=energy) == (8.0, None, reason)
    assert found(tmp_path, 1.0, 9.0, energy=energy) == (0.0, 0.0, None)


def test_without_rows_nothing_is_known(tmp_path: Path) -> None:
    assert found(tmp_path, 1.0, 9.0)[:2] == (None, None)
