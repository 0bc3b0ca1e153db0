"""Designs: factors and draws become configurations, planned in blocks of whole groups."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from support.designs import (
    DRAW,
    LARGE,
    TEXT,
    Reader,
    configs,
    errors,
    experiments,
    foreground,
    ids,
    place_of,
    plan_of,
    text,
    values,
)

# The example that designs were made for, and what each of its experiments knows.

EXAMPLE = {
    **{"draws": 10, "repeats": 6, "vary": ["seed"]},
    "factors": {"background": [None, text(3)], "intensity": [0.5, 1]},
}
EXAMPLE_ENTRY = {"foreground": foreground(epochs=8, dropout=values(0, 0.5), learning_rate=DRAW)}


def test_twenty_configurations_in_six_blocks_alone_at_half_and_at_full(read: Reader) -> None:
    found = experiments(read(EXAMPLE_ENTRY, **EXAMPLE))
    assert len(found) == 360
    assert [each.number for each in found] == list(range(1, 361))
    places = [place_of(each) for each in found]
    assert {place.config for place in places} == set(range(1, 21))
    per_block = Counter((place.block, place.background_number) for place in places)
    assert per_block == Counter(dict.fromkeys(product(range(1, 7), (None, 1, 2)), 20))
    assert all(place.repeat == place.block for place in places)
    assert {place.foreground_number for place in places} == {1}
    doses = {
        (place_of(each).background_number, load.dose.intensity)
        for each in found
        for load in each.backgrounds
    }
    assert doses == {(1, 0.5), (2, 1.0)}


def test_ten_drawn_values_each_at_both_levels_and_six_seeds(read: Reader) -> None:
    found = experiments(read(EXAMPLE_ENTRY, **EXAMPLE))
    drawn = defaultdict(set)
    seeds = defaultdict(set)
    for each in found:
        own = each.foreground.hyperparameters
        assert list(own) == ["epochs", "learning_rate", "dropout", "seed"]
        assert each.foreground.mutated == ("learning_rate", "seed")
        assert each.foreground_mode == "mutation"
        drawn[own["learning_rate"]].add(own["dropout"])
        seeds[place_of(each).block].add(own["seed"])
    assert len(drawn) == 10
    assert all(levels == {0.0, 0.5} for levels in drawn.values())
    assert all(len(own) == 1 for own in seeds.values())
    assert len(set.union(*seeds.values())) == 6


def test_names_group_control_and_twins(read: Reader) -> None:
    found = {each.id: each for each in experiments(read(EXAMPLE_ENTRY, **EXAMPLE))}
    solo = found["vision_small_c07_r3_solo"]
    half, full = (found[f"vision_small_c07_b{load}_r3_parallel"] for load in (1, 2))
    assert {each.group for each in (solo, half, full)} == {"c07_r3"}
    assert (solo.control, solo.twin, solo.backgrounds) == ("solo", None, ())
    assert (half.control, half.twin, full.twin) == (None, solo.id, solo.id)
    assert half.foreground == full.foreground == solo.foreground
    assert {each.course.warmup_runs for each in found.values()} == {1}


def test_without_a_background_a_run_is_plain(read: Reader) -> None:
    reading = read(foreground(epochs=values(8, 9)), repeats=2, order="as_written")
    assert ids(reading) == [
        f"vision_small_c0{config}_r{run}" for run in (1, 2) for config in (1, 2)
    ]
    for each in experiments(reading):
        assert (each.control, each.twin, each.mode) == (None, None, "default")
        assert place_of(each).background_number is None


def test_without_the_solo_level_no_parallel_run_has_a_twin(read: Reader) -> None:
    pair = {"foreground": foreground(), "background": text(3)}
    [only] = experiments(read(pair))
    assert (only.id, only.twin) == ("vision_small_c01_b1_r1_parallel", None)
    both = experiments(read(pair, controls={"solo": True}))
    assert sorted(each.id for each in both) == [
        "vision_small_c01_b1_r1_parallel",
        "vision_small_c01_r1_solo",
    ]


def test_names_have_the_digits_that_let_them_sort(read: Reader) -> None:
    loads = [text(folds, max_rounds=rounds) for folds in (2, 3, 4) for rounds in range(1, 5)]
    factors = {"background": [None, *loads]}
    reading = read(foreground(epochs=values(*range(1, 102))) | {"factors": factors})
    assert len(errors(reading)) == 1  # beside a background, the training stands in "foreground"
    entry = {"foreground": foreground(epochs=values(*range(1, 102)))}
    reading = read(entry, factors=factors)
    names = ids(reading)
    assert "vision_small_c007_b09_r1_parallel" in names
    assert "vision_small_c101_b12_r1_parallel" in names
    reading = read(foreground(), repeats=12)
    assert ids(reading)[2] == "vision_small_c01_r03"


def test_configurations_are_numbered_through_the_plan_and_backgrounds_in_an_entry(
    read: Reader,
) -> None:
    reading = read(
        {"foreground": foreground(), "factors": {"background": [text(2), text(3)]}},
        {"foreground": foreground(LARGE), "factors": {"background": [None, text(5)]}},
        foreground(LARGE, epochs=7),
        order="as_written",
    )
    assert ids(reading) == [
        "vision_small_c01_b1_r1_parallel",
        "vision_small_c01_b2_r1_parallel",
        "vision_large_c02_r1_solo",
        "vision_large_c02_b1_r1_parallel",
        "vision_large_c03_r1",
    ]
    assert [each.source_path for each in experiments(reading)] == [
        f"experiments[{index}]" for index in (0, 0, 1, 1, 2)
    ]


def test_the_plan_of_a_seed_is_this_on_every_machine(read: Reader) -> None:
    entry = {"foreground": foreground(learning_rate=DRAW, amp=DRAW)}
    factors = {"background": [None, text(3), text(4)]}
    reading = read(entry, draws=2, repeats=2, vary=["seed"], factors=factors)
    assert [each.id.removeprefix("vision_small_") for each in experiments(reading)] == [
        "c01_b1_r1_parallel",
        "c01_b2_r1_parallel",
        "c01_r1_solo",
        "c02_b2_r1_parallel",
        "c02_r1_solo",
        "c02_b1_r1_parallel",
        "c02_r2_solo",
        "c02_b1_r2_parallel",
        "c02_b2_r2_parallel",
        "c01_b2_r2_parallel",
        "c01_r2_solo",
        "c01_b1_r2_parallel",
    ]
    assert configs(reading) == {
        1: {"learning_rate": 0.15407, "amp": True, "seed": 746},
        2: {"learning_rate": 0.154913, "amp": False, "seed": 746},
    }


# Levels, merged and left out.


def test_equal_cells_are_merged(read: Reader) -> None:
    reading = read(
        {"foreground": foreground(epochs=8, dropout=values(0, 0.5))},
        factors={"background": [None, text(3), text(3.0), text(3, comment="x")]},
    )
    assert sorted(ids(reading)) == [
        "vision_small_c01_b1_r1_parallel",
        "vision_small_c01_r1_solo",
        "vision_small_c02_b1_r1_parallel",
        "vision_small_c02_r1_solo",
    ]
    both = [foreground(epochs=values(7, 8)), foreground(epochs=8.0), foreground(epochs=8) | LARGE]
    assert len(experiments(read(factors={"foreground": both}))) == 3


def test_a_background_with_several_values_is_as_many_levels(read: Reader) -> None:
    factors = {"background": [None, text(values(2, 5)), [text(3), text(values(4, 5))]]}
    found = experiments(read({"foreground": foreground()}, factors=factors, order="as_written"))
    folds = [[it.training.hyperparameters["folds"] for it in each.backgrounds] for each in found]
    assert folds == [[], [2], [5], [3, 4], [3, 5]]
    assert [place_of(each).background_number for each in found] == [None, 1, 2, 3, 4]
    assert [place_of(each).position for each in found] == [1, 2, 3, 4, 5]


# Draws and repeats.


def test_all_kinds_of_hyperparameters_are_drawn_and_listed(read: Reader) -> None:
    entry = foreground(
        epochs={"range": [100, 103]},
        learning_rate={"range": [1e-6, 1e-5], "distribution": "log_uniform"},
        width=DRAW,
        amp=DRAW,
        tag=values("a b", "c"),
    )
    found = list(configs(read(entry, draws=40)).values())
    assert len(found) == 80
    assert {each["epochs"] for each in found} == {100, 101, 102, 103}
    assert all(1e-6 <= each["learning_rate"] <= 1e-5 for each in found)
    assert {each["width"] for each in found} == {32, 64, 128}
    assert {each["amp"] for each in found} == {True, False}
    assert Counter(each["tag"] for each in found) == {"a b": 40, "c": 40}
    commands = {each.foreground.command for each in experiments(read(entry, draws=40))}
    assert {("--amp" in command) for command in commands} == {True, False}


def test_the_default_is_a_value_like_any_other(read: Reader) -> None:
    found = configs(read(foreground(width=DRAW), draws=3)).values()
    assert sorted(each["width"] for each in found) == [32, 64, 128]
    assert errors(read(foreground(width=DRAW), draws=4)) == [
        (
            "draws",
            '4 different values of "width" are wanted, but there are only 3'
            " (lower draws, or widen what is drawn from)",
        )
    ]


def test_one_more_entry_leaves_the_draws_of_the_others(read: Reader) -> None:
    one = foreground(learning_rate=DRAW)
    other = {"foreground": foreground(LARGE, learning_rate=DRAW), "background": text(3)}
    third = {"foreground": foreground(learning_rate=DRAW, dropout=0.5), "background": text(4)}

    def drawn(*entries: Any, of: int) -> set[Any]:
        return {
            each.foreground.hyperparameters["learning_rate"]
            for each in experiments(read(*entries, draws=3))
            if each.source_path == f"experiments[{of}]"
        }

    alone = drawn(one, of=0)
    assert drawn(other, third, one, of=2) == drawn(one, other, of=0) == alone
    assert drawn(other, one, of=0) == drawn(other, of=0)
    # The same is drawn of the same training, whatever runs beside it; an entry twice is twice it.
    assert drawn(third, of=0) == alone
    assert not drawn(one, one, of=1) & alone


@pytest.mark.parametrize("key", ["draws", "repeats"])
def test_more_begin_with_the_same_configurations_and_seeds(read: Reader, key: str) -> None:
    counts = {"draws": 3, "repeats": 4, "vary": ["seed"]}

    def found(**more: int) -> dict[tuple[int, int], Any]:
        reading = read(EXAMPLE_ENTRY, factors=EXAMPLE["factors"], **counts | more)
        return {
            (place_of(each).config, place_of(each).repeat): each.foreground.hyperparameters
            for each in experiments(reading)
        }

    few, many = found(), found(**{key: 7})
    assert len(many) > len(few)
    assert {place: many[place] for place in few} == few


def test_more_repeats_begin_with_the_same_blocks(read: Reader) -> None:
    few = experiments(read(EXAMPLE_ENTRY, **EXAMPLE | {"repeats": 3}))
    many = experiments(read(EXAMPLE_ENTRY, **EXAMPLE | {"repeats": 8}))
    assert many[: len(few)] == few


def test_what_varies_is_the_same_for_all_in_a_block_and_never_again(read: Reader) -> None:
    both = [foreground(epochs=values(8, 9)), foreground(LARGE)]
    found = experiments(read(factors={"foreground": both}, repeats=3, vary=["seed", "fold"]))
    by_block = defaultdict(set)
    for each in found:
        own = each.foreground.hyperparameters
        by_block[place_of(each).block].add((own["seed"], own["fold"]))
        assert each.foreground.mutated == ("seed", "fold")
    assert [len(each) for each in by_block.values()] == [1, 1, 1]
    seeds, folds = zip(*(next(iter(each)) for each in by_block.values()), strict=True)
    assert len(set(seeds)) == 3
    assert sorted(folds) == [1, 2, 3]
    assert errors(read(foreground(), repeats=4, vary=["fold"])) == [
        (
            "vary",
            '4 different values of "fold" are wanted, but there are only 3'
            " (lower repeats, or let the registry allow more)",
        )
    ]


def test_each_entry_has_its_own_number_of_repeats(read: Reader) -> None:
    reading = read(foreground() | {"repeats": 3}, foreground(LARGE), order="as_written")
    assert ids(reading) == [
        "vision_small_c01_r1",
        "vision_large_c02_r1",
        "vision_small_c01_r2",
        "vision_small_c01_r3",
    ]


def test_the_seed_is_told_when_the_order_alone_hangs_on_it(read: Reader) -> None:
    reading = read(foreground(epochs=values(7, 8)), seed=None)
    [remark] = reading.problems
    seed = plan_of(reading).seed
    assert remark.message == (
        f"random seed {seed} was chosen; use --seed {seed} to get the same plan"
    )
    assert read(foreground(epochs=values(7, 8)), seed=seed).plan == reading.plan


# Tables of earlier results.


def table(folder: Path, *rows: dict[str, Any]) -> dict[str, Any]:
    """Options that name a table of these rows."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [
        ",".join(columns),
        *(",".join(str(row.get(key, "")) for key in columns) for row in rows),
    ]
    (folder / "old.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return {"use_deduplication": True, "historical_csvs": ["old.csv"]}


def row(*, parallel: bool = False, **own: Any) -> dict[str, Any]:
    named = {f"hyperparam_{name}": value for name, value in own.items()}
    mode = "parallel" if parallel else "default"
    return {"repository": "vision", "model": "small", "mode": mode} | named


def test_a_configuration_that_stands_in_a_table_is_not_drawn_again(
    read: Reader, folder: Path
) -> None:
    entry = {"foreground": foreground(dropout=values(0.25, 0.5), tag="x", width=DRAW)}
    top = {"draws": 2, "repeats": 2, "vary": ["seed"], "factors": {"background": [None, text(3)]}}

    def widths(*rows: dict[str, Any]) -> set[Any]:
        reading = read(entry, **top, **table(folder, *rows))
        assert [it.severity for it in reading.problems] == ["remark"]
        return {each["width"] for each in configs(reading).values()}

    assert widths(row(dropout=0.5, tag="x", width=32, seed=7)) == {64, 128}
    assert widths(row(dropout=0.25, tag="x", width=128, parallel=True)) == {32, 64}
    # A row without the value had the registry's default.
    assert widths(row(dropout=0.5, tag="x")) == {32, 128}
    assert errors(
        read(
            entry, **top, **table(folder, *(row(dropout=0.5, tag="x", width=it) for it in (32, 64)))
        )
    ) == [
        (
            "draws",
            '2 different values of "width" are wanted, but only 1 is left:'
            " 3, less 2 in historical_csvs (lower draws, or widen what is drawn from)",
        )
    ]


def test_rows_of_other_runs_take_nothing(read: Reader, folder: Path) -> None:
    entry = foreground(dropout=0.5, width=DRAW)
    others = [
        row(dropout=0.4, width=32),
        row(dropout=0.5, width=32, tag="x"),
        row(dropout=0.5, width=32, parallel=True),
        row(dropout=0.5, width=32) | {"model": "large"},
    ]
    reading = read(entry, draws=3, **table(folder, *others))
    assert len(experiments(reading)) == 3
    assert [it.message.rpartition(": ")[2] for it in reading.problems] == ["0 of 4"]


def test_a_table_where_nothing_is_drawn_is_an_error(read: Reader, folder: Path) -> None:
    old = table(folder, row(epochs=7))
    assert errors(read(foreground(epochs=values(7, 8)), **old)) == [
        ("historical_csvs[0]", "nothing is drawn, so no value can be drawn again (remove it)")
    ]


# What is wrong is said with its place.


@pytest.mark.parametrize(
    ("entry", "place", "message"),
    [
        (
            foreground(lr=0.1),
            "experiments[0].hyperparameters.lr",
            '"lr" is not a hyperparameter of vision (did you mean "learning_rate"?)',
        ),
        (
            foreground(epoch=values(1, 2)),
            "experiments[0].hyperparameters.epoch",
            '"epoch" is not a hyperparameter of vision (did you mean "epochs"?)',
        ),
        (
            foreground(epoch=DRAW),
            "experiments[0].hyperparameters.epoch",
            '"epoch" is not a hyperparameter of vision (did you mean "epochs"?)',
        ),
        (
            foreground() | {"vary": ["seeds"]},
            "experiments[0].vary[0]",
            '"seeds" is not a hyperparameter of vision (did you mean "seed"?)',
        ),
        (
            {"foreground": foreground(), "background": TEXT | {"hyperparameters": {"fold": 2}}},
            "experiments[0].background.hyperparameters.fold",
            '"fold" is not a hyperparameter of text (did you mean "folds"?)',
        ),
        (
            foreground(epochs=values(1, 2.5)),
            "experiments[0].hyperparameters.epochs.values[1]",
            "must be a whole number, not 2.5",
        ),
        (
            foreground(width=values(32, 65)),
            "experiments[0].hyperparameters.width.values[1]",
            "65 is none of its choices (did you mean 64?)",
        ),
        (
            foreground(dropout=DRAW),
            "experiments[0].hyperparameters.dropout",
            '"dropout" of vision has no range to draw from (give {"range": [low, high]}, or add a'
            " range, or choices, to the registry)",
        ),
        (
            foreground() | {"vary": ["tag"]},
            "experiments[0].vary[0]",
            '"tag" of vision has no range to draw from (give {"range": [low, high]}, or add a'
            " range, or choices, to the registry)",
        ),
        (
            foreground(cache=DRAW),
            "experiments[0].hyperparameters.cache",
            '"cache" of vision cannot be switched off: without its flag it is true (add "off_flag"'
            " to the registry)",
        ),
        (
            foreground(width={"range": [1, 5]}),
            "experiments[0].hyperparameters.width",
            '"width" of vision is not drawn from a range: it has choices, or is no number (write'
            ' {"draw": true}, or list its values: {"values": [...]})',
        ),
        (
            foreground(epochs={"range": [1, 5.5]}),
            "experiments[0].hyperparameters.epochs",
            '"epochs" of vision must be a whole number, not 5.5',
        ),
    ],
)
def test_what_is_wrong_with_a_hyperparameter(
    read: Reader, entry: Any, place: str, message: str
) -> None:
    assert errors(read(entry)) == [(place, message)]
    [kept] = experiments(read(entry, foreground(LARGE), skip_invalid=True))
    assert kept.foreground.model == "large"


def test_what_is_wrong_at_the_top_is_said_once(read: Reader) -> None:
    entries = [{"repeats": 1}, {"repeats": 2}]
    factors = {"foreground": [foreground(lr=0.1)], "background": [None, text(3, gpus=[0, 0])]}
    assert [place for place, _ in errors(read(*entries, factors=factors))] == [
        "factors.background[1].gpus",
        "factors.foreground[0].hyperparameters.lr",
    ]


def test_what_annotates_may_stand_among_hyperparameters(read: Reader) -> None:
    [only] = experiments(read(foreground(epochs=7, comment="why", _note=values(1, 2))))
    assert only.foreground.hyperparameters == {"epochs": 7}


def test_in_version_1_an_unknown_hyperparameter_is_a_warning(read: Reader) -> None:
    entry = foreground(lr=0.1) | {"mode": "default"}
    reading = read(entry, settings_version=1)
    assert [it.severity for it in reading.problems] == ["warning"]


def test_too_many_are_refused_before_any_is_made(read: Reader) -> None:
    listed = {"epochs": values(*range(1000)), "seed": values(*range(999)), "width": values(32, 64)}
    combined = "1998000 combinations of levels, and 100000 are the most (list fewer levels)"
    assert errors(read(foreground(**listed))) == [("experiments", combined)]
    most = {"draws": 10**5, "repeats": 10**5}
    total = f"{2 * 10**10} experiments, and 100000 are the most"
    hint = "lower draws or repeats, or list fewer levels"
    assert errors(read(foreground(epochs=values(1, 2), learning_rate=DRAW), **most)) == [
        ("experiments", f"{total} ({hint})")
    ]


def test_a_large_product_of_which_most_is_left_out_can_be_planned(read: Reader) -> None:
    entry = {"foreground": foreground(epochs=values(*range(1, 21)), width=values(32, 64))}
    factors = {"background": [text(folds) for folds in (2, 3, 4)]}
    exclude = [{"width": 64}, {"background": text(3)}, {"background": text(4)}]
    reading = read(entry, factors=factors, exclude=exclude, repeats=900)
    assert len(experiments(reading)) == 18_000
