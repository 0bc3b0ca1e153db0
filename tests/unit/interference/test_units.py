"""What counts once: the same in all levels, apart in each entry, and no copy of it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from support.compared import design, groups, rows
from support.records import put, write_run
from tandem.interference.compare.comparison import ALONE, COPY, comparison

BLOCKS = range(1, 8)


def test_a_level_that_most_configurations_miss_has_few_units(tmp_path: Path) -> None:
    """Repeats of the one that has it are no configurations."""
    made = [*design(range(1, 7), [1], BLOCKS), *design([1], [2], BLOCKS)]
    first, second = groups(write_run(tmp_path / "run", *made), by="background")
    assert [each["unit"] for each in (first, second)] == ["configuration"] * 2
    assert [rows(each)["slowdown"]["units"] for each in (first, second)] == [6, 1]
    assert rows(first)["slowdown"]["verdict"]
    assert rows(second)["slowdown"]["verdict"] is None


# -- copies ----------------------------------------------------------------------------


def test_a_name_of_a_copy_means_what_it_is_a_copy_of(tmp_path: Path) -> None:
    run, copy = write_run(tmp_path / "run", *design([1], [1, 2], BLOCKS)), tmp_path / "copy"
    shutil.copytree(run, copy)
    both = comparison([f"{run}:b1", f"{copy}:b2"])
    assert [each["experiments"] for each in both["groups"]] == [7, 7]
    assert both["left_out"] == {}
    [apart] = groups(f"{run}:b1", "vs", f"{copy}:b2")
    assert (apart["paired"], apart["experiments"]) == (True, 14)
    assert comparison([str(run), str(copy)])["left_out"] == {COPY: 14}


def test_what_one_side_of_vs_has_alone_is_named(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [1, 2], BLOCKS))
    made = [*design([1], [1], BLOCKS)]
    for record, _ in made:
        put(record, timestamp="2027-01-01T00:00:00+00:00")
    other = write_run(tmp_path / "other", *made)
    found = comparison([str(run), "vs", str(other)])
    assert [each["experiments"] for each in found["groups"]] == [14]
    assert found["left_out"] == {ALONE: 7}


# -- figures that cannot be reckoned with ----------------------------------------------


@pytest.mark.parametrize("value", ["1e999", '"1.2"', "true", "[]", "1e308", "-1e-200"])
@pytest.mark.parametrize("key", ["value", "clock_uncertainty"])
def test_a_figure_that_is_no_number_is_named_and_passed_over(
    tmp_path: Path, key: str, value: str
) -> None:
    run = write_run(tmp_path / "run", *design([1], [1], BLOCKS))
    file = run / "digits_mlp_c01_b1_r3_parallel" / "interference.json"
    found = json.loads(file.read_bytes())
    found["figures"]["slowdown"][key] = "HERE"
    file.write_text(json.dumps(found).replace('"HERE"', value))
    compared = comparison([str(run)])
    assert rows(compared["groups"][0])["slowdown"]["units"] == 6
    assert compared["damaged"] == [
        f"{file}: figures that are not whole (restore it, or move its folder away)"
    ]


@pytest.mark.parametrize(
    "changed",
    [
        {"experiment_id": 5},
        {"epochs_done": "twenty"},
        {"background": None},
        {"background.parts[0].intensity": 10**400},
        {"place.config": "seven"},
        {"place.block": []},
    ],
)
def test_a_record_with_a_value_of_another_kind_is_named_and_passed_over(
    tmp_path: Path, changed: dict[str, Any]
) -> None:
    run = write_run(tmp_path / "run", *design([1], [1], [1, 2, 3]))
    file = run / "digits_mlp_c01_b1_r3_parallel" / "experiment.json"
    record = json.loads(file.read_bytes())
    put(record, **changed)
    file.write_text(json.dumps(record))
    found = comparison([str(run)])
    assert found["groups"][0]["experiments"] == 2
    [problem] = found["damaged"]
    assert problem.startswith(f"{file}: not a whole record")
