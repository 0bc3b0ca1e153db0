"""How much earlier pairs differed, within one run and one load."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
from support import records
from support.records import write_run
from tandem.interference.spread import Spreads
from tandem.results.earlier import earlier_in
from tandem.results.record import Record
from tandem.results.record_pair import Interference

KIND = ("digits mlp", "digits mlp")
PLACE = {"config": 1, "background_number": 1, "repeat": 1, "block": 1, "position": 1}


def pair(number: int, slowdown: float | None, **values: Any) -> tuple[Record, Interference]:
    name = f"e{number:03d}"
    usual: dict[str, Any] = {"experiment_id": name, "mutated": [], "place": None}
    figures = {"slowdown": {"value": slowdown, "uncertainty": None, "label": "m", "reason": "r"}}
    made = records.interference(experiment_id=name, figures=figures)
    return records.record(**usual | values), made


def spreads(results: Path, *pairs: tuple[Record, Interference], run: str = "run_1") -> Spreads:
    write_run(results / run, *pairs)
    return Spreads(earlier_in(results).records)


def test_the_spread_is_that_of_logarithms_within_the_loads(tmp_path: Path) -> None:
    half = {"background.parts[0].intensity": 0.5}
    values = [(1.0, {}), (1.1, {}), (1.21, {}), (2.0, half), (2.2, half)]
    made = [pair(number, value, **more) for number, (value, more) in enumerate(values)]
    found = spreads(tmp_path, *made).of(KIND, (), "slowdown")
    step = math.log(1.1)  # variances: step² with two degrees of freedom, step² / 2 with one
    assert found and found.pairs == 5
    assert found.deviation == pytest.approx(step * math.sqrt(2.5 / 3))


def test_pairs_of_two_runs_do_not_differ_by_their_runs(tmp_path: Path) -> None:
    spreads(tmp_path, pair(1, 1.0), pair(2, 1.1))
    found = spreads(tmp_path, pair(1, 5.0), pair(2, 5.5), run="run_2").of(KIND, (), "slowdown")
    assert found and found.pairs == 4
    assert found.deviation == pytest.approx(math.log(1.1) / math.sqrt(2))


def test_drawn_values_belong_to_the_spread_only_where_values_are_to_be_drawn(
    tmp_path: Path,
) -> None:
    made = [
        pair(number, value, mutated=["rate"], hyperparameters={"rate": rate, "seed": number})
        for number, (value, rate) in enumerate(
            [(1.0, 0.1), (1.1, 0.1), (2.0, 0.2), (2.2, 0.2)], start=1
        )
    ]
    found = spreads(tmp_path, *made)
    alike, drawn = found.of(KIND, (), "slowdown"), found.of(KIND, ("rate", "seed"), "slowdown")
    assert alike and alike.deviation == pytest.approx(math.log(1.1) / math.sqrt(2))
    assert drawn and drawn.deviation > 4 * alike.deviation
    assert found.of(KIND, ("other",), "slowdown") is None


def test_repeats_of_a_configuration_are_alike_whatever_varies(tmp_path: Path) -> None:
    made = [
        pair(number, 1 + number / 10, place=PLACE, hyperparameters={"shuffle": number})
        for number in range(3)
    ]
    found = spreads(tmp_path, *made).of(KIND, (), "slowdown")
    assert found and found.pairs == 3


def test_two_pairs_are_too_few_and_so_are_three_of_which_one_is_not_valid(tmp_path: Path) -> None:
    made = [pair(1, 1.0), pair(2, 1.1), pair(3, 1.2, valid=False), pair(4, None)]
    assert spreads(tmp_path, *made).of(KIND, (), "slowdown") is None


def test_damaged_figures_tell_nothing_and_harm_nobody(tmp_path: Path) -> None:
    made = [pair(number, value) for number, value in enumerate([1.0, 1.1, 1.2, 1.3, 1.4, 0.0])]
    write_run(tmp_path / "run_1", *made)
    for number, damage in [(3, {"slowdown": {}}), (4, ["slowdown"])]:
        file = tmp_path / f"run_1/e{number:03d}/interference.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), "figures": damage}))
    found = Spreads(earlier_in(tmp_path).records).of(KIND, (), "slowdown")
    assert found and found.pairs == 3
