"""A pair of trainings whose slowdown and power are known: what the records make of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from simgpu import SimGpu
from support.pair import BACK, CONTROLS, FRONT, Pair, measured_pair
from support.stage import Stage, training_line
from support.truth import is_true

pytestmark = pytest.mark.long


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(order, marks=pytest.mark.xdist_group(f"pair, {order}"))
        for order in ("parallel_first", "solo_first")
    ],
)
def pair(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    simgpu_library: Path,
) -> Iterator[Pair]:
    """One pair by the real driver; the background's rounds follow each other for ever."""
    with measured_pair(tmp_path_factory.mktemp("pair"), simgpu_library, request.param) as found:
        yield found


def test_each_names_its_twin(pair: Pair) -> None:
    assert pair.parallel["twin"] == pair.solo["experiment_id"]
    assert pair.solo["twin"] == pair.parallel["experiment_id"]
    assert (pair.parallel["control"], pair.solo["control"]) == (None, "solo")
    assert pair.interference["twin"] == pair.solo["experiment_id"]
    assert pair.interference["experiment_id"] == pair.parallel["experiment_id"]
    assert (pair.parallel["epochs_done"], pair.solo["epochs_done"]) == (4, 4)


def test_the_slowdown_of_the_epochs_is_that_of_their_lines(pair: Pair) -> None:
    both = [[each["seconds"] for each in one["epoch_times"]] for one in (pair.parallel, pair.solo)]
    assert [len(times) for times in both] == [4, 4]
    beside_s, alone_s = (times[-1] - times[0] for times in both)
    found = pair.figure("slowdown_of_epochs")
    assert found["value"] == pytest.approx(beside_s / alone_s, rel=0.02)  # the end cuts the last
    [row] = [each for each in pair.rows if each["experiment_id"] == pair.parallel["experiment_id"]]
    assert found["label"] == "measured", found
    assert float(row["slowdown_of_epochs"]) == found["value"]
    assert float(row["slowdown_of_epochs_clock_uncertainty"]) == found["clock_uncertainty"] > 0


def test_the_windows_are_those_that_were_asked_for(pair: Pair) -> None:
    names = [window["name"] for window in pair.parallel["windows"]]
    assert names == ["idle", "background", "foreground", "idle"]
    assert [window["name"] for window in pair.solo["windows"]] == ["idle", "solo", "idle"]
    assert pair.seconds(pair.parallel, "background") >= CONTROLS["background_seconds"]
    assert pair.seconds(pair.parallel, "idle") >= CONTROLS["idle_seconds"]
    for record in (pair.parallel, pair.solo):
        for window in record["windows"]:
            assert is_true(window, pair.gpu), window["name"]


def test_every_figure_is_the_truth_within_its_uncertainty(pair: Pair) -> None:
    """The truth comes from the board's exact integrals and the trainings' exact times."""
    slots = pair.gpu.slots(0)
    e_j = pair.truth_j(pair.parallel, "foreground")
    v_f_j = pair.truth_j(pair.solo, "solo")
    p_b_w = pair.power_alone_w()
    t_p, t_s = pair.seconds(pair.parallel, "foreground"), pair.seconds(pair.solo, "solo")
    progress = pair.figure("background_progress_ratio")["value"]
    v_b_j = p_b_w * t_p * progress
    truth = {
        "slowdown": t_p / t_s,
        "energy_ratio": e_j / v_f_j,
        "marginal_energy_joules": e_j - p_b_w * t_p,
        "foreground_energy_low_joules": e_j - v_b_j,
        "foreground_energy_high_joules": v_f_j,
        "foreground_energy_shapley_joules": (v_f_j + e_j - v_b_j) / 2,
        "saving_of_sharing": 1 - e_j / (v_f_j + v_b_j),
    }
    for name, value in truth.items():
        figure = pair.figure(name)
        assert abs(figure["value"] - value) <= 3 * figure["clock_uncertainty"], (
            name,
            value,
            figure,
        )
    assert len(slots) > 10


def test_the_slowdown_and_the_progress_are_those_of_the_windows(pair: Pair) -> None:
    """How near they come to those of the loads is printed by bench/figures.py."""
    rates = {
        each["name"]: each["load"]["rounds_per_second"]
        for each in pair.parallel["windows"]
        if each["load"]
    }
    took_s = [record["duration_seconds"] for record in (pair.parallel, pair.solo)]
    assert pair.figure("slowdown")["value"] == pytest.approx(took_s[0] / took_s[1])
    progress = pair.figure("background_progress_ratio")
    assert progress["value"] == pytest.approx(rates["foreground"] / rates["background"])
    assert progress["label"] == "measured"
    slowdown = pair.figure("slowdown")["value"]
    assert pair.figure("stp")["value"] == pytest.approx(1 / slowdown + progress["value"])
    assert pair.figure("antt")["value"] == pytest.approx((slowdown + 1 / progress["value"]) / 2)


def test_the_split_by_utilisation_is_an_estimate(pair: Pair) -> None:
    figure = pair.figure("foreground_energy_estimate_joules")
    e_j = pair.truth_j(pair.parallel, "foreground")
    assert figure["label"] == "estimate"
    # The background uses half of what the foreground does, and nothing in its pauses.
    assert 0.97 * e_j * 60 / (60 + 30) <= figure["value"] <= e_j


def test_the_table_has_the_figures_in_whichever_order_they_came(pair: Pair) -> None:
    by_id = {row["experiment_id"]: row for row in pair.rows}
    assert len(by_id) == len(pair.rows) == 2
    row = by_id[pair.parallel["experiment_id"]]
    assert float(row["slowdown"]) == pair.figure("slowdown")["value"]
    assert float(row["saving_of_sharing"]) == pair.figure("saving_of_sharing")["value"]
    assert row["twin"] == pair.solo["experiment_id"]
    assert by_id[pair.solo["experiment_id"]]["control"] == "solo"
    assert by_id[pair.solo["experiment_id"]]["slowdown"] == ""


@pytest.mark.usefixtures("on_gpu")
def test_without_a_window_of_the_background_alone(stage: Stage, gpu: SimGpu) -> None:
    stage.build(
        training_line(gpu.command(**FRONT, work_seconds=2)),
        training_line(gpu.command(**BACK, seconds=600)),
        controls={"solo": True},
    )
    run = stage.run()
    assert run.returncode == 0, run.stdout
    (run_folder,) = stage.folder.glob("results/run_*")
    (path,) = run_folder.glob("*/interference.json")
    figures = json.loads(path.read_text())["figures"]
    assert figures["slowdown"]["value"] > 0
    assert figures["energy_ratio"]["value"] > 0
    assert figures["background_progress_ratio"]["value"] is None
    assert "no background window" in figures["background_progress_ratio"]["reason"]


@pytest.mark.usefixtures("on_gpu")
@pytest.mark.parametrize("wrong", ["epochs", "exit code"])
def test_a_control_that_did_other_work_gives_no_figures(
    wrong: str, stage: Stage, gpu: SimGpu
) -> None:
    once = gpu.command(**FRONT, seconds=2, epochs=4)
    again = gpu.command(**FRONT, seconds=2, epochs=3, exit_code=3 if wrong == "exit code" else 0)
    stage.build(
        f"[ -e once ] && {training_line(again)}; touch once; {training_line(once)}",
        training_line(gpu.command(**BACK, seconds=600)),
        controls={"solo": True},
    )
    stage.run()
    (run_folder,) = stage.folder.glob("results/run_*")
    (path,) = run_folder.glob("*/interference.json")
    figure = json.loads(path.read_text())["figures"]["slowdown"]
    assert figure["value"] is None
    assert wrong in figure["reason"] or "failed" in figure["reason"]
