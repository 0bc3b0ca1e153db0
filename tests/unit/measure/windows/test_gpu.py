"""A GPU in a window: which energy counts, why there is none, and what is warned of."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.monitored import gpu_of, steady, without, write_monitor
from support.waves import START_S, Board, Pulse
from tandem.measure.rows import GPU_COLUMNS
from tandem.measure.windows.window import window_facts


@pytest.mark.parametrize("has_buffer", [False, True])
def test_mean_power_where_the_monitor_was_held_up(folder: Path, has_buffer: bool) -> None:
    """The mean is the counter's; the highest and lowest sample are none of what was not seen."""
    from_s, to_s = START_S + 3.0, START_S + 13.0
    wave = Pulse(from_s + 0.9, to_s - 0.9)
    board = Board(wave, has_buffer=has_buffer)
    board.record(16.0, [from_s, to_s], [(from_s + 0.6, to_s - 0.6)])
    write_monitor(folder, board.rows)
    gpu = gpu_of(folder, from_s, to_s)
    truth_w = (wave.energy_j(to_s) - wave.energy_j(from_s)) / 10.0
    assert gpu["power_avg_watts"] == pytest.approx(truth_w, rel=0.002)
    extremes = (60.0, 360.0) if has_buffer else (None, None)
    assert (gpu["power_min_watts"], gpu["power_max_watts"]) == extremes
    assert any("power was sampled for" in why for why in gpu["warnings"]) != has_buffer


def test_without_a_counter_the_trapezoid_counts_if_enough_was_sampled(folder: Path) -> None:
    rows = without(steady(), "energy_counter_mj")
    rows[10]["unsampled_s"] = 0.5
    write_monitor(folder, rows, missing={"energy_counter": "this board has none"})
    gpu = gpu_of(folder, START_S + 5.0, START_S + 25.0)
    assert (gpu["energy_joules"], gpu["energy_method"]) == (pytest.approx(2000.0), "trapezoid")
    assert (gpu["energy_counter_joules"], gpu["disagreement_percent"]) == (None, None)
    gpu = gpu_of(folder, START_S + 5.0, START_S + 12.0)
    assert (gpu["energy_joules"], gpu["energy_method"]) == (None, None)
    assert gpu["energy_trapezoid_joules"] == pytest.approx(700.0)
    assert (gpu["power_avg_watts"], gpu["energy_uncertainty_joules"]) == (None, None)
    assert gpu["sampling_coverage"] == pytest.approx(6.5 / 7.0)
    reason = "this board has none; power was sampled for 92.9% of the window only"
    assert gpu["energy_reason"] == reason
    assert gpu["warnings"] == ["power was sampled for 92.9% of the window only"]


def test_a_mig_device_has_no_energy_and_says_why(folder: Path) -> None:
    columns = [column for column in GPU_COLUMNS if column.startswith(("power_", "energy_"))]
    reason = "NVML has none for a MIG device"
    rows = without(steady(), *columns, "samples", "largest_gap_s", "sm_percent")
    write_monitor(folder, rows, mig=True, missing={"energy_counter": reason, "power": reason})
    facts = window_facts(folder, START_S + 5.0, START_S + 25.0)
    gpu = facts["gpus"][0]
    assert (gpu["energy_joules"], gpu["energy_reason"]) == (None, reason)
    assert (gpu["sm_avg_percent"], gpu["memory_max_mib"]) == (None, 1000.0)


@pytest.mark.parametrize(
    ("from_s", "to_s", "reason"),
    [
        (-2.0, 5.0, "the monitor's rows begin 2.0 s after the window does"),
        (25.0, 33.5, "the monitor's rows end 3.5 s before the window does"),
        (40.0, 50.0, "the monitor's rows end 20.0 s before the window does"),
    ],
)
def test_outside_the_rows_nothing_is_known(
    folder: Path, from_s: float, to_s: float, reason: str
) -> None:
    write_monitor(folder, steady())
    gpu = gpu_of(folder, START_S + from_s, START_S + to_s)
    assert (gpu["energy_joules"], gpu["energy_counter_joules"]) == (None, None)
    assert gpu["energy_reason"] == reason
    assert (gpu["power_avg_watts"], gpu["energy_trapezoid_joules"]) == (None, None)


def test_a_gpu_that_was_lost_has_no_energy(folder: Path) -> None:
    rows = steady()
    bare = [{"boottime_s": row["boottime_s"]} for row in rows[16:]]
    write_monitor(folder, rows[:16] + bare, missing={"energy_counter": "GPU is lost"})
    gpu = gpu_of(folder, START_S + 5.0, START_S + 25.0)
    assert gpu["energy_joules"] is None
    assert gpu["energy_reason"] == "GPU is lost; the power is not known at an edge of the window"
    assert gpu["sampling_coverage"] == pytest.approx(0.5)
    assert gpu_of(folder, START_S + 5.0, START_S + 10.0)["energy_joules"] == pytest.approx(500.0)


def test_a_counter_that_runs_backwards_does_not_count(folder: Path) -> None:
    rows = steady()
    for row in rows[15:]:
        row["energy_counter_mj"] -= 10**9
    write_monitor(folder, rows)
    gpu = gpu_of(folder, START_S + 5.0, START_S + 25.0)
    assert (gpu["energy_counter_joules"], gpu["energy_method"]) == (None, "trapezoid")
    assert gpu["energy_joules"] == pytest.approx(2000.0)
    why = "the energy counter ran backwards: its driver was loaded anew"
    assert gpu["warnings"] == [why]
    write_monitor(folder, without(rows, "energy_trapezoid_j"))
    assert gpu_of(folder, START_S + 5.0, START_S + 25.0)["energy_reason"].startswith(why)


def test_a_counter_that_stands_still_is_told(folder: Path) -> None:
    rows = steady()
    for row in rows[10:14]:
        row["energy_counter_mj"] = rows[10]["energy_counter_mj"]
    write_monitor(folder, rows)
    sure = gpu_of(folder, START_S + 15.0, START_S + 25.0)
    assert sure["warnings"] == []
    gpu = gpu_of(folder, START_S + 5.0, START_S + 25.0)
    assert gpu["energy_joules"] == pytest.approx(2000.0)
    assert gpu["warnings"] == ["the energy counter stood still for 3.0 s"]
    assert gpu["energy_uncertainty_joules"] > sure["energy_uncertainty_joules"] + 100.0
    frozen = gpu_of(folder, START_S + 10.0, START_S + 13.0)
    assert (frozen["energy_counter_joules"], frozen["energy_method"]) == (None, "trapezoid")


def test_counter_and_trapezoid_that_disagree_are_told(folder: Path) -> None:
    rows = steady()
    for row in rows:
        row["energy_trapezoid_j"] *= 1.08
    write_monitor(folder, rows)
    gpu = gpu_of(folder, START_S + 5.0, START_S + 25.0)
    assert gpu["energy_joules"] == pytest.approx(2000.0)
    assert gpu["disagreement_percent"] == pytest.approx(8.0)
    assert gpu["warnings"] == ["the sampled power gives +8.0 % against the energy counter"]


@pytest.mark.parametrize(
    ("name", "length_s", "warned"),
    [
        ("NVIDIA A100-SXM4-80GB", 4.0, True),
        ("NVIDIA GH200 480GB", 4.0, True),
        ("NVIDIA H100", 5.0, False),
        ("T4", 1.0, False),
    ],
)
def test_windows_too_short_for_the_sensor(
    folder: Path, name: str, length_s: float, warned: bool
) -> None:
    write_monitor(folder, steady(), name=name)
    gpu = gpu_of(folder, START_S + 5.0, START_S + 5.0 + length_s)
    assert [("short" in warning) for warning in gpu["warnings"]] == [True] * warned


def test_a_sensor_is_missing_from_its_loss_on(folder: Path) -> None:
    rows = steady()
    for row in rows[21:]:
        row["energy_counter_mj"] = row["energy_trapezoid_j"] = None
    lost = {"processes": "forbidden", "energy_counter": "lost", "power": "gone"}
    write_monitor(folder, rows, missing=lost, missing_since=dict.fromkeys(lost, START_S + 20.5))
    before = gpu_of(folder, START_S + 5.0, START_S + 20.0)
    assert (before["strangers_reason"], before["energy_reason"]) == (None, None)
    before = gpu_of(folder, START_S - 2.0, START_S + 10.0)
    assert before["energy_reason"] == "the monitor's rows begin 2.0 s after the window does"
    at_the_end = gpu_of(folder, START_S + 5.0, START_S + 21.0)
    assert at_the_end["strangers_reason"] is None  # of 16 s, half a second is not known
    after = gpu_of(folder, START_S + 5.0, START_S + 29.0)
    assert (after["strangers_reason"], after["energy_reason"]) == ("forbidden", "lost; gone")


def test_a_sensor_that_came_back_leaves_a_gap(folder: Path) -> None:
    """It has its uncertainty and a warning, and of what lies outside nothing is doubted."""
    rows = without(steady(), "energy_counter_mj")
    power = [column for column in GPU_COLUMNS if column.startswith("power_")]
    rows[8] |= {"power_min_w": 20.0}
    gone = {"energy_trapezoid_j": None, "samples": None, **dict.fromkeys(power)}
    rows[13] |= gone
    rows[14] |= {"unsampled_s": 1.7, "largest_gap_s": 1.7, "samples": 3}
    moments = {"from_boottime_s": START_S + 12.2, "to_boottime_s": START_S + 13.9}
    gaps = [{"sensor": each, "reason": "hiccup", **moments} for each in ("power", "processes")]
    write_monitor(folder, rows, gaps=gaps)
    write_monitor(folder, rows, gaps=gaps, missing={"energy_counter": "this board has none"})
    gpu = gpu_of(folder, START_S + 1.0, START_S + 29.0)
    assert gpu["energy_joules"] is None  # 94 % are not enough, as ever
    assert gpu["strangers_reason"] is None
    assert gpu["sampling_coverage"] == pytest.approx(1 - 1.7 / 28)
    assert "its power is not known for 1.7 s: hiccup" in gpu["warnings"]
    assert "who used it is not known for 1.7 s: hiccup" in gpu["warnings"]
    for row in rows:
        row["energy_counter_mj"] = 10**9 + (row["boottime_s"] - START_S) * 100_000
    write_monitor(folder, rows, gaps=gaps)
    gpu = gpu_of(folder, START_S + 1.0, START_S + 29.0)
    assert gpu["energy_joules"] == pytest.approx(2800.0)
    assert gpu["energy_method"] == "counter"
    assert gpu_of(folder, START_S + 12.2, START_S + 14.1)["strangers_reason"] == "hiccup"
    assert gpu_of(folder, START_S + 15.0, START_S + 29.0)["warnings"] == []


def test_a_gap_in_power_is_as_unsure_as_power_ranged(folder: Path) -> None:
    rows = without(steady(61), "energy_counter_mj")
    rows[8] |= {"power_min_w": 20.0}
    rows[13] |= {"energy_trapezoid_j": None, "power_max_w": None, "power_min_w": None}
    rows[14] |= {"unsampled_s": 1.7, "largest_gap_s": 1.7, "samples": 3}
    write_monitor(folder, rows, missing={"energy_counter": "this board has none"})
    gpu = gpu_of(folder, START_S + 2.0, START_S + 59.0)
    assert gpu["energy_joules"] == pytest.approx(5700.0)
    assert 80.0 * 1.7 / 12**0.5 < gpu["energy_uncertainty_joules"] < 100.0


@pytest.mark.parametrize(
    ("learnt_s", "length_s", "why"),
    [
        (None, 1.5, "changed too seldom to tell: it may be updated every 1.0 s, and 1.5 s are"),
        (1.0, 1.5, "is updated every 1.0 s, and 1.5 s are"),
        (None, 2.5, None),
        (0.1, 1.5, None),
    ],
)
def test_power_that_is_slow_or_may_be_says_nothing_of_a_short_window(
    folder: Path, learnt_s: float | None, length_s: float, why: str | None
) -> None:
    rows = without(steady(), "energy_counter_mj")
    write_monitor(folder, rows, missing={"energy_counter": "no counter"}, power_period_s=learnt_s)
    gpu = gpu_of(folder, START_S + 5.0, START_S + 5.0 + length_s)
    assert (gpu["energy_joules"] is None) == bool(why)
    assert (why or "") in (gpu["energy_reason"] or "")


def test_a_counter_whose_period_was_not_learnt_may_be_slow(folder: Path) -> None:
    uncertainties_j = []
    for learnt_s in (0.1, None):
        write_monitor(folder, steady(), counter_period_s=learnt_s)
        gpu = gpu_of(folder, START_S + 5.5, START_S + 15.5)
        uncertainties_j.append(gpu["energy_uncertainty_joules"])
    assert uncertainties_j[1] > 5.0 * uncertainties_j[0]


def test_a_disagreement_that_both_are_unsure_of_is_no_warning(folder: Path) -> None:
    """Power that jumps to and fro, of a board that is slow to say so."""
    rows = steady(power_max_w=400, power_jumps_w2=9e5)
    for row in rows:
        row["energy_trapezoid_j"] *= 1.08
    write_monitor(folder, rows, power_period_s=1.0, counter_period_s=0.1)
    gpu = gpu_of(folder, START_S + 5.0, START_S + 15.0)
    assert gpu["disagreement_percent"] == pytest.approx(8.0)
    assert gpu["warnings"] == []
