"""compare: repeats say what they can, and not more; what cannot stand beside them is named."""

from __future__ import annotations

import json
import random
import statistics
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import records
from support.records import of, put, write_run
from tandem.base.errors import UsageError
from tandem.interference.compare import NO_EFFECT, compare
from tandem.interference.figures import FIGURES
from tandem.interference.quantity import Quantity
from tandem.interference.repeats import interval_of_median, repeats_of
from tandem.report.compare import TITLES, text_of_compare
from tandem.results.record import BackgroundPart, Figure, Interference, Record, Window

Pair = tuple[Record, Interference]

ESTIMATE = "foreground_energy_estimate_joules"
RATIOS = {name for name, effect in NO_EFFECT.items() if effect == 1.0}
NO_SOLO = "no solo control (set controls.solo)"


def figure(value: float | None, uncertainty: float | None, reason: str | None = None) -> Figure:
    return {"value": value, "clock_uncertainty": uncertainty, "label": "derived", "reason": reason}


def parallel(number: int, value: float = 1.25, uncertainty: float | None = 0.01) -> Pair:
    """A parallel record, and figures that all have the same value."""
    own_id, twin = f"digits_mlp_{number:03d}_parallel", f"digits_mlp_{number + 1:03d}_solo"
    alone = of(Window, name="background", attempt=None)
    alone["started"] = f"2026-01-31T12:{number % 60:02d}:00+00:00"
    record = records.record(
        experiment_id=own_id,
        twin=twin,
        hyperparameters={"epochs": 20, "learning_rate": number / 1000},
        mutated=["learning_rate"],
        epochs_done=20,
        windows=[alone, of(Window, **{"gpus[0].name": "NVIDIA A100"})],
        **{
            "environment.device": "cuda",
            "background.model": "wide",
            "background.hyperparameters": {"epochs": 8},
        },
    )
    figures = dict.fromkeys(TITLES, figure(value, uncertainty))
    return record, records.interference(experiment_id=own_id, twin=twin, figures=figures)


def several(*numbers: int) -> tuple[list[Pair], list[Any]]:
    """Some of them, and their records alone, to be changed."""
    pairs = [parallel(number) for number in numbers]
    return pairs, [record for record, _ in pairs]


def solo(number: int) -> Record:
    record, _ = parallel(number)
    put(record, experiment_id=f"digits_mlp_{number:03d}_solo", mode="mutation", background=None)
    return record


def rows(run: Path) -> dict[str, dict[str, Any]]:
    [group] = compare([run])["groups"]
    return {row["figure"]: row for row in group["rows"]}


def blocks(*values: float) -> list[list[float]]:
    return [[value] for value in values]


# -- the interval ----------------------------------------------------------------------


def coverage(draws: int, size: int, shared: float = 0.0, is_blockwise: bool = True) -> float:
    """How often the interval holds the true median, 0: `size` baselines with two pairs each."""
    noise = random.Random(5)
    hits = 0
    for _ in range(draws):
        made = []
        for _ in range(size):
            baseline = noise.gauss(0, shared)
            made.append([baseline + noise.gauss(0, 1) for _ in range(2 if shared else 1)])
        sample = made if is_blockwise else [[value] for block in made for value in block]
        low, high = interval_of_median(sample)
        hits += low <= 0 <= high
    return hits / draws


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tandem.interference.repeats.RESAMPLES", 200)


@pytest.mark.usefixtures("few_resamples")
def test_the_interval_covers_what_it_says_from_six_on_and_less_below() -> None:
    assert 0.90 < coverage(400, 6) < 0.99
    assert 0.90 < coverage(200, 15) < 0.99
    assert 0.65 < coverage(400, 3) < 0.85


@pytest.mark.usefixtures("few_resamples")
def test_pairs_that_share_a_baseline_are_drawn_together() -> None:
    assert 0.85 < coverage(300, 8, shared=3.0) < 0.97
    assert coverage(300, 8, shared=3.0, is_blockwise=False) < 0.85


def test_the_same_values_always_give_the_same_interval() -> None:
    noise = random.Random(2)
    sample = blocks(*(noise.gauss(0, 1) for _ in range(40)))
    assert interval_of_median(sample) == interval_of_median(sample)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=6, max_size=12))
@settings(max_examples=settings().max_examples // 5)
def test_the_interval_lies_within_the_values(values: list[float]) -> None:
    low, high = interval_of_median(blocks(*values))
    assert min(values) <= low <= statistics.median(values) <= high <= max(values)


# -- how sure a median is --------------------------------------------------------------


def test_one_value_is_as_sure_as_it_says() -> None:
    repeats = repeats_of([[Quantity(1.25, 0.01)]])
    assert (repeats.median, repeats.uncertainty, repeats.spread) == (1.25, 0.01, None)
    assert repeats_of([[Quantity(1.25, None)]]).uncertainty is None


def test_a_few_values_have_a_range_and_the_larger_of_two_uncertainties() -> None:
    alike = repeats_of([[Quantity(value, 0.2)] for value in (1.24, 1.26)])
    assert (alike.low, alike.high, alike.spread) == (1.24, 1.26, "range")
    assert alike.uncertainty == pytest.approx(0.2 / 2**0.5)
    apart = repeats_of([[Quantity(value, 0.001)] for value in (1.0, 1.5)])
    assert apart.uncertainty == pytest.approx(1.84 * 0.25)
    unknown = repeats_of([[Quantity(1.0, 0.1)], [Quantity(1.0, None)]])
    assert unknown.uncertainty == 0.0  # of the scatter alone


def test_from_six_blocks_on_there_is_an_interval() -> None:
    values = [1.1, 1.2, 1.3, 1.4, 1.5, 1.6]
    six = repeats_of([[Quantity(value, 0.001)] for value in values])
    assert (six.pairs, six.blocks, six.spread) == (6, 6, "95 %")
    assert (six.low, six.high) == interval_of_median(blocks(*values))
    assert six.uncertainty == pytest.approx((six.high - six.low) / 3.92)
    five = repeats_of([[Quantity(value, 0.001)] for value in values[:5]])
    assert five.spread == "range"
    three_blocks = repeats_of(
        [
            [Quantity(a, 0.0), Quantity(b, 0.0)]
            for a, b in zip(values[::2], values[1::2], strict=True)
        ]
    )
    assert (three_blocks.pairs, three_blocks.blocks, three_blocks.spread) == (6, 3, "range")


def test_the_median_of_few_is_as_sure_as_simulation_says() -> None:
    """Two deviations either way hold the truth at least nine times in ten, from 2 to 8 pairs."""
    noise = random.Random(11)
    for size in (2, 3, 5, 8):
        hits = 0
        for _ in range(100):
            found = repeats_of([[Quantity(noise.gauss(1, 0.1), 0.1)] for _ in range(size)])
            assert found.uncertainty is not None
            hits += abs(found.median - 1) < 2 * found.uncertainty
        assert hits >= 90, size


# -- the comparison --------------------------------------------------------------------


def test_the_figures_are_those_of_the_records() -> None:
    assert list(TITLES) == [*FIGURES, ESTIMATE]


def test_six_pairs_make_an_interval(tmp_path: Path) -> None:
    values = (1.20, 1.22, 1.24, 1.26, 1.28, 1.30)
    run = write_run(
        tmp_path / "run",
        *(parallel(2 * place, value) for place, value in enumerate(values)),
        *(solo(2 * place + 1) for place in range(6)),
    )
    row = rows(run)["slowdown"]
    assert (row["pairs"], row["blocks"], row["spread"]) == (6, 6, "95 %")
    assert row["median"] == pytest.approx(1.25)
    assert 1.20 <= row["low"] < 1.25 < row["high"] <= 1.30
    assert row["below_resolution"] is False
    text = text_of_compare([run])
    heading = "digits/mlp epochs=20 beside digits/wide epochs=8, on cuda, NVIDIA A100\n"
    assert text.startswith(heading)
    cells = next(line for line in text.splitlines() if line.startswith("slowdown ")).split()
    interval = [f"{row['low']:.4g}", "to", f"{row['high']:.4g}"]
    assert cells == ["slowdown", "derived", "6", "1.25", *interval, "95", "%"]


def test_pairs_with_a_common_baseline_are_one_block(tmp_path: Path) -> None:
    pairs, made = several(*range(0, 16, 2))
    made[1]["twin"] = made[0]["twin"]
    made[2]["windows"][0] = made[1]["windows"][0]
    row = rows(write_run(tmp_path / "run", *pairs))["slowdown"]
    assert (row["pairs"], row["blocks"]) == (8, 6)


def test_a_difference_that_is_smaller_than_its_uncertainty_is_told(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", parallel(1, 1.015, 0.01))
    assert {name for name, row in rows(run).items() if row["below_resolution"]} == RATIOS
    assert "below resolution" in text_of_compare([run])
    near_nothing = write_run(tmp_path / "other", parallel(1, -0.015, 0.01))
    below = {name for name, row in rows(near_nothing).items() if row["below_resolution"]}
    assert below == {"marginal_energy_joules", "saving_of_sharing"}
    clear = write_run(tmp_path / "clear", parallel(1, 1.03, 0.01))
    assert not any(row["below_resolution"] for row in rows(clear).values())
    unknown = write_run(tmp_path / "unknown", parallel(1, 1.0, None))
    assert rows(unknown)["slowdown"]["below_resolution"] is None


def test_groups_differ_in_training_background_its_values_and_device(tmp_path: Path) -> None:
    pairs, made = several(*range(1, 7))
    made[1]["model"] = "cnn"
    made[2]["background"]["model"] = "cnn"
    made[3]["background"]["hyperparameters"] = {"epochs": 9}
    made[4]["environment"]["device"] = "cpu"
    made[5]["windows"][1]["gpus"] = []
    found = compare([write_run(tmp_path / "run", *pairs)])["groups"]
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
    found = compare([write_run(tmp_path / "run", *pairs)])["groups"]
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
def test_groups_differ_in_the_dose_and_the_gpus_of_a_background(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    pairs, made = several(1, 2, 3)
    for record in made[1:]:
        put(record["background"]["parts"][0], **change)
    run = write_run(tmp_path / "run", *pairs)
    usual, dosed = compare([run])["groups"]
    assert (usual["experiments"], usual["dose"]) == (1, "")
    assert (dosed["experiments"], dosed["dose"]) == (2, words)
    heading = f"digits/mlp epochs=20 beside digits/wide epochs=8, {words}, on cuda, NVIDIA A100"
    assert f"{heading}\n" in text_of_compare([run])


def test_each_of_several_backgrounds_has_its_dose(tmp_path: Path) -> None:
    pair = parallel(1)
    doses: list[dict[str, Any]] = [{}, {"intensity": 0.5}, {"max_rounds": 2}]
    put(pair[0], **{"background.parts": [of(BackgroundPart, **dose) for dose in doses]})
    [group] = compare([write_run(tmp_path / "run", pair)])["groups"]
    assert group["dose"] == "2.intensity=0.5 3.max_rounds=2"


def test_groups_differ_in_what_the_foreground_was_given(tmp_path: Path) -> None:
    """Not in what was drawn for it, nor in its seed alone."""
    pairs, made = several(*range(1, 7))
    made[1]["hyperparameters"]["epochs"] = 2
    made[2]["hyperparameters"]["seed"] = 7
    made[3]["environment"]["env"]["CUDA_VISIBLE_DEVICES"] = "0"
    made[4]["hyperparameters"]["epochs"] = 3
    made[4]["mutated"].append("epochs")
    run = write_run(tmp_path / "run", *pairs)
    found = {group["values"]: group["experiments"] for group in compare([run])["groups"]}
    assert found == {"epochs=20": 3, "epochs=2": 1, "epochs=20 gpus=0": 1, "": 1}
    assert "digits/mlp epochs=20 gpus=0 beside digits/wide" in text_of_compare([run])


def test_joules_of_different_work_have_no_median(tmp_path: Path) -> None:
    """Ratios do: they are of the same work each."""
    pairs, made = several(1, 2, 3)
    for record, epochs in zip(made, (2, 20, None), strict=True):
        record.update(epochs_done=epochs, mutated=["epochs", "learning_rate"])
    run = write_run(tmp_path / "run", *pairs)
    assert set(rows(run)) == {name for name in TITLES if not name.endswith("_joules")}
    why = "a median of joules, which are of 2 to 20 epochs"
    assert f"\nmissing in 3 of 3: {why}\n" in text_of_compare([run])


def test_records_of_before_are_compared(tmp_path: Path) -> None:
    """Of version 2, which has the figures in it."""
    record, interference = parallel(1)
    run = write_run(tmp_path / "run", record)
    then = {name: interference[name] for name in ("twin", "warnings", "figures")}
    older = {**record, "record_version": 2, "interference": then}
    del older["digests"]
    (run / record["experiment_id"] / "experiment.json").write_text(json.dumps(older))
    [group] = compare([run])["groups"]
    assert (group["dose"], group["values"]) == ("", "epochs=20")
    assert rows(run)["slowdown"]["median"] == 1.25


def test_runs_add_up_and_the_same_run_counts_once(tmp_path: Path) -> None:
    one, two = (write_run(tmp_path / name, parallel(1), solo(2)) for name in ("one", "two"))
    [group] = compare([one, two, tmp_path / "two" / ".." / "one"])["groups"]
    assert group["experiments"] == 2
    assert group["rows"][0]["blocks"] == 1  # the same background window: one is a copy
    other = parallel(1)
    other[0]["windows"][0]["started"] = "2026-02-01T12:00:00+00:00"
    [group] = compare([one, write_run(tmp_path / "three", other)])["groups"]
    assert group["rows"][0]["blocks"] == 2


def test_what_is_missing_says_how_often_and_why(tmp_path: Path) -> None:
    pairs, _ = several(1, 2, 3)
    figures = pairs[0][1]["figures"]
    figures["slowdown"] = figure(None, None, NO_SOLO)
    figures["antt"] = figure(None, None, f"{NO_SOLO}; no rate")
    run = write_run(tmp_path / "run", *pairs)
    assert compare([run])["groups"][0]["missing"] == {NO_SOLO: 1, "no rate": 1}
    assert rows(run)["slowdown"]["pairs"] == 2
    assert f"missing in 1 of 3: {NO_SOLO}\n" in text_of_compare([run])


def test_a_figure_that_nobody_has(tmp_path: Path) -> None:
    record, interference = parallel(1)
    record["twin"] = None
    interference["figures"] = dict.fromkeys(TITLES, figure(None, None, NO_SOLO))
    run = write_run(tmp_path / "run", (record, interference))
    assert all(row["pairs"] == 0 for row in rows(run).values())
    text = text_of_compare([run])
    assert "\nslowdown               derived  0      -\n" in text
    assert f"missing in 1 of 1: {NO_SOLO}\n" in text


def test_what_is_not_valid_is_left_out_and_counted(tmp_path: Path) -> None:
    pairs, made = several(1, 3, 7, 9)
    for record, percent in zip(made, ("71.3", "82"), strict=False):
        record.update(valid=False, invalid_reasons=[f"coverage {percent}% is below 95%", "more"])
    run = write_run(tmp_path / "run", *pairs)
    (run / made[2]["experiment_id"] / "interference.json").unlink()
    (run / made[3]["experiment_id"] / "interference.json").write_text("{")
    comparison = compare([run])
    assert comparison["groups"] == []
    assert comparison["left_out"] == {
        "not valid: coverage 71.3% is below 95%": 2,
        "without figures of interference (its control has not ended, or one was changed)": 2,
    }
    text = text_of_compare([run])
    assert text.splitlines()[0] == "no parallel record that can be compared"
    assert "left out: 2 not valid: coverage 71.3% is below 95%" in text


def test_a_run_without_parallel_records_is_no_mistake(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", solo(1))
    assert text_of_compare([run]) == "no parallel record that can be compared"


def test_no_line_is_longer_than_a_hundred_columns(tmp_path: Path) -> None:
    """Also with long names, the largest numbers and characters that no screen shows."""
    pairs = []
    for number, value in enumerate((-12345678.9, -98765432.1)):
        record, interference = parallel(number, value, 1e9)
        put(record, **{"background.hyperparameters": {"a" * 90: "x\x1b[31m", "b": 1}})
        interference["figures"]["stp"] = figure(None, None, "why " * 60)
        pairs.append((record, interference))
    text = text_of_compare([write_run(tmp_path / "run", *pairs)])
    assert max(map(len, text.splitlines())) <= 100
    assert text.replace("\n", "").isprintable()
    assert "below resolution" in text


# -- what is no run --------------------------------------------------------------------


def test_folders_that_are_no_runs(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("")
    run = write_run(tmp_path / "run", parallel(1))
    for folder, words in {
        tmp_path / "nowhere": "no such folder",
        tmp_path / "file": "no such folder",
        tmp_path / "empty": "holds no records",
        run / "digits_mlp_001_parallel": "the folder of one experiment",
    }.items():
        with pytest.raises(UsageError, match=words) as caught:
            compare([run, folder])
        assert str(caught.value).startswith(f"{folder}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("\udcff", "not JSON"),
        pytest.param("[" * 100_000, "not JSON", id="deep"),
        ("[]", "no record"),
        ('{"experiment_id": "x"}', "no record"),
    ],
)
def test_a_damaged_record_is_named_and_passed_over(tmp_path: Path, text: str, words: str) -> None:
    run = write_run(tmp_path / "run", *(parallel(number) for number in (1, 3, 5)))
    file = run / "digits_mlp_003_parallel" / "experiment.json"
    file.write_text(text, errors="surrogateescape")
    comparison = compare([run])
    assert [group["experiments"] for group in comparison["groups"]] == [2]
    [problem] = comparison["damaged"]
    assert problem.startswith(f"{file}: {words}")
    shown = text_of_compare([run])  # in lines of a hundred columns
    assert "".join(f"left out: {problem}".split()) in "".join(shown.split())


@pytest.mark.parametrize("file", ["{", "[]"])
def test_a_run_of_damaged_records_alone_is_an_error(tmp_path: Path, file: str) -> None:
    whole, run = (write_run(tmp_path / name, parallel(1)) for name in ("whole", "run"))
    (run / "digits_mlp_001_parallel" / "experiment.json").write_text(file)
    with pytest.raises(UsageError) as caught:
        compare([whole, run])
    assert str(caught.value).startswith(f"{run}: none of its records can be read: {run}/digits_")


@pytest.mark.parametrize(
    "path",
    [
        *("background", "environment", "windows", "attempts", "twin", "mutated", "hyperparameters"),
        *("interference.figures.stp", "interference.figures.stp.value"),
    ],
)
def test_a_record_that_lacks_something_is_named_and_passed_over(tmp_path: Path, path: str) -> None:
    """It is JSON all the same: somebody has edited it, say."""
    record, figures = parallel(3)
    record["model"] = "other"
    part, names = cast(Any, {**record, "interference": figures}), path.split(".")
    for name in names[:-1]:
        part = part[name]
    if len(names) == 1:
        part = record
    del part[names[-1]]
    run = write_run(tmp_path / "run", parallel(1), (record, figures))
    file = run / record["experiment_id"] / "experiment.json"
    comparison = compare([run])
    assert [each[: len(str(file))] for each in comparison["damaged"]] == [str(file)]
    assert [group["experiments"] for group in comparison["groups"]] == [1]


def test_a_record_with_a_name_that_is_no_unicode_can_be_read(tmp_path: Path) -> None:
    pair = parallel(1)
    put(pair[0], **{"background.hyperparameters": {"path": "\udcff"}})
    assert r"path=\udcff" in text_of_compare([write_run(tmp_path / "run", pair)])
