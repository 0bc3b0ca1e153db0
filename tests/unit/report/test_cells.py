"""The table of a design: a line a cell, whatever is drawn."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from support.plans import crossed, experiment, load, plan, training
from tandem.config.options import Dose, GpuSetup
from tandem.plan.model import Background, Experiment, Size
from tandem.report.check.cells import HEADINGS, cells_of, row_of
from tandem.report.check.text import MOST_ROWS, text_of_check


def drawn(number: int, **values: Any) -> Experiment:
    front = training(hyperparameters=values, mutated=tuple(values))
    return experiment(number=number, id=f"e{number}", foreground=front, backgrounds=())


def given(**values: Any) -> Experiment:
    front = training(hyperparameters=values, mutated=())
    return experiment(foreground=front, backgrounds=())


def rows(*experiments: Experiment) -> list[tuple[str, ...]]:
    """The rows without their conditions, of which there are none."""
    every = list(map(row_of, cells_of(plan(*experiments))))
    assert {conditions for *_, conditions in every} == {""}
    return [row[:-1] for row in every]


def test_runs_with_drawn_values_are_one_line_with_their_range() -> None:
    runs = [drawn(n, rate=n / 1000, tag="ab"[n % 2]) for n in range(1, 21)]
    assert rows(*runs) == [("rate=0.001 to 0.02, tag=a or b (20 draws)", "1", "none", "")]


def test_many_drawn_values_are_named_and_counted() -> None:
    runs = [drawn(n, **{f"a_long_name_{i}": n * i for i in (1, 2, 3)}) for n in (1, 2)]
    names = "a_long_name_1, a_long_name_2, a_long_name_3"
    assert rows(*runs) == [(f"2 draws of {names}", "1", "none", "")]


def test_runs_with_given_values_are_repeats() -> None:
    runs = [given(epochs=3, rate=1e-7)] * 3
    assert rows(*runs) == [("epochs=3, rate=0.0000001", "3", "none", "")]
    assert rows(given()) == [("no values", "1", "none", "")]


def test_entries_stay_apart_and_so_do_a_pair() -> None:
    parallel = experiment(number=1, foreground=training(mutated=()))
    solo = replace(parallel, id="s", number=2, backgrounds=(), control="solo")
    other = replace(solo, id="o", number=3, source_path="experiments[1]", control=None)
    assert [row[2] for row in rows(parallel, solo, other)] == ["vision resnet20", "none", "none"]


def test_a_design_has_a_line_for_each_load_in_the_order_of_the_settings() -> None:
    values = "epochs=20, rate=0.1 to 0.2 (2 draws)"
    assert rows(*crossed(2, 3, [2, None, 1]).experiments) == [
        (values, "3", "none", ""),
        (values, "3", "b1: vision resnet20", "intensity 0.5"),
        (values, "3", "b2: vision resnet20", "intensity 1"),
    ]


def test_what_varies_between_repeats_is_said_to() -> None:
    runs = [
        replace(each, foreground=training(hyperparameters=values, mutated=("rate", "seed")))
        for each in crossed(3, 2, [None]).experiments
        if each.place
        for values in [{"rate": each.place.config / 10, "seed": 100 + each.place.block}]
    ]
    [row] = rows(*runs)
    assert row[0] == "rate=0.1 to 0.3 (3 draws), seed varies"


def test_a_level_of_a_factor_has_a_line_of_its_own() -> None:
    levels = crossed(2, 1, [None], lambda config: {"dropout": [0.0, 0.5][config - 1]})
    assert [row[0] for row in rows(*levels.experiments)] == [
        "epochs=20, dropout=0.0",
        "epochs=20, dropout=0.5",
    ]


def test_several_backgrounds_their_doses_and_an_open_size() -> None:
    sized = training(hyperparameters={"batch": 8}, mutated=(), environment={})
    loads = (
        Background(sized, Dose(intensity=0.25), (Size("batch", 8, ()), Size("batch", 4, ()))),
        Background(load(), Dose()),
    )
    assert rows(experiment(backgrounds=loads))[0][2:4] == (
        "vision resnet20 batch=auto + vision resnet20",
        "1. intensity 0.25",
    )


def test_of_a_very_long_value_the_beginning_is_shown() -> None:
    assert rows(given(tag="x" * 1000))[0][0] == f"tag={'x' * 60}..."


def test_gpus_are_among_the_values() -> None:
    front = training(mutated=(), environment={"CUDA_VISIBLE_DEVICES": "1"})
    assert rows(experiment(foreground=front))[0][0] == "rate=0.0000001, gpus=1"


def test_a_very_long_table_is_cut_with_a_count(tmp_path: Path) -> None:
    runs = [replace(drawn(n, rate=0.1), source_path=f"experiments[{n}]") for n in range(1000)]
    text = text_of_check(plan(*runs), [], tmp_path, 80)
    assert f"\nand {1000 - MOST_ROWS} more (--lines shows all)" in text
    assert text.count("(1 draw)") == MOST_ROWS


def test_each_condition_has_a_line_of_its_own_and_says_what_is_set() -> None:
    setups = [GpuSetup(), GpuSetup("mps", 300.0), GpuSetup("time_slicing", None, 1200, 1593)]
    made = plan(*(replace(given(epochs=3), gpu_setup=setup) for setup in setups))
    at = HEADINGS.index("conditions")
    assert [row_of(cell)[at] for cell in cells_of(made)] == [
        *("", "MPS, 300 W", "time slicing, 1200 MHz, memory 1593 MHz")
    ]
