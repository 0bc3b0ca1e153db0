"""The examples of designs: what is planned of them. test_design_run.py runs one of them."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from itertools import groupby, pairwise
from pathlib import Path

import pytest
from support import ROOT
from tandem.plan.model import Experiment, Plan
from tandem.plan.planner import read_plan
from tandem.results.columns import columns_of

DESIGN, SWEEP = (ROOT / "examples" / f"{name}.json" for name in ("design", "sweep"))
REGISTRY = ROOT / "config" / "models_config.json"


# -- the plan --------------------------------------------------------------------------


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


@pytest.mark.parametrize("file", [DESIGN, SWEEP])
def test_a_design_is_written_in_25_lines_and_has_no_problem(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 25
    command = [sys.executable, str(ROOT / "driver.py"), "check", "--strict", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


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
