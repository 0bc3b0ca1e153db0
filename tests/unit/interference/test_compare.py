"""compare: repeats say what they can and not more, levels and two things against each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.compared import (
    NO_SOLO,
    design,
    designed,
    figure,
    figures,
    groups,
    parallel,
    rows,
)
from support.records import put, write_run
from tandem.base.errors import UsageError
from tandem.interference.compare.comparison import comparison
from tandem.interference.compare.groups import tallied
from tandem.interference.compare.rows import TESTED
from tandem.interference.statistics.estimate import estimate_of, holm

SIX = (1.20, 1.22, 1.24, 1.26, 1.28, 1.30)


def repeated(*values: float, **changes: Any) -> list[Any]:
    """One configuration in as many blocks as there are values."""
    return [designed(1, 1, block, value, **changes) for block, value in enumerate(values, 1)]


# -- one cell --------------------------------------------------------------------------


def test_six_pairs_have_an_interval_and_a_verdict(tmp_path: Path) -> None:
    [group] = groups(write_run(tmp_path / "run", *repeated(*SIX)))
    row, expected = rows(group)["slowdown"], estimate_of(SIX, 1.0)
    assert (row["pairs"], row["units"], row["values"]) == (6, 6, list(SIX))
    assert (row["estimate"], row["low"], row["high"]) == (
        *(expected.estimate, expected.low, expected.high),
    )
    assert (row["verdict"], row["below_resolution"], row["p"]) == ("above", False, 2 / 2**6)
    assert (group["unit"], group["configurations"], group["experiments"]) == ("pair", 1, 6)


def test_five_pairs_have_values_and_a_count_alone(tmp_path: Path) -> None:
    row = rows(*groups(write_run(tmp_path / "run", *repeated(*SIX[:5]))))["slowdown"]
    assert (row["units"], row["values"]) == (5, list(SIX[:5]))
    assert [row[key] for key in ("low", "high", "p", "p_holm", "verdict")] == [None] * 5


@pytest.mark.parametrize(
    ("values", "is_below"),
    [
        ((1.002, 1.5, 1.01, 1.02, 1.03, 1.04), False),  # an interval from 1.002 on shows an effect
        ((1.0, 1.5, 1.01, 1.02, 1.03, 1.04), True),  # it is closed
        ((0.99, 1.5, 1.01, 1.02, 1.03, 1.04), True),
    ],
)
def test_below_resolution_is_that_the_interval_holds_no_effect(
    tmp_path: Path, values: tuple[float, ...], is_below: bool
) -> None:
    row = rows(*groups(write_run(tmp_path / "run", *repeated(*values))))["slowdown"]
    assert row["below_resolution"] is is_below
    assert (row["verdict"] == "below resolution") is is_below
    assert (row["low"] <= 1 <= row["high"]) is is_below


def test_one_pair_tells_how_sure_its_clocks_are(tmp_path: Path) -> None:
    row = rows(*groups(write_run(tmp_path / "run", parallel(1))))["slowdown"]
    assert (row["clock_uncertainty"], row["units"], row["verdict"]) == (0.01, 1, None)


def test_only_three_figures_have_verdicts_adjusted_for_all_of_the_call(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [1, 2], range(1, 8)))
    found = comparison([str(run)])
    every = [row for group in found["groups"] for row in group["rows"]]
    judged = [row for row in every if row["verdict"]]
    assert {row["figure"] for row in judged} == set(TESTED)
    assert found["verdicts"] == len(judged) == 6
    assert [row["p_holm"] for row in judged] == holm([row["p"] for row in judged])
    assert judged[0]["p_holm"] == pytest.approx(6 * 2 / 2**7)
    others = [row for row in every if row["figure"] not in TESTED]
    assert all(row["low"] is not None and row["p_holm"] is None for row in others)


def test_equivalence_has_three_answers(tmp_path: Path) -> None:
    made = repeated(*[1.0] * 7)
    values = {"slowdown": 1.001, "energy_ratio": 1.1, "background_progress_ratio": 1.0}
    for number, (_, its) in enumerate(made):
        noise = 1 + number / 1000
        its["figures"] = figures(1.0, **{name: value * noise for name, value in values.items()})
        its["figures"]["background_progress_ratio"]["value"] = 1 + (-1) ** number * number / 100
    [group] = groups(write_run(tmp_path / "run", *made), margin=0.02)
    found = {name: rows(group)[name] for name in values}
    assert [row["verdict"] for row in found.values()] == ["less", "more", "not known"]
    assert [bool(row["more_repeats"]) for row in found.values()] == [False, False, True]
    assert {row["equivalent_within"] for row in found.values()} == {0.02}


# -- units -----------------------------------------------------------------------------


def test_a_configuration_counts_once_where_there_are_several(tmp_path: Path) -> None:
    """The median of its repeats does, however many it has."""
    made = [designed(1, 1, block, 1 + block / 10) for block in (1, 2, 6)]
    made += [designed(3, 1, 1, 1.5)]
    [group] = groups(write_run(tmp_path / "run", *made))
    row = rows(group)["slowdown"]
    assert (group["unit"], group["configurations"]) == ("configuration", 2)
    assert (row["pairs"], row["units"], row["values"]) == (4, 2, [1.2, 1.5])


def test_pairs_with_a_common_baseline_count_once(tmp_path: Path) -> None:
    made = repeated(1.1, 1.3, 1.6, 1.2)
    made[1][0]["twin"] = made[0][0]["twin"]
    made[2][0]["windows"][0] = made[1][0]["windows"][0]  # by way of the second
    [group] = groups(write_run(tmp_path / "run", *made))
    assert rows(group)["slowdown"]["values"] == [1.3, 1.2]
    assert rows(group)["slowdown"]["pairs"] == 4


def test_runs_add_up_and_a_copy_counts_once(tmp_path: Path) -> None:
    one, two = (write_run(tmp_path / name, *repeated(*SIX)) for name in ("one", "two"))
    found = comparison([str(one), str(two), str(tmp_path / "two" / ".." / "one")])
    [group] = found["groups"]
    assert rows(group)["slowdown"]["pairs"] == 6
    assert found["left_out"] == {"counted already (a copy, or the same run under another name)": 6}
    later = write_run(tmp_path / "three", *repeated(*SIX, timestamp="2026-02-02T12:00:00+00:00"))
    for record, _ in (made := repeated(*SIX, timestamp="2026-02-03T12:00:00+00:00")):
        record["windows"][0]["started"] += " later"
    fourth = write_run(tmp_path / "four", *made)
    [group] = groups(one, fourth)
    assert (rows(group)["slowdown"]["pairs"], rows(group)["slowdown"]["units"]) == (12, 12)
    [group] = groups(one, later)  # the same background's windows
    assert (rows(group)["slowdown"]["pairs"], rows(group)["slowdown"]["units"]) == (12, 6)


def test_a_configuration_is_the_same_in_two_runs(tmp_path: Path) -> None:
    """By its values, whatever numbers the two plans gave it."""
    one = write_run(tmp_path / "one", designed(1, 1, 1), designed(3, 1, 1))
    drawn = {"epochs": 20, "dropout": 0.0, "seed": 9, "learning_rate": 0.002}
    two = write_run(
        tmp_path / "two",
        designed(5, 1, 1, hyperparameters=drawn, timestamp="2026-02-02T12:00:00+00:00"),
    )
    [group] = groups(one, two)
    assert (group["configurations"], group["experiments"]) == (2, 3)


def test_joules_are_never_put_together_over_boards(tmp_path: Path) -> None:
    """Ratios are, over boards of one model: each is of one board."""
    made = repeated(*SIX)
    for record, _ in made[:2]:
        put(record, **{"windows[1].gpus[0].uuid": "GPU-other"})
    [group] = groups(write_run(tmp_path / "run", *made))
    assert rows(group)["slowdown"]["units"] == 6
    joules = [row for row in group["rows"] if row["figure"] == "marginal_energy_joules"]
    own = made[3][0]["windows"][1]["gpus"][0]["uuid"]
    assert [(row["board"], row["units"]) for row in joules] == [("GPU-other", 2), (own, 4)]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"epochs_done": 2}, "joules of 2 to 20 epochs have no middle"),
        ({}, None),
    ],
)
def test_joules_of_different_work_have_no_middle(
    tmp_path: Path, change: dict[str, Any], why: str | None
) -> None:
    """Ratios do: they are of the same work each."""
    made = [designed(1, 1, 1), designed(1, 1, 2, **change)]
    [group] = groups(write_run(tmp_path / "run", *made))
    assert group["no_joules"] == why
    assert ("marginal_energy_joules" in rows(group)) is (why is None)
    assert rows(group)["slowdown"]["units"] == 2


def test_what_is_missing_says_how_often_and_why(tmp_path: Path) -> None:
    made = repeated(1.1, 1.2, 1.3)
    made[0][1]["figures"]["slowdown"] = figure(None, None, NO_SOLO)
    made[0][1]["figures"]["antt"] = figure(None, None, f"{NO_SOLO}; no rate")
    [group] = groups(write_run(tmp_path / "run", *made))
    assert group["missing"] == {NO_SOLO: 1, "no rate": 1}
    assert rows(group)["slowdown"]["pairs"] == 2


# -- levels ----------------------------------------------------------------------------


def test_levels_of_a_background_put_configurations_together(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design(range(1, 7), [1, 2], [1, 2, 3]))
    found = groups(run, by="background")
    assert [(group["level"], group["configurations"]) for group in found] == [("1", 6), ("2", 6)]
    assert [group["unit"] for group in found] == ["configuration"] * 2
    for load, group in enumerate(found, start=1):
        medians = [pytest.approx(1 + load / 10 + 0.01 * (config + 2)) for config in range(1, 7)]
        assert rows(group)["slowdown"]["values"] == medians
        assert group["values"] is None
        assert group["intensity"] == load / 4


def test_levels_of_a_hyperparameter_are_kept_apart_by_load(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design(range(1, 7), [1, 2], [1, 2]))
    found = [
        (group["level"], group["intensity"], group["configurations"])
        for group in groups(run, by="dropout")
    ]
    assert found == [("0.0", 0.25, 3), ("0.5", 0.25, 3), ("0.0", 0.5, 3), ("0.5", 0.5, 3)]


@pytest.mark.parametrize(
    "change",
    [{"environment.repository_git.commit": "f" * 40}, {"environment.cpu_governor": "powersave"}],
)
def test_levels_keep_commits_and_what_was_set_apart(tmp_path: Path, change: dict[str, Any]) -> None:
    made = [designed(1, 1, 1), designed(1, 1, 2), designed(1, 1, 3, **change)]
    found = groups(write_run(tmp_path / "run", *made), by="background")
    assert sorted((group["level"], group["experiments"]) for group in found) == [
        *(("1", 1), ("1", 2))
    ]


def test_levels_of_config_are_single_configurations(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1, 2, 10], [1], [1, 2]))
    found = groups(run, by="config")
    assert [group["level"] for group in found] == ["1", "2", "10"]
    assert {group["unit"] for group in found} == {"pair"}


def test_levels_of_intensity_stand_in_their_order_also_unasked(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [4, 1, 2], range(1, 7)))
    found = comparison([str(run)])
    assert [group["level"] for group in found["over_intensity"]] == ["0.25", "0.5", "1"]
    for group in found["over_intensity"]:
        assert set(rows(group)) == set(TESTED)
        assert all(row["low"] is not None and row["verdict"] is None for row in group["rows"])
    assert [group["level"] for group in groups(run, by="intensity")] == ["0.25", "0.5", "1"]
    assert comparison([f"{run}:b1"])["over_intensity"] == []


def test_a_factor_that_is_none_has_the_nearest_name(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", parallel(1))
    with pytest.raises(UsageError, match=r'"epoch" is no factor \(did you mean "epochs"\?\)'):
        comparison([str(run)], by="epoch")


# -- two things ------------------------------------------------------------------------


def test_two_loads_of_one_configuration_are_paired_by_block(tmp_path: Path) -> None:
    made = [designed(1, 1, block, 1 + block) for block in range(1, 8)]
    made += [designed(1, 2, block, 1.1 * (1 + block)) for block in range(7, 1, -1)]
    run = write_run(tmp_path / "run", *made)
    [group] = groups(f"{run}:b1", "vs", f"{run}:b2")
    row = rows(group)["slowdown"]
    assert (group["paired"], group["unit"], group["unmatched"]) == (True, "pair", 1)
    assert row["values"] == [pytest.approx(1.1)] * 6
    assert (row["verdict"], row["units"], row["cliffs_delta"]) == ("above", 6, None)
    saved = rows(group)["saving_of_sharing"]  # a difference
    assert (saved["no_effect"], saved["values"][0]) == (0.0, pytest.approx(0.1 * 3))


def test_two_loads_of_several_configurations_are_paired_by_configuration(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design(range(1, 7), [1, 2], [1, 2, 3]))
    [group] = groups(f"{run}:b1", "vs", f"{run}:b2")
    assert (group["paired"], group["unit"]) == (True, "configuration")
    assert rows(group)["slowdown"]["units"] == 6


def test_two_levels_of_a_factor_are_paired_by_what_else_was_drawn(tmp_path: Path) -> None:
    """Beside each load by itself."""
    run = write_run(tmp_path / "run", *design(range(1, 13), [1, 2], [1], step=0.0))
    found = groups(f"{run}:dropout=0", "vs", f"{run}:dropout=0.5")
    assert [(group["intensity"], group["paired"]) for group in found] == [
        *((0.25, True), (0.5, True))
    ]
    assert [rows(group)["slowdown"]["units"] for group in found] == [6, 6]
    assert rows(found[0])["slowdown"]["verdict"] == "below resolution"


def test_two_draws_are_not_paired_by_what_else_they_have(tmp_path: Path) -> None:
    """Though each level of dropout is there once in both."""
    runs = []
    for rate in (0.1, 0.2):
        own: dict[str, Any] = {"timestamp": str(rate), "hyperparameters.learning_rate": rate}
        made = [designed(config, 1, 1, **own) for config in (1, 2)]
        runs.append(write_run(tmp_path / str(rate), *made))
    one, two = runs
    assert [group["paired"] for group in groups(f"{one}:b1", "vs", f"{two}:epochs=20")] == [False]


def test_two_runs_are_not_paired_and_compared_cell_by_cell(tmp_path: Path) -> None:
    one = write_run(tmp_path / "one", *design([1], [1, 2], range(1, 7)))
    other = {"environment.repository_git.commit": "f" * 40, "timestamp": "later"}
    two = write_run(
        tmp_path / "two",
        *(
            designed(1, load, block, 2 + block / 100, **other)
            for load in (1, 2)
            for block in range(1, 7)
        ),
    )
    found = groups(one, "vs", two)
    assert [(group["paired"], group["intensity"]) for group in found] == [
        *((False, 0.25), (False, 0.5))
    ]
    row = rows(found[0])["slowdown"]
    assert (row["cliffs_delta"], row["verdict"], row["units"], row["units_of_second"]) == (
        *(1.0, "above", 6, 6),
    )
    assert found[0]["first"]["code"] != found[0]["second"]["code"]
    assert len(groups(one, two)) == 4  # put together they are not


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (["vs", "RUN"], "vs stands once"),
        (["RUN", "vs"], "vs stands once"),
        (["RUN", "vs", "RUN", "vs", "RUN"], "vs stands once"),
        (["RUN:b1", "vs", "RUN"], "6 experiments in common"),
        (["RUN:b1,c01", "vs", "RUN:b2,c02"], None),
        (["RUN:b1", "vs", "RUN:b3"], "no valid pair has background=3"),
        (["RUN:b1", "vs", "RUN:b"], '"b" names nothing'),
    ],
)
def test_what_cannot_be_compared_says_why(
    tmp_path: Path, words: list[str], problem: str | None
) -> None:
    run = write_run(tmp_path / "run", *design([1, 2], [1, 2], [1, 2, 3]))
    words = [word.replace("RUN", str(run)) for word in words]
    if problem is None:
        assert comparison(words)["groups"]
        return
    with pytest.raises(UsageError, match=problem):
        comparison(words)


def test_loads_on_one_side_must_be_of_one_kind(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", *design([1], [1, 2, 3], [1, 2]))
    with pytest.raises(UsageError, match="intensity on one side of vs is of several kinds"):
        comparison([f"{run}:b1", f"{run}:b2", "vs", f"{run}:b3"])


def test_levels_and_two_things_do_not_go_together(tmp_path: Path) -> None:
    run = write_run(tmp_path / "run", parallel(1))
    with pytest.raises(UsageError, match="--by and vs do not go together"):
        comparison([f"{run}:b1", "vs", f"{run}:b1"], by="background")


def test_a_pair_with_one_reason_for_two_boards_is_one_pair() -> None:
    reasons = [["GPU 0: no use", "GPU 1: no use"], ["GPU 1: no use", "other"]]
    assert tallied(reasons) == {"GPU 0: no use": 2, "other": 1}
