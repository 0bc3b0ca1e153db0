"""Sharing, power limit and clocks as conditions of a configuration; and who cannot share."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.designs import (
    DRAW,
    SMALL,
    TEXT,
    Reader,
    errors,
    experiments,
    foreground,
    place_of,
    plan_of,
    text,
    values,
)
from tandem.config.options import GpuSetup
from tandem.plan.file import as_json, read_plan_file, write_plan
from tandem.plan.model import Experiment
from tandem.plan.planner import PlanReading, read_plan
from tandem.plan.tries import as_it_stands, cold_start_of, names_of_next_try

ENTRY = {"foreground": foreground(epochs=8, learning_rate=DRAW)}
TWO_BY_THREE: dict[str, Any] = {
    **{"draws": 2, "repeats": 3, "vary": ["seed"], "rerun_invalid": 1},
    "factors": {
        "background": [None, text(3)],
        "sharing": ["time_slicing", "mps"],
        "power_limit_watts": [None, 500, 300],
    },
}
THREADS, MEMORY = "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE", "CUDA_MPS_PINNED_DEVICE_MEM_LIMIT"


def by_group(found: tuple[Experiment, ...]) -> dict[str, list[Experiment]]:
    groups: dict[str, list[Experiment]] = defaultdict(list)
    for each in found:
        groups[each.group].append(each)
    return groups


def test_each_configuration_runs_under_each_condition(read: Reader) -> None:
    found = experiments(read(ENTRY, **TWO_BY_THREE))
    assert len(found) == 2 * 3 * 2 * 3 * 2  # draws, repeats, ways, limits, alone and beside
    setups = Counter(each.gpu_setup for each in found)
    expected = [
        GpuSetup(sharing, limit)
        for sharing in ("time_slicing", "mps")
        for limit in (None, 500.0, 300.0)
    ]
    assert setups == Counter(dict.fromkeys(expected, 12))
    assert {place_of(each).config for each in found} == set(range(1, 13))


def test_a_group_has_one_condition_and_its_solo_is_the_twin(read: Reader) -> None:
    for members in by_group(experiments(read(ENTRY, **TWO_BY_THREE))).values():
        assert len({each.gpu_setup for each in members}) == 1
        assert len({place_of(each).block for each in members}) == 1
        solo, parallel = sorted(members, key=lambda each: len(each.backgrounds))
        assert (solo.control, parallel.twin) == ("solo", solo.id)
        assert solo.foreground == parallel.foreground


def test_draws_and_what_varies_are_the_same_under_each_condition(read: Reader) -> None:
    found = experiments(read(ENTRY, **TWO_BY_THREE))
    drawn = defaultdict(set)
    for each in found:
        own = each.foreground.hyperparameters
        drawn[each.gpu_setup].add((own["learning_rate"], own["seed"]))
    assert len({frozenset(pairs) for pairs in drawn.values()}) == 1
    without = {k: v for k, v in TWO_BY_THREE.items() if k != "factors"}
    plain = experiments(read(ENTRY, **without, factors={"background": [None, text(3)]}))
    rates = {each.foreground.hyperparameters["learning_rate"] for each in plain}
    assert rates == {rate for rate, _ in drawn[found[0].gpu_setup]}


def test_the_order_is_balanced_over_all_conditions(read: Reader) -> None:
    found = experiments(read(ENTRY, **TWO_BY_THREE))
    places = Counter((place_of(each).background_number, place_of(each).position) for each in found)
    assert set(places.values()) == {18}
    orders = defaultdict(list)
    for each in found:
        if place_of(each).position == 1:
            orders[place_of(each).block].append(place_of(each).config)
    assert all(sorted(order) == [*range(1, 13)] for order in orders.values())
    assert len({tuple(order) for order in orders.values()}) == 3


def test_exclude_leaves_out_conditions(read: Reader) -> None:
    left_out = [{"sharing": "mps", "power_limit_watts": [None, 500][at]} for at in (0, 1)]
    found = experiments(read(ENTRY, **TWO_BY_THREE, exclude=left_out))
    setups = {(each.gpu_setup.sharing, each.gpu_setup.power_limit_w) for each in found}
    of_time = {("time_slicing", limit) for limit in (None, 500.0, 300.0)}
    assert setups == of_time | {("mps", 300.0)}
    [(where, message)] = errors(read(ENTRY, **TWO_BY_THREE, exclude=[{"power_limit_watts": 400}]))
    assert (where, "leaves out nothing" in message) == ("exclude[0]", True)


def test_a_further_try_and_a_warm_up_keep_their_condition(read: Reader) -> None:
    plan = plan_of(read(ENTRY, **TWO_BY_THREE))
    [name, *_] = plan.groups
    members = plan.groups[name]
    first = members[0]
    added = [
        {"as": "try", "experiments": names_of_next_try(members)},
        {"as": "warm_up", "experiments": {f"{first.id}_warm_up1": first.id}},
    ]
    stands = as_it_stands(plan, added)
    tries = [each for each in stands.groups[name] if each.try_number == 2]
    assert {each.gpu_setup for each in tries} == {first.gpu_setup}
    assert stands.by_id[f"{first.id}_warm_up1"].gpu_setup == first.gpu_setup
    # What a first run warms, files and what is compiled, is warm under all conditions.
    assert len({cold_start_of(each) for each in plan.experiments}) == 1


def test_plan_json_tells_conditions_apart(read: Reader, tmp_path: Path) -> None:
    plan = plan_of(read(ENTRY, **TWO_BY_THREE))
    write_plan(plan, tmp_path)
    assert read_plan_file(tmp_path) == plan
    assert len(as_json(plan)["entries"]) == 6 * 2


# -- MPS -------------------------------------------------------------------------------


HALF = {"active_thread_percentage": 50.0, "pinned_device_mem_limit": "0=4G"}
QUARTER = {"active_thread_percentage": 12.5}


def test_what_a_training_may_use_is_in_its_environment_under_mps_alone(
    read: Reader, tmp_path: Path
) -> None:
    front = foreground(epochs=8) | {"mps": QUARTER}
    factors = {"background": [None, text(3, mps=HALF)], "sharing": ["mps", "time_slicing", None]}
    reading = read({"foreground": front, "factors": factors})
    for each in experiments(reading):
        is_mps = each.gpu_setup.sharing == "mps"
        assert each.foreground.environment == ({THREADS: "12.5"} if is_mps else {})
        for load in each.backgrounds:
            own = {THREADS: "50", MEMORY: "0=4G"} if is_mps else {}
            assert load.training.environment == own
    write_plan(plan_of(reading), tmp_path)
    assert read_plan_file(tmp_path) == plan_of(reading)


def test_what_differs_under_mps_alone_is_one_without_it(read: Reader) -> None:
    loads = [text(3, mps=HALF), text(3, mps=QUARTER)]
    fronts = [foreground(epochs=8) | {"mps": each} for each in (HALF, QUARTER)]
    factors = {
        **{"foreground": fronts, "background": [None, *loads]},
        "sharing": ["mps", "time_slicing"],
    }
    found = experiments(read(factors=factors))
    numbers = Counter((each.gpu_setup.sharing, place_of(each).background_number) for each in found)
    assert numbers == {
        **{("mps", number): 2 for number in (None, 1, 2)},
        **{("time_slicing", number): 1 for number in (None, 1)},
    }
    excluded = [{"sharing": "time_slicing", "background": {"mps": HALF}}]
    found = experiments(read(factors=factors, exclude=excluded))
    numbers = Counter(
        place_of(each).background_number
        for each in found
        if each.gpu_setup.sharing == "time_slicing"
    )
    assert numbers == {None: 1, 2: 1}


def test_what_no_experiment_runs_under_mps_is_an_error(read: Reader) -> None:
    message = 'no effect: no experiment of it runs under MPS (add "sharing": "mps", or remove this)'
    entry = ENTRY | {"background": text(3, mps=HALF)}
    where = "experiments[0].background.mps"
    assert errors(read(entry)) == [(where, message)]
    assert errors(read(entry, sharing="time_slicing")) == [(where, message)]
    assert errors(read(SMALL | {"mps": HALF})) == [("experiments[0].mps", message)]
    factors = {"sharing": ["mps", "time_slicing"]}
    assert errors(read(entry, factors=factors)) == []
    left_out = {"exclude": [{"sharing": "mps"}]}
    assert errors(read(entry, factors=factors, **left_out)) == [(where, message)]
    shared = {"background": [text(3, mps=HALF)]}
    both = ENTRY | {"sharing": "mps"}, ENTRY | {"sharing": "time_slicing"}
    assert errors(read(*both, factors=shared)) == []


# -- who cannot share ------------------------------------------------------------------

MIG_A, MIG_B = "MIG-5a1b0000-1", "MIG-77c00000-2"
NO_DOSE = (
    'no dose under "mps": whether a client may be stopped and continued there is not known'
    ' (remove it; "mps" of a training limits its share of the SMs)'
)


def pair(front: Any, load: Any, sharing: str, **more: Any) -> dict[str, Any]:
    """An entry, `front` and `load` being GPUs, None for none."""
    given = [{} if gpus is None else {"gpus": gpus} for gpus in (front, load)]
    return {
        "foreground": foreground(epochs=8) | given[0],
        "background": text(3) | given[1] | more,
        "sharing": sharing,
    }


def old(folder: Path, entry: Any) -> PlanReading:
    file = folder / "old.json"
    whole = {"mode": "parallel", "seed": 1, "experiments": [entry]}
    file.write_text(json.dumps(whole), encoding="utf-8")
    return read_plan(file, folder / "registry.json", root=folder)


@pytest.fixture(params=[1, 2])
def plan_entry(
    request: pytest.FixtureRequest, folder: Path, read: Reader
) -> Callable[[Any], PlanReading]:
    """Plans one entry, as settings of either version."""
    return read if request.param == 2 else lambda entry: old(folder, entry)


@pytest.mark.parametrize(
    ("front", "load", "sharing"),
    [
        (None, None, "mps"),
        (None, None, "time_slicing"),
        (0, "0", "mps"),
        ([0, 1], "0,1", "mps"),
        (MIG_A, MIG_A, "mps"),
        (MIG_A, MIG_A, "time_slicing"),
        (MIG_A, MIG_B, "mig"),
        (0, None, "time_slicing"),
        (0, "GPU-8932", "time_slicing"),
        ("GPU-8932", "GPU-8932f937", "time_slicing"),
        ([0, 1], 1, "time_slicing"),
    ],
)
def test_who_can_share(
    plan_entry: Callable[[Any], PlanReading], front: Any, load: Any, sharing: str
) -> None:
    assert errors(plan_entry(pair(front, load, sharing))) == []


@pytest.mark.parametrize(
    ("shared", "where", "message"),
    [
        (
            (0, 1, "mps"),
            "background",
            'foreground "0", background "1": nothing would be shared'
            ' (under "mps" all have the same "gpus", written alike)',
        ),
        (
            (0, None, "mps"),
            "foreground",
            'foreground "0", background without gpus: nothing would be shared'
            ' (under "mps" all have the same "gpus", written alike)',
        ),
        (
            (MIG_A, MIG_A, "mig"),
            "background",
            'the slice of the foreground: under "mig" each has one of its own'
            ' (name another slice; "time_slicing" and "mps" share one)',
        ),
        (
            (MIG_A, None, "mig"),
            "background",
            'under "mig" each training has one slice, not without gpus'
            ' (write "gpus": "MIG-..."; nvidia-smi -L lists them)',
        ),
        (
            ("GPU-8932", MIG_A, "mig"),
            "foreground",
            'under "mig" each training has one slice, not "GPU-8932"'
            ' (write "gpus": "MIG-..."; nvidia-smi -L lists them)',
        ),
        (
            (0, 1, "time_slicing"),
            "background",
            'the foreground has "0": no GPU is shared by "time_slicing"'
            " (give both the same, or remove the sharing)",
        ),
        (
            (MIG_A, MIG_B, "time_slicing"),
            "background",
            f'the foreground has "{MIG_A}": no GPU is shared by "time_slicing"'
            " (give both the same, or remove the sharing)",
        ),
    ],
)
def test_who_cannot_share(
    plan_entry: Callable[[Any], PlanReading],
    shared: tuple[Any, Any, str],
    where: str,
    message: str,
) -> None:
    found = errors(plan_entry(pair(*shared)))
    assert (f"experiments[0].{where}.gpus", message) in found
    assert all("gpus" in path for path, _ in found)


@pytest.mark.parametrize("key", ["intensity", "target_gpu_utilization"])
def test_nothing_is_dosed_under_mps(plan_entry: Callable[[Any], PlanReading], key: str) -> None:
    value = {"intensity": 0.5, "target_gpu_utilization": 40}[key]
    dosed = pair(None, None, "mps", **{key: value})
    assert errors(plan_entry(dosed)) == [(f"experiments[0].background.{key}", NO_DOSE)]
    assert errors(plan_entry(dosed | {"sharing": "time_slicing"})) == []
    assert errors(plan_entry(pair(None, None, "mps", intensity=1))) == []


def test_no_use_of_a_slice_can_be_aimed_at(plan_entry: Callable[[Any], PlanReading]) -> None:
    message = 'no target under "mig": the use of a slice is not reported (give an "intensity")'
    aimed = pair(MIG_A, MIG_B, "mig", target_gpu_utilization=40)
    where = "experiments[0].background.target_gpu_utilization"
    assert errors(plan_entry(aimed)) == [(where, message)]
    assert errors(plan_entry(pair(MIG_A, MIG_B, "mig", intensity=0.5))) == []


@pytest.mark.parametrize("sharing", ["mps", "mig"])
def test_a_threshold_that_nobody_can_know_is_refused(
    plan_entry: Callable[[Any], PlanReading], read: Reader, sharing: str
) -> None:
    front, load = (MIG_A, MIG_B) if sharing == "mig" else (None, None)
    entry, validity = pair(front, load, sharing), {"min_background_sm_percent": 5}
    message = (
        f'no record would be valid: under "{sharing}" use by process is not reported'
        " (remove it, or give it to entries with other sharing alone)"
    )
    own = "experiments[0].validity.min_background_sm_percent"
    assert errors(plan_entry(entry | {"validity": validity})) == [(own, message)]
    top = [("validity.min_background_sm_percent", message)]
    assert errors(read(entry, validity=validity)) == top
    timed = pair(None, None, "time_slicing") | {"validity": validity}
    assert errors(plan_entry(timed)) == []


def test_a_design_with_both_factors_is_told_of_exclude(read: Reader) -> None:
    factors: dict[str, Any] = {
        **{"background": [None, text(3)], "intensity": [0.5, 1]},
        "sharing": ["time_slicing", "mps"],
    }
    left_out = '[{"sharing": "mps", "intensity": 0.5}]'
    how = f' (or leave it out there: "exclude": {left_out})'
    assert errors(read(ENTRY, factors=factors)) == [("factors.intensity[0]", NO_DOSE + how)]
    found = experiments(read(ENTRY, factors=factors, exclude=json.loads(left_out)))
    loads = Counter(
        (each.gpu_setup.sharing, load.dose.intensity) for each in found for load in each.backgrounds
    )
    assert loads == {("time_slicing", 0.5): 1, ("time_slicing", 1.0): 1, ("mps", 1.0): 1}


def test_a_design_can_lead_each_way_of_sharing_to_its_own_gpus(read: Reader) -> None:
    fronts = [foreground(epochs=8) | {"gpus": each} for each in (0, MIG_A)]
    factors = {
        "foreground": fronts,
        "background": [text(3, gpus=0), text(3, gpus=MIG_B)],
        "sharing": ["time_slicing", "mig"],
    }
    left_out = [
        {"sharing": "mig", "foreground": {"gpus": 0}},
        {"sharing": "mig", "background": {"gpus": 0}},
        {"sharing": "time_slicing", "foreground": {"gpus": MIG_A}},
        {"sharing": "time_slicing", "background": {"gpus": MIG_B}},
    ]
    found = experiments(read(factors=factors, exclude=left_out))
    assert sorted(str(each.gpu_setup.sharing) for each in found) == ["mig", "time_slicing"]


def test_the_control_of_version_1_has_the_condition_of_its_twin(folder: Path) -> None:
    entry = pair(None, None, "mps", mps=HALF) | {"power_limit_watts": 300}
    front = entry["foreground"] | {"mps": QUARTER, "mode": "default"}
    entry |= {"foreground": front, "controls": {"solo": True}, "runs_per_config": 2}
    found = experiments(old(folder, entry))
    assert len(found) == 4
    assert {each.gpu_setup for each in found} == {GpuSetup("mps", 300.0)}
    assert {each.foreground.environment[THREADS] for each in found} == {"12.5"}
    loads = [load.training.environment for each in found for load in each.backgrounds]
    assert loads == [{THREADS: "50", MEMORY: "0=4G"}] * 2


def test_levels_of_a_hyperparameter_are_compared_under_each_condition(read: Reader) -> None:
    entry = {"foreground": foreground(epochs=8, dropout=values(0, 0.5)), "background": TEXT}
    found = experiments(read(entry, factors={"sm_clock_mhz": [None, 900]}))
    cells = {(each.foreground.hyperparameters["dropout"], each.gpu_setup) for each in found}
    clocks = GpuSetup(), GpuSetup(sm_clock_mhz=900)
    assert cells == {(dropout, setup) for dropout in (0.0, 0.5) for setup in clocks}
