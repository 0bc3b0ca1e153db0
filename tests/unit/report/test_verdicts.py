"""Which verdicts a design can reach, with how many units, and the smallest effect it can show."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import records
from support.plans import crossed, experiment, load, plan
from support.records import write_run
from tandem.config.options import Controls, Dose, GpuSetup
from tandem.interference.compare.rows import TESTED
from tandem.interference.spread import Spreads
from tandem.interference.statistics.resolution import smallest_effect
from tandem.plan.model import Background, Plan
from tandem.report.check.cells import cells_of
from tandem.report.check.effects import effect_lines
from tandem.report.check.levels import level_lines
from tandem.report.check.verdicts import NEEDS, verdict_lines
from tandem.results.earlier import Power, earlier_in
from tandem.results.pace import Kind

NO_SOLO = 'none: the foreground never runs alone (set "controls": {"solo": true})'
KIND: Kind = ("vision resnet20", "vision resnet20")


def verdicts(made: Plan, gpu: Power | None = None) -> dict[str, str]:
    return dict(verdict_lines(cells_of(made), gpu or Power()))


def levels(made: Plan) -> dict[str, str]:
    return dict(level_lines(cells_of(made)))


def test_what_has_a_verdict_in_compare_has_one_in_check() -> None:
    assert set(NEEDS) == set(TESTED)


def test_nothing_beside_a_background_is_nothing_to_compare() -> None:
    assert verdicts(plan(experiment(backgrounds=()))) == {}


def test_without_controls_there_is_no_verdict_and_it_is_said_why() -> None:
    found = verdicts(plan(experiment()))
    assert found["slowdown"] == found["energy ratio"] == NO_SOLO
    assert found["background progress"] == (
        'none: the background never runs alone (set "controls": {"background_seconds": 60})'
    )


@pytest.mark.parametrize(
    ("configs", "repeats", "expected"),
    [
        (1, 6, "6 pairs a line: verdict"),
        (1, 5, "5 pairs a line: values alone"),
        (1, 1, "1 pair a line: values alone"),
        (
            *(20, 6),
            "20 configurations a line: verdict; 6 pairs a configuration: verdict",
        ),
        (
            *(20, 1),
            "20 configurations a line: verdict; 1 pair a configuration: values alone",
        ),
        (
            *(5, 6),
            "5 configurations a line: values alone; 6 pairs a configuration: verdict",
        ),
    ],
)
def test_six_units_give_a_verdict(configs: int, repeats: int, expected: str) -> None:
    controls = Controls(background_s=60.0)
    found = verdicts(crossed(configs, repeats, [None, 1], controls=controls))
    assert found["slowdown"] == found["background progress"] == expected


def test_lines_of_which_only_some_have_a_control_are_counted() -> None:
    with_solo = crossed(1, 6, [None, 1]).experiments
    without = replace(experiment(), source_path="experiments[1]")
    found = verdicts(plan(*with_solo, without))["slowdown"]
    assert found.startswith("6 pairs a line: verdict; none in 1 of 2 lines: the foreground never")


def test_lines_with_few_and_with_many_pairs() -> None:
    few = [
        replace(each, source_path="experiments[1]") for each in crossed(1, 3, [None, 1]).experiments
    ]
    found = verdicts(plan(*crossed(1, 8, [None, 1]).experiments, *few))["slowdown"]
    assert found == "3 to 8 pairs a line: verdict where there are 6"


def test_the_energy_ratio_needs_sensors() -> None:
    made = crossed(1, 6, [None, 1])
    assert verdicts(made)["energy ratio"] == (
        "6 pairs a line: verdict, where the energy of the GPUs can be read (make doctor)"
    )
    seen = Power({KIND: [300.0]})
    assert verdicts(made, seen)["energy ratio"] == "6 pairs a line: verdict"
    lost = Power({}, {KIND: "no counter"})
    assert verdicts(made, lost)["energy ratio"].startswith("none: no counter (by earlier")


# -- levels ----------------------------------------------------------------------------


def test_the_levels_of_every_factor_and_their_units() -> None:
    def values(config: int) -> dict[str, Any]:
        return {"rate": config, "dropout": 0.0 if config <= 5 else 0.5}

    assert levels(crossed(10, 6, [None, 1, 2], values)) == {
        "by background": "b1, b2: 10 configurations a level: verdict",
        "by intensity": "0.5, 1: 10 configurations a level: verdict",
        "by dropout": "0.0, 0.5: 5 configurations a level: values alone",
    }


def test_levels_of_one_configuration_have_its_pairs_as_units() -> None:
    found = levels(crossed(1, 6, [None, 1, 2], lambda config: {}))
    assert found["by background"] == "b1, b2: 6 pairs a level: verdict"


def test_what_compare_keeps_apart_is_counted_apart() -> None:
    """Beside the second load, dropout 1 is left out: one configuration a level is left there."""

    def values(config: int) -> dict[str, Any]:
        return {"dropout": config % 2, "momentum": (config + 1) // 2}

    made = plan(
        *(
            each
            for each in crossed(4, 6, [None, 1, 2], values).experiments
            if not (each.place and each.place.background_number == 2)
            or each.foreground.hyperparameters["dropout"] == 0
        )
    )
    assert levels(made)["by momentum"] == (
        "1, 2: 2 configurations a level: values alone; 6 pairs a level: verdict"
    )


def test_conditions_are_factors_and_each_is_compared_under_the_same_others() -> None:
    setups = [GpuSetup(way, limit) for way in ("mps", "time_slicing") for limit in (None, 300.0)]
    made = plan(
        *(
            replace(each, gpu_setup=setups[each.place.config - 1])
            for each in crossed(4, 6, [None, 1], lambda config: {}).experiments
            if each.place
        )
    )
    assert levels(made) == {
        "by sharing": "MPS, time slicing: 6 pairs a level: verdict",
        "by power_limit_watts": "as it is, 300 W: 6 pairs a level: verdict",
    }


def test_what_has_one_level_is_no_factor_and_version_1_has_none() -> None:
    assert levels(crossed(3, 2, [None, 1])) == {}
    assert levels(plan(experiment(), replace(experiment(), source_path="experiments[1]"))) == {}


def test_factors_of_several_entries_are_told_apart() -> None:
    second = [
        replace(each, source_path="experiments[1]", place=replace(each.place, config=number + 6))
        for each in crossed(7, 1, [1, 2]).experiments
        if each.place
        for number in [each.place.config]
    ]
    found = level_lines(cells_of(plan(*crossed(6, 1, [1, 2]).experiments, *second)))
    assert [text for title, text in found if title == "by background"] == [
        "b1, b2: 6 configurations a level: verdict, in experiments[0]",
        "b1, b2: 7 configurations a level: verdict, in experiments[1]",
    ]


def test_very_many_levels_are_counted() -> None:
    loads = list(range(1, 12))
    assert levels(crossed(6, 1, loads))["by background"].startswith("11 levels: 6 config")


# -- effects ---------------------------------------------------------------------------


def earlier(results: Path, slowdowns: list[float], **values: Any) -> Spreads:
    made = []
    for number, value in enumerate(slowdowns):
        figures = {"slowdown": {"value": value, "uncertainty": None, "label": "", "reason": None}}
        usual: dict[str, Any] = {"experiment_id": f"e{number}", "place": None, "mutated": []}
        names = {"repository": "vision", "model": "resnet20"}
        parts = {f"background.parts[0].{key}": name for key, name in names.items()}
        record = records.record(**usual | names | parts | values)
        figures_of = records.interference(experiment_id=f"e{number}", figures=figures)
        made.append((record, figures_of))
    return Spreads(earlier_in(write_run(results / "run_1", *made).parent).records)


def effects(made: Plan, spreads: Spreads) -> list[tuple[str, str]]:
    return effect_lines(cells_of(made), spreads)


def test_the_smallest_effect_goes_by_the_spread_of_earlier_pairs(tmp_path: Path) -> None:
    spreads = earlier(tmp_path, [1.0, 1.01, 1.0201])
    expected = smallest_effect(8, math.log(1.01))
    assert expected
    assert effects(crossed(1, 8, [None, 1], lambda config: {}), spreads) == [
        (
            "vision resnet20 beside vision resnet20",
            f"slowdown {100 * expected:.2g} % with 8 pairs, energy ratio unknown"
            " (spread of 3 earlier pairs)",
        )
    ]


def test_a_large_effect_is_a_plain_number(tmp_path: Path) -> None:
    spreads = earlier(tmp_path, [1.0, 2.0, 4.0])
    expected = smallest_effect(8, math.log(2))
    assert expected and expected > 1
    shown = effects(crossed(1, 8, [None, 1], lambda config: {}), spreads)[0][1]
    assert shown.startswith(f"slowdown {100 * expected:.0f} % with 8 pairs")


def test_drawn_configurations_need_earlier_pairs_with_drawn_values(tmp_path: Path) -> None:
    made = crossed(8, 6, [None, 1])
    given = earlier(tmp_path / "given", [1.0, 1.01, 1.02])
    assert effects(made, given)[0][1] == "unknown: too few earlier pairs"
    drawn = earlier(tmp_path / "drawn", [1.0, 1.1, 1.2], mutated=["rate"])
    assert " % with 8 configurations" in effects(made, drawn)[0][1]


def test_few_configurations_leave_the_pairs_of_each(tmp_path: Path) -> None:
    spreads = earlier(tmp_path, [1.0, 1.01, 1.02])
    assert " % with 6 pairs" in effects(crossed(2, 6, [None, 1]), spreads)[0][1]


def test_what_reaches_no_verdict_has_no_smallest_effect(tmp_path: Path) -> None:
    spreads = earlier(tmp_path, [1.0, 1.01, 1.02])
    assert effects(crossed(1, 5, [None, 1]), spreads) == []
    assert effects(plan(experiment()), spreads) == []


def test_many_kinds_are_cut_with_a_count(tmp_path: Path) -> None:
    made = [
        replace(each, backgrounds=backgrounds, source_path=f"experiments[{number}]")
        for number in range(25)
        for each in crossed(1, 6, [None, 1], lambda config: {}).experiments
        for model in [replace(load(), model=f"m{number}")]
        for backgrounds in [(Background(model, Dose()),) if each.backgrounds else ()]
    ]
    lines = effects(plan(*made), Spreads([]))
    assert len(lines) == 21 and lines[-1] == ("", "and 5 more")
