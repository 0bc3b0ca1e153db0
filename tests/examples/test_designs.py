"""The examples of designs: what is planned of them. test_design_run.py runs one of them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Collection
from itertools import groupby, pairwise, product
from pathlib import Path
from typing import Any

import pytest
from support import ROOT
from tandem.plan.model import Experiment, Plan
from tandem.plan.planner import read_plan
from tandem.results.columns import columns_of

DESIGN, SWEEP, SHARING = (
    ROOT / "examples" / f"{name}.json" for name in ("design", "sweep", "sharing")
)
REGISTRY = ROOT / "config" / "models_config.json"


# -- the plan --------------------------------------------------------------------------


def check(file: Path) -> tuple[int, str]:
    """Return exit code and stderr of a strict check."""
    command = [sys.executable, str(ROOT / "driver.py"), "check", "--strict", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def sweep() -> Plan:
    reading = read_plan(SWEEP, REGISTRY)
    assert reading.plan and not reading.problems
    return reading.plan


def groups_of(plan: Plan) -> list[list[Experiment]]:
    """Return the experiments that follow each other in one group."""
    return [list(members) for _, members in groupby(plan.experiments, lambda each: each.group)]


def load_of(experiment: Experiment) -> int | None:
    assert experiment.place
    return experiment.place.background_number


@pytest.mark.parametrize("file", [DESIGN, SWEEP, SHARING])
def test_a_design_is_written_in_25_lines_and_has_no_problem(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 25
    assert check(file) == (0, "")


def test_sharing_has_two_ways_and_three_limits_and_a_solo_run_under_each() -> None:
    reading = read_plan(SHARING, REGISTRY)
    assert reading.plan
    groups = groups_of(reading.plan)
    setups = Counter(
        tuple({(each.gpu_setup.sharing, each.gpu_setup.power_limit_w) for each in group})
        for group in groups
    )
    ways = product(("time_slicing", "mps"), (None, 400.0, 300.0))
    assert setups == Counter({(way,): 6 for way in ways})
    assert all(sorted(map(load_of, group), key=bool) == [None, 1] for group in groups)


def test_all_settings_of_the_guide_are_as_strict_as_they_should_be(tmp_path: Path) -> None:
    blocks = settings_in_guide()
    assert len(blocks) == 5
    for block in blocks:
        (tmp_path / "settings.json").write_text(block)
        assert check(tmp_path / "settings.json") == (0, ""), block


@pytest.mark.parametrize(("block", "file"), [(0, DESIGN), (1, SWEEP), (2, SHARING)])
def test_the_guide_has_the_examples_as_they_are(block: int, file: Path) -> None:
    example = json.loads(file.read_text())
    shown = json.loads(settings_in_guide()[block])
    words = ("experiment_name", "description", "seed", "rerun_invalid")
    assert without(shown, words) == without(example, words)


def settings_in_guide() -> list[str]:
    """Return the JSON of docs/designs.md that is not within a line."""
    guide = (ROOT / "docs" / "designs.md").read_text(encoding="utf-8")
    return re.findall(r"^```json\n(.*?)^```", guide, re.DOTALL | re.MULTILINE)


def without(settings: dict[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if name not in names}


def test_the_sweep_has_20_configurations_5_repeats_each_and_3_loads(sweep: Plan) -> None:
    assert len(sweep.experiments) == 300
    values = {
        (each.place.config, each.foreground.hyperparameters["learning_rate"],
         each.foreground.hyperparameters["dropout"])
        for each in sweep.experiments if each.place
    }  # fmt: skip
    assert len(values) == 20  # the same in all repeats and beside all loads
    assert len({value for _, *drawn in values for value in drawn}) == 40
    cells = Counter(
        (each.place.config, each.place.repeat, load_of(each))
        for each in sweep.experiments
        if each.place
    )
    assert set(cells.values()) == {1}
    seeds = {
        (each.place.block, each.foreground.hyperparameters["seed"])
        for each in sweep.experiments
        if each.place
    }
    assert len(seeds) == len({seed for _, seed in seeds}) == 5  # one for each block


def test_its_groups_are_whole(sweep: Plan) -> None:
    groups = groups_of(sweep)
    assert len(groups) == 100
    for members in groups:
        assert sorted(map(load_of, members), key=str) == [1, 2, None]
        [solo] = [each for each in members if load_of(each) is None]
        assert (solo.control, solo.twin) == ("solo", None)
        assert {each.twin for each in members if each is not solo} == {solo.id}


def test_its_order_is_drawn_and_balanced(sweep: Plan) -> None:
    groups = groups_of(sweep)
    blocks = [groups[first : first + 20] for first in range(0, 100, 20)]
    orders = [
        [members[0].place.config for members in block if members[0].place] for block in blocks
    ]
    assert all(sorted(order) == [*range(1, 21)] != order for order in orders)
    assert len({tuple(order) for order in orders}) == 5
    assert unbalanced(groups) == (1, 2)
    for block in blocks:
        places, follow = unbalanced(block)
        assert places <= 2 and follow <= 3


def unbalanced(groups: list[list[Experiment]]) -> tuple[int, int]:
    """Return how much more often one load stands at one place, or follows one, than another."""
    places = Counter((load_of(each), place) for ms in groups for place, each in enumerate(ms))
    follow = Counter(pair for members in groups for pair in pairwise(map(load_of, members)))
    assert (len(places), len(follow)) == (9, 6)
    most, least = ([end(it.values()) for it in (places, follow)] for end in (max, min))
    return most[0] - least[0], most[1] - least[1]


def test_its_names_and_columns_tell_cells_apart(sweep: Plan) -> None:
    for each in sweep.experiments:
        assert each.place
        config, repeat, load = each.place.config, each.place.repeat, load_of(each)
        name = f"digits_mlp_c{config:02d}_" + (f"b{load}_" if load else "") + f"r{repeat}_"
        assert each.id == name + ("parallel" if load else "solo")
        assert each.group == f"c{config:02d}_r{repeat}"
    names = {"config", "background_number", "repeat", "block", "position", "group", "counts"}
    assert names <= {*columns_of(sweep)}
