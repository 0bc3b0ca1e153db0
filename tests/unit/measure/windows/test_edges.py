"""Energy up to an edge: near the truth, and as sure of it as stated."""

from __future__ import annotations

import math
import random
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.monitored import (
    LENGTHS_S,
    gpu_of,
    in_deviations,
    steady,
    trainings,
    without,
    write_monitor,
)
from support.waves import START_S, Board, Square
from tandem.measure.rows import GPU_COLUMNS
from tandem.measure.windows.edges import Spread, time_of
from tandem.measure.windows.nearby import Nearby

WAVES = st.builds(Square, st.floats(0.3, 3.0), st.floats(0.0, 3.0))
BEHIND = Square(0.3, 0.1875)  # changes before a mark, and again behind the step that follows
BETWEEN = Square(0.9777730083958345, 1.701171875)  # changes between two samples near a mark
BURSTS = st.lists(st.tuples(st.floats(2.0, 45.0), st.floats(1.0, 3.0)), max_size=3)


@settings(max_examples=settings().max_examples * 2 // 5)
@example(wave=BEHIND, edges_s=(5.0, 43.0625), bursts=[], update_s=0.1)
@example(wave=BETWEEN, edges_s=(5.0, 42.78515625), bursts=[], update_s=0.02)
@given(
    wave=WAVES,
    edges_s=st.tuples(st.floats(5.0, 8.0), st.floats(40.0, 44.0)),
    bursts=BURSTS,
    update_s=st.sampled_from([0.0, 0.02, 0.1]),
)
def test_square_waves(
    folder: Path,
    wave: Square,
    edges_s: tuple[float, float],
    bursts: list[tuple[float, float]],
    update_s: float,
) -> None:
    """Also where the monitor was held up for 1 to 3 s; an edge in it is as sure as the buffer."""
    from_s, to_s = (START_S + edge_s for edge_s in edges_s)
    held = [(START_S + begin_s, START_S + begin_s + burst_s) for begin_s, burst_s in bursts]
    board = Board(wave, update_s, interval_s=0.01)
    board.record(48.0, [from_s, to_s], held)
    write_monitor(folder, board.rows)
    gpu = gpu_of(folder, from_s, to_s)
    truth_j = wave.energy_j(to_s) - wave.energy_j(from_s)
    at_edge = any(begin_s <= edge_s < end_s for begin_s, end_s in held for edge_s in (from_s, to_s))
    within = 0.005 if at_edge else 0.002
    assert gpu["energy_counter_joules"] == pytest.approx(truth_j, rel=within)
    assert gpu["energy_trapezoid_joules"] == pytest.approx(truth_j, rel=0.01)
    assert gpu["energy_joules"] == gpu["energy_counter_joules"]
    assert (gpu["energy_method"], gpu["energy_reason"]) == ("counter", None)
    assert abs(gpu["energy_joules"] - truth_j) < 5.0 * gpu["energy_uncertainty_joules"]
    assert gpu["sampling_coverage"] == pytest.approx(1.0)
    assert gpu["power_avg_watts"] * (to_s - from_s) == pytest.approx(gpu["energy_joules"])
    assert (gpu["power_min_watts"], gpu["power_max_watts"]) == (60.0, 300.0)
    assert gpu["warnings"] == []


@pytest.mark.parametrize("update_s", [0.0, 0.1])
@pytest.mark.parametrize("edge", [0, 1])
def test_edges_while_the_monitor_is_held_up(tmp_path: Path, edge: int, update_s: float) -> None:
    chance = random.Random(4)
    errors = []
    for _ in range(40):
        wave = Square(chance.uniform(0.3, 3.0), chance.uniform(0.0, 3.0))
        from_s = START_S + chance.uniform(5.0, 8.0)
        edges_s = (from_s, from_s + 30.0)
        burst_s = chance.uniform(1.0, 3.0)
        begin_s = edges_s[edge] - chance.uniform(0.0, burst_s)
        board = Board(wave, update_s)
        board.record(48.0, edges_s, [(begin_s, begin_s + burst_s)])
        write_monitor(tmp_path, board.rows)
        truth_j = wave.energy_j(edges_s[1]) - wave.energy_j(edges_s[0])
        errors.append(abs(gpu_of(tmp_path, *edges_s)["energy_joules"] / truth_j - 1.0))
    errors.sort()
    assert errors[20] < 0.0005
    assert errors[36] < 0.002
    assert errors[-1] < 0.003


@pytest.mark.parametrize("held", ["filled from the buffer", "never sampled", "never"])
@pytest.mark.parametrize("marked", [True, False])
def test_the_stated_uncertainty_is_true(tmp_path: Path, held: str, marked: bool) -> None:
    """Over many windows the error is about as large as stated, whatever was lost."""
    chance = random.Random(2)
    ratios = []
    for _ in range(60):
        wave = Square(chance.uniform(0.3, 3.0), chance.uniform(0.0, 3.0))
        from_s = START_S + chance.uniform(3.0, 6.0)
        to_s = from_s + chance.uniform(5.0, 20.0)
        burst_s = chance.uniform(from_s - 2.0, to_s)
        board = Board(wave, has_buffer=held != "never sampled")
        bursts = [] if held == "never" else [(burst_s, burst_s + 2.0)]
        board.record(to_s + 5.0 - START_S, [from_s, to_s] if marked else [], bursts)
        write_monitor(tmp_path, board.rows)
        gpu = gpu_of(tmp_path, from_s, to_s)
        truth_j = wave.energy_j(to_s) - wave.energy_j(from_s)
        ratios.append((gpu["energy_joules"] - truth_j) / gpu["energy_uncertainty_joules"])
    root_mean_square = math.sqrt(sum(ratio**2 for ratio in ratios) / len(ratios))
    assert 0.2 < root_mean_square < 1.3


def test_the_stated_uncertainty_of_a_trapezoid_is_true(tmp_path: Path) -> None:
    chance = random.Random(3)
    ratios = []
    for _ in range(60):
        wave = Square(chance.uniform(0.3, 3.0), chance.uniform(0.0, 3.0))
        from_s, to_s = START_S + chance.uniform(3.0, 6.0), START_S + chance.uniform(9.0, 25.0)
        board = Board(wave)
        board.record(to_s + 5.0 - START_S, [from_s, to_s])
        write_monitor(tmp_path, without(board.rows, "energy_counter_mj"))
        gpu = gpu_of(tmp_path, from_s, to_s)
        assert (gpu["energy_method"], gpu["energy_counter_joules"]) == ("trapezoid", None)
        truth_j = wave.energy_j(to_s) - wave.energy_j(from_s)
        ratios.append((gpu["energy_joules"] - truth_j) / gpu["energy_uncertainty_joules"])
    root_mean_square = math.sqrt(sum(ratio**2 for ratio in ratios) / len(ratios))
    assert 0.2 < root_mean_square < 1.3


@pytest.mark.parametrize("power_s", [0.1, 0.025, 0.0])
def test_old_power_without_a_counter(folder: Path, power_s: float) -> None:
    """Up to 45 % of a short window, but not in secret."""
    found = trainings(folder, LENGTHS_S, ["energy_counter_mj"], power_s=power_s)
    assert {gpu["energy_method"] for gpu, _ in found} == {"trapezoid"}
    assert 0.2 < in_deviations(found) < 1.5
    assert max(gpu["energy_uncertainty_joules"] for gpu, _ in found) < 40.0


def test_power_averaged_over_a_second(folder: Path) -> None:
    lost = ["energy_counter_mj"]
    for gpu, truth_j in trainings(folder, [3.0, 9.9], lost, average_s=1.0):
        assert (gpu["energy_joules"], gpu["energy_uncertainty_joules"]) == (None, None)
        assert "power may be averaged over a second here" in gpu["energy_reason"]
        assert gpu["energy_trapezoid_joules"] == pytest.approx(truth_j, abs=200.0)
        assert "lags behind" in gpu["warnings"][0]
    found = trainings(folder, [10.1, 20.0] * 10, lost, average_s=1.0)
    assert 0.2 < in_deviations(found) < 1.5
    found = trainings(folder, LENGTHS_S, average_s=1.0)
    assert {gpu["energy_method"] for gpu, _ in found} == {"counter"}
    assert in_deviations(found) < 1.5


@pytest.fixture(scope="module")
def long_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two minutes of a wave, marked at 30 s and 90 s, held up at 60 s."""
    folder = tmp_path_factory.mktemp("long")
    board = Board(Square(1.7))
    board.record(120.0, [START_S + 30.0, START_S + 90.0], [(START_S + 59.0, START_S + 61.0)])
    write_monitor(folder, board.rows)
    return folder


@settings(max_examples=settings().max_examples * 2 // 5)
@given(cuts=st.lists(st.floats(1001.0, 1118.0), min_size=3, max_size=6, unique=True))
def test_the_parts_of_a_window_add_up(long_folder: Path, cuts: list[float]) -> None:
    cuts.sort()
    whole = gpu_of(long_folder, cuts[0], cuts[-1])
    parts = [gpu_of(long_folder, *pair) for pair in pairwise(cuts)]
    for name in ("energy_counter_joules", "energy_trapezoid_joules"):
        assert sum(part[name] for part in parts) == pytest.approx(whole[name], abs=1e-3)


@settings(max_examples=settings().max_examples // 5)
@given(from_s=st.floats(1015.0, 1050.0), length_s=st.floats(0.5, 50.0))
def test_rows_far_outside_a_window_mean_nothing(
    long_folder: Path, tmp_path_factory: pytest.TempPathFactory, from_s: float, length_s: float
) -> None:
    to_s = from_s + length_s
    board = Board(Square(1.7))
    board.record(120.0, [START_S + 30.0, START_S + 90.0], [(START_S + 59.0, START_S + 61.0)])
    near = [row for row in board.rows if from_s - 7.0 < row["boottime_s"] < to_s + 7.0]
    folder = tmp_path_factory.mktemp("near")
    write_monitor(folder, near)
    assert gpu_of(folder, from_s, to_s) == gpu_of(long_folder, from_s, to_s)


def test_a_window_from_the_first_row_to_the_last(folder: Path) -> None:
    write_monitor(folder, steady())
    gpu = gpu_of(folder, START_S, START_S + 30.0)
    assert gpu["energy_counter_joules"] == pytest.approx(3000.0)
    assert gpu["energy_trapezoid_joules"] == pytest.approx(3000.0)


def test_the_rows_about_a_moment_are_few(folder: Path) -> None:
    """However long the file: of seven days, nothing stays in memory."""
    near = Nearby(START_S + 500.0, 5.0)
    for row in steady(1001):
        near.add({"boottime_s": float(row["boottime_s"])})
    assert [time_of(row) - START_S for row in near.rows] == [495.0 + n for n in range(11)]


def test_an_edge_in_a_gap_can_have_had_the_power_of_any_row_near(folder: Path) -> None:
    """The samples on both sides of the gap agree, but that was chance."""
    rows = steady()
    rows[7] |= {"power_min_w": 20, "power_max_w": 300}
    sure = without(rows, "energy_counter_mj")
    write_monitor(folder, sure)
    uncertain_j = gpu_of(folder, START_S + 10.5, START_S + 25.0)["energy_uncertainty_joules"]
    assert uncertain_j < 1.0
    sure[11] |= {"unsampled_s": 0.5, "samples": 6, "largest_gap_s": 0.5}
    write_monitor(folder, sure)
    uncertain_j = gpu_of(folder, START_S + 10.5, START_S + 25.0)["energy_uncertainty_joules"]
    assert uncertain_j > 20.0


def held_up(more_j: float) -> list[dict[str, Any]]:
    """Rows of 100 W about a gap of 2 s, in which the counter saw more than that."""
    rows = steady()
    rows[12] |= {"unsampled_s": 2.0, "samples": 1, "largest_gap_s": 2.0}
    for row in rows[12:]:
        row["energy_counter_mj"] += 1000 * more_j
    return [*rows[:11], *rows[12:]]


def test_what_the_counter_saw_in_a_gap_may_be_on_either_side_of_an_edge(folder: Path) -> None:
    write_monitor(folder, held_up(0.0))
    gpu = gpu_of(folder, START_S + 11.0, START_S + 25.0)
    assert gpu["energy_uncertainty_joules"] < 15.0
    write_monitor(folder, held_up(200.0))
    gpu = gpu_of(folder, START_S + 11.0, START_S + 25.0)
    for truth_j in (1400.0, 1600.0):
        assert abs(gpu["energy_joules"] - truth_j) < 2.0 * gpu["energy_uncertainty_joules"]


def test_a_window_that_lies_in_a_gap_has_no_energy(folder: Path) -> None:
    rows = held_up(200.0)
    write_monitor(folder, rows)
    gpu = gpu_of(folder, START_S + 10.3, START_S + 11.7)
    assert gpu["energy_joules"] is None
    assert "the monitor was held up for 2.0 s, the whole window long" in gpu["energy_reason"]
    assert gpu_of(folder, START_S + 9.7, START_S + 11.7)["energy_joules"] is not None
    power = [column for column in GPU_COLUMNS if column.startswith("power_")]
    counted = without([{**rows[10], "boottime_s": START_S + 11.0}], "energy_trapezoid_j", *power)
    write_monitor(folder, [*rows[:11], *counted, *rows[11:]])
    assert gpu_of(folder, START_S + 10.3, START_S + 11.7)["energy_joules"] is not None


def test_power_may_have_jumped_in_the_largest_gap_of_a_row() -> None:
    """Two samples right behind each other do not make a jump before them any surer."""
    spread = Spread(0.02)
    row = {"power_min_w": 60.0, "power_max_w": 360.0, "power_jumps_w2": 300.0**2}
    spread.add({**row, "samples": 2.0, "largest_gap_s": 0.098}, 0.1)
    assert spread.variance_j2 == pytest.approx((300.0 * 0.098) ** 2 / 12.0)


def test_a_row_seconds_away_is_trusted_less(folder: Path) -> None:
    """Steady power, so that nothing but the trapezoid's own gain can be wrong."""
    board = Board(Square(1.0, low_w=200.0, high_w=200.0))
    edges_s = (START_S + 10.0, START_S + 30.0)
    board.record(40.0, edges_s, [(edges_s[0] - 0.5, edges_s[0] + 2.5)])
    write_monitor(folder, board.rows)
    assert gpu_of(folder, *edges_s)["energy_uncertainty_joules"] > 2.0
    board = Board(board.wave)
    board.record(40.0, edges_s)
    write_monitor(folder, board.rows)
    assert gpu_of(folder, *edges_s)["energy_uncertainty_joules"] < 1.0


def test_a_counter_that_was_not_seen_to_move_is_as_old_as_it_can_be(folder: Path) -> None:
    """The monitor ends just behind the edge, with a row that saw only how little an idle GPU draws.

    What the counter lacks there is of the time before, at 100 W.
    """
    rows = steady(21)
    edge = {**rows[-1], "kind": "mark", "boottime_s": START_S + 20.3}
    edge |= {"energy_trapezoid_j": 2030.0, "energy_counter_mj": 10**9 + 2_021_000}
    idle = {"kind": "last", "boottime_s": START_S + 20.33, "energy_trapezoid_j": 2030.3}
    idle |= {"power_min_w": 10, "power_max_w": 10, "samples": 3, "largest_gap_s": 0.01}
    write_monitor(folder, [*rows, edge, {**edge, **idle}])
    gpu = gpu_of(folder, START_S + 10.0, START_S + 20.3)
    assert abs(gpu["energy_joules"] - 1030.0) < 2.0 * gpu["energy_uncertainty_joules"]
    assert 4.0 < gpu["energy_uncertainty_joules"] < 9.0


def test_without_power_the_counter_is_a_straight_line(folder: Path) -> None:
    columns = [column for column in GPU_COLUMNS if column.startswith("power_")]
    rows = without(steady(), "energy_trapezoid_j", "samples", "largest_gap_s", *columns)
    write_monitor(folder, rows, missing={"power": "no sensor"})
    gpu = gpu_of(folder, START_S + 2.5, START_S + 12.5)
    assert gpu["energy_joules"] == pytest.approx(1000.0)
    assert 5.0 < gpu["energy_uncertainty_joules"] < 100.0
    assert gpu["energy_trapezoid_joules"] is None
    assert gpu["power_avg_watts"] == pytest.approx(100.0)
    assert (gpu["power_max_watts"], gpu["samples"], gpu["sampling_coverage"]) == (None, 0, None)
