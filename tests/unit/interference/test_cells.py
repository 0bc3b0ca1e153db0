"""What is a repeat of what: what was asked for tells them apart, what came out does not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from support.compared import designed, groups, parallel
from support.records import of, put, write_run
from tandem.results.record_background import BackgroundPart

BOARD = "GPU-8932f937-d72c-4106-c12f-20bd9faed9f6"


def several(*numbers: int) -> tuple[list[Any], list[Any]]:
    """Some pairs, and their records alone, to be changed."""
    pairs = [parallel(number) for number in numbers]
    return pairs, [record for record, _ in pairs]


def sizes(*runs: Path) -> list[int]:
    return sorted(group["experiments"] for group in groups(*runs))


def test_cells_differ_in_training_background_its_values_and_device(tmp_path: Path) -> None:
    pairs, made = several(*range(1, 7))
    made[1]["model"] = "cnn"
    made[2]["background"]["model"] = "cnn"
    made[3]["background"]["hyperparameters"] = {"epochs": 9}
    made[4]["environment"]["device"] = "cpu"
    made[5]["windows"][1]["gpus"] = []
    found = groups(write_run(tmp_path / "run", *pairs))
    assert [group["experiments"] for group in found] == [1] * 6
    assert {group["device"] for group in found} == {
        "cuda, NVIDIA A100",
        "cpu, NVIDIA A100",
        "cuda, AMD EPYC 7302",
    }


def test_a_training_that_was_on_no_gpu_repeats_none_that_was(tmp_path: Path) -> None:
    pairs, made = several(1, 2)
    window = next(each for each in made[1]["windows"] if each["name"] == "foreground")
    put(window, **{"gpus_used.foreground.gpus": []})
    found = groups(write_run(tmp_path / "run", *pairs))
    assert {group["device"] for group in found} == {"cuda, NVIDIA A100", "cuda, AMD EPYC 7302"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"restart_delay_seconds": 5.0}, "restart_delay_seconds=5"),
        ({"max_rounds": 3}, "max_rounds=3"),
        ({"intensity": 0.25}, "intensity=0.25"),
        ({"target_gpu_utilization": 50.0}, "target_gpu_utilization=50"),
        ({"gpu_memory_mib": 4000.0}, "gpu_memory_mib=4000"),
        ({"gpu_memory_fraction": 0.3}, "gpu_memory_fraction=0.3"),
        ({"intensity": 0.5, "env": {"CUDA_VISIBLE_DEVICES": "1"}}, "gpus=1 intensity=0.5"),
        ({"env": {"CUDA_VISIBLE_DEVICES": "1", "OTHER": "x"}}, "gpus=1"),
    ],
)
def test_cells_differ_in_the_dose_and_the_gpus_of_a_background(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    pairs, made = several(1, 2, 3)
    for record in made[1:]:
        put(record["background"]["parts"][0], **change)
    usual, dosed = groups(write_run(tmp_path / "run", *pairs))
    assert (usual["experiments"], usual["dose"]) == (1, "")
    assert (dosed["experiments"], dosed["dose"]) == (2, words)


def test_each_of_several_backgrounds_has_its_dose(tmp_path: Path) -> None:
    pair = parallel(1)
    doses: list[dict[str, Any]] = [{}, {"intensity": 0.5}, {"max_rounds": 2}]
    put(pair[0], **{"background.parts": [of(BackgroundPart, **dose) for dose in doses]})
    [group] = groups(write_run(tmp_path / "run", pair))
    assert (group["dose"], group["intensity"]) == ("2.intensity=0.5 3.max_rounds=2", None)
    parts = (pair[0]["background"] and pair[0]["background"]["parts"]) or []
    each_one = [f"{part['repository']}/{part['model']}" for part in parts]
    assert group["background"] == " + ".join(each_one)
    assert len(each_one) == 3


def test_cells_differ_in_what_the_foreground_was_given(tmp_path: Path) -> None:
    """Not in what was drawn for it, nor in its seed alone."""
    pairs, made = several(*range(1, 6))
    made[1]["hyperparameters"]["epochs"] = 2
    made[2]["hyperparameters"]["seed"] = 7
    made[3]["hyperparameters"]["epochs"] = 3
    made[3]["mutated"].append("epochs")
    found = {group["values"]: group for group in groups(write_run(tmp_path / "run", *pairs))}
    assert {values: group["experiments"] for values, group in found.items()} == {
        **{"epochs=20": 3, "epochs=2": 1, "": 1}
    }
    assert found["epochs=20"]["configurations"] == 3


def test_what_differs_from_block_to_block_is_no_other_configuration(tmp_path: Path) -> None:
    """Whatever was varied, also where it was not the seed."""
    pairs = [designed(1, 1, block) for block in (1, 2, 3)]
    for number, (record, _) in enumerate(pairs):
        record["hyperparameters"]["dropout"] = number / 10
        record["mutated"].append("dropout")
    [group] = groups(write_run(tmp_path / "run", *pairs))
    assert (group["configurations"], group["unit"]) == (1, "pair")


def test_what_one_entry_varies_is_a_factor_in_another(tmp_path: Path) -> None:
    varies = [designed(1, 1, block) for block in (1, 2)]
    for number, (record, _) in enumerate(varies):
        record["hyperparameters"]["dropout"] = number / 10
        record["mutated"].append("dropout")
    once = designed(2, 1, 1)  # what varies is not seen in it
    once[0]["hyperparameters"]["dropout"] = 0.3
    others = [designed(config, 1, 1, **{"settings.path": "experiments[1]"}) for config in (3, 4)]
    found = groups(write_run(tmp_path / "run", *varies, once, *others))
    assert sorted(group["values"] for group in found) == [
        *("dropout=0.0 epochs=20", "dropout=0.5 epochs=20", "epochs=20")
    ]


def test_boards_of_one_model_are_as_good_as_each_other(tmp_path: Path) -> None:
    """Whichever of them both trainings were given."""
    pairs, made = several(1, 2, 3)
    for record, gpus in zip(made, ("0", "1", "1"), strict=True):
        record["environment"]["env"]["CUDA_VISIBLE_DEVICES"] = gpus
        record["background"]["parts"][0]["env"] = {"CUDA_VISIBLE_DEVICES": "1"}
        put(record, **{"windows[1].gpus[0].uuid": f"GPU-{gpus}"})
    found = groups(write_run(tmp_path / "run", *pairs))
    assert {group["dose"]: group["experiments"] for group in found} == {
        "": 2,
        "gpus=1_of_which_0_shared": 1,
    }


# -- code ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["environment.repository_git.commit", "background.parts[0].repository_git.commit"]
)
def test_other_commits_are_no_repeats(tmp_path: Path, path: str) -> None:
    pairs = [parallel(1), parallel(2, **{path: "f" * 40})]
    found = groups(write_run(tmp_path / "run", *pairs))
    assert [group["experiments"] for group in found] == [1, 1]
    assert any("f" * 12 in group["code"] for group in found)


def test_a_tree_with_changes_is_a_repeat_in_its_own_run_alone(tmp_path: Path) -> None:
    """Nobody knows what stood in it: that is told."""
    one, two = (
        write_run(
            tmp_path / name,
            *(
                parallel(number, timestamp=name, **{"environment.repository_git.dirty": True})
                for number in numbers
            ),
        )
        for name, numbers in {"one": (1, 2), "two": (3, 4, 5)}.items()
    )
    assert sizes(one, two) == [2, 3]
    assert "had changes that no commit has" in groups(one)[0]["warnings"][0]


def test_a_commit_that_nobody_knows_is_told(tmp_path: Path) -> None:
    unknown = {"commit": None, "dirty": None, "reason": "git is not installed"}
    pairs = [parallel(number, **{"environment.repository_git": unknown}) for number in (1, 2)]
    [group] = groups(write_run(tmp_path / "run", *pairs))
    assert group["warnings"] == ["the commit of a repository is not known: taken as the same"]


def test_other_versions_of_tandem_are_told(tmp_path: Path) -> None:
    pairs = [parallel(1), parallel(2, **{"environment.tandem_git.commit": "e" * 40})]
    [group] = groups(write_run(tmp_path / "run", *pairs))
    assert group["warnings"] == ["measured by different versions of Tandem"]


# -- what was set, and what came out ---------------------------------------------------


def board(**values: Any) -> dict[str, Any]:
    usual = {"power_limit_watts": 400.0, "power_limit_default_watts": 400.0}
    return {"uuid": BOARD, **usual, **values}


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"power_limit_watts": 300.0}, "power limit 300 W"),
        ({"clock_application_graphics_mhz": 1410}, "graphics clock set to 1410 MHz"),
        ({"clock_application_memory_mhz": 1593}, "memory clock set to 1593 MHz"),
    ],
)
def test_other_limits_and_clocks_that_were_set_are_no_repeats(
    tmp_path: Path, values: dict[str, Any], words: str
) -> None:
    """Only on the board in use, and by the description that was true for the experiment."""
    pairs, made = several(1, 2, 3)
    made[2]["machine"] = {"file": "machine_2.json", "sha256": "0" * 64}
    run = write_run(tmp_path / "run", *pairs)
    others = {**values, "uuid": "GPU-other"}
    for name, boards in {
        "machine.json": [board(), board(**others)],
        "machine_2.json": [board(**values)],
    }.items():
        (run / name).write_text(json.dumps({"boards": boards}))
    found = {group["settings"]: group["experiments"] for group in groups(run)}
    assert found == {"governor performance": 2, f"governor performance, {words}": 1}


def test_another_governor_is_no_repeat(tmp_path: Path) -> None:
    pairs = [parallel(1), parallel(2, **{"environment.cpu_governor": "powersave"})]
    assert sizes(write_run(tmp_path / "run", *pairs)) == [1, 1]


def test_clocks_that_were_seen_are_warned_of_and_tell_nothing_apart(tmp_path: Path) -> None:
    pairs, made = several(1, 2)
    gpu = made[1]["windows"][1]["gpus"][0]
    gpu.update(sm_clock_avg_mhz=900.0, throttled_percent={"sw_power_cap": 30.0})
    made[0]["windows"][1]["gpus"][0].update(sm_clock_avg_mhz=1400.0, throttled_percent={})
    [group] = groups(write_run(tmp_path / "run", *pairs))
    held, apart = group["warnings"]
    assert held.startswith("clocks were held down in 1 of 2 experiments or their controls")
    assert apart.startswith("the mean SM clock was between 900 and 1400 MHz")


def test_clocks_of_a_control_are_looked_at_too(tmp_path: Path) -> None:
    pair = parallel(1)
    control, _ = parallel(9, experiment_id=pair[0]["twin"], mode="mutation", control="solo")
    control["background"] = None
    window = control["windows"][1]
    window["name"] = "solo"
    window["gpus"][0]["throttled_percent"] = {"hw_thermal": 12.0}
    pair[0]["windows"][1]["gpus"][0]["throttled_percent"] = {}
    [group] = groups(write_run(tmp_path / "run", pair, control))
    assert "for up to 12 % of the time" in group["warnings"][0]
