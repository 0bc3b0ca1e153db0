"""What windows state of their own error is true for every kind of board.

Fewer windows than bench/measuring.py prints, always the same ones.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from support.calibration import (
    BOARDS,
    DEVIATIONS,
    LEAST_SHARES,
    Board,
    known,
    pulse,
    shares,
    steady_wave,
    windows,
)
from support.simulated import BEGIN_S, Sensors, Watched, monitor
from tandem.measure.windows.window import window_facts

COUNT, FEW = 60, 6
# Stated deviations may not grow without notice: percent of the energy, in the median.
MOST_STATED = {"counter every 20 ms": 0.2, "counter every 100 ms": 0.4, "counter every 300 ms": 1.0}
MOST_STATED |= {"counter every 1000 ms": 1.5, "no counter, power every 20 ms": 4.5}


every_board = pytest.mark.parametrize("board", BOARDS, ids=[board.name for board in BOARDS])


@every_board
def test_a_few_windows_lie_within_what_they_state(board: Board) -> None:
    found = known(windows(board, FEW, seed=2))
    assert found
    assert max(each.deviations for each in found) < 3.0


@pytest.mark.long
@every_board
def test_nearly_all_windows_lie_within_what_they_state(board: Board) -> None:
    found = windows(board, COUNT)
    assert len(known(found)) > COUNT / 2
    for share, least, deviations in zip(shares(found), LEAST_SHARES, DEVIATIONS, strict=True):
        assert share >= least, f"{share:.0%} within {deviations:g}"
    stated = sorted((each.sigma_j or 0.0) / each.truth_j for each in known(found))
    assert 100.0 * stated[len(stated) // 2] < MOST_STATED.get(board.name, 50.0)


@pytest.mark.parametrize(
    ("counter_s", "power_s"), [(0.02, 0.1), (0.1, 0.02), (0.3, 0.1), (1.0, 0.02), (None, 1.0)]
)
def test_the_periods_of_a_board_are_learnt(
    tmp_path: Path, counter_s: float | None, power_s: float
) -> None:
    from_s, to_s = BEGIN_S + 5.0, BEGIN_S + 15.0
    curve = pulse(random.Random(1), from_s + 0.01, to_s)
    monitor(Watched(curve, Sensors(counter_s, power_s), [(from_s, to_s)]), tmp_path)
    (gpu,) = json.loads((tmp_path / "monitor.json").read_text())["gpus"]
    facts = window_facts(tmp_path, from_s, to_s)["gpus"][0]
    for sensor, truth_s in (("counter", counter_s), ("power", power_s)):
        found = gpu[f"{sensor}_period_s"]
        assert found == facts[f"{sensor}_period_seconds"]
        assert found == (None if truth_s is None else pytest.approx(truth_s, rel=0.15))


def gapped(folder: Path, wave_s: float, to_s: float = BEGIN_S + 25.0) -> dict[str, object]:
    from_s, name = BEGIN_S + 5.0, "NVIDIA A100-SXM4-80GB"
    curve = steady_wave(wave_s)(random.Random(1), from_s + 0.01, to_s)
    sensors = Sensors(0.1, 0.1, is_gapped=True)
    monitor(Watched(curve, sensors, [(from_s, to_s)], name=name), folder)
    gpu: dict[str, object] = window_facts(folder, from_s, to_s)["gpus"][0]
    return gpu


@pytest.mark.parametrize("wave_s", [0.1, 0.5])
def test_what_a_gapped_sensor_may_not_see_is_stated_and_warned_of(
    tmp_path: Path, wave_s: float
) -> None:
    gpu = gapped(tmp_path, wave_s)
    assert any("sees power for 25 of each 100 ms" in str(why) for why in gpu["warnings"])  # type: ignore[attr-defined]
    energy_j, sigma_j = gpu["energy_joules"], gpu["energy_uncertainty_joules"]
    assert isinstance(energy_j, float)
    assert isinstance(sigma_j, float)
    assert sigma_j > 0.05 * energy_j
