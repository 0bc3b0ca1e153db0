"""Settings of version 2: designs, and what is wrong with one."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tandem.config.entries import DesignEntry, Range, Settings
from tandem.config.options import Course, Dose, Limits, Validity
from tandem.config.problems import ProblemsError
from tandem.config.settings import load_settings

LOAD: dict[str, Any] = {"repo": "b", "model": "n"}
ALONE: dict[str, Any] = {"foreground": {"repo": "f", "model": "m"}}
PAIR: dict[str, Any] = ALONE | {"background": LOAD}


def load(folder: Path, *entries: Any, **top: Any) -> Settings:
    path = folder / "design.json"
    given = {"experiments": [*entries]} if entries else {}
    path.write_text(json.dumps({"settings_version": 2} | given | top), encoding="utf-8")
    return load_settings(path)


def read(folder: Path, entry: Any, **top: Any) -> DesignEntry:
    """The one design; nothing may be said of it."""
    whole = load(folder, entry, **top)
    assert whole.problems == ()
    [only] = whole.designs
    return only


def errors(folder: Path, *entries: Any, **top: Any) -> list[tuple[str, str]]:
    try:
        problems = load(folder, *entries, **top).problems
    except ProblemsError as error:
        problems = error.problems
    assert {problem.severity for problem in problems} <= {"error"}
    return [(problem.path, problem.message) for problem in problems]


def test_the_example_of_a_design(tmp_path: Path) -> None:
    load_of = {"repo": "digits", "model": "mlp", "hyperparameters": {"epochs": 8}}
    values = {"epochs": 20, "dropout": {"values": [0, 0.5]}, "learning_rate": {"draw": True}}
    entry = {"foreground": {"repo": "digits", "model": "mlp", "hyperparameters": values}}
    top = {
        **{"draws": 10, "repeats": 6, "vary": ["seed"]},
        "factors": {"background": [None, load_of], "intensity": [0.5, 1]},
    }
    whole = load(tmp_path, entry, **top)
    assert (whole.version, whole.entries, whole.problems) == (2, (), ())
    assert (whole.name, whole.seed) == ("design", None)
    [design] = whole.designs
    assert (design.path, design.source) == ("experiments[0]", entry)
    assert (design.draws, design.repeats, design.vary) == (10, 6, ("seed",))
    assert (design.intensities, design.exclude, design.order) == ((0.5, 1.0), (), "blocks")
    assert design.course == Course(warmup_runs=1, rerun_invalid=0)
    [foreground] = design.foregrounds
    assert (foreground.path, foreground.repo) == ("experiments[0].foreground", "digits")
    assert foreground.given == {"epochs": 20}
    assert foreground.factors == {"dropout": (0, 0.5)}
    assert foreground.drawn == {"learning_rate": None}
    alone, loaded = design.backgrounds
    assert (alone.path, alone.source, alone.backgrounds) == ("factors.background[0]", None, ())
    assert (loaded.path, loaded.source) == ("factors.background[1]", load_of)
    [background] = loaded.backgrounds
    assert (background.training.repo, background.training.mode) == ("digits", "default")
    assert (background.training.hyperparameters, background.dose) == ({"epochs": 8}, Dose())


def test_what_is_not_given(tmp_path: Path) -> None:
    design = read(tmp_path, {"repo": "f", "model": "m"})
    assert (design.draws, design.repeats, design.vary, design.order) == (1, 1, (), "blocks")
    assert design.course == Course(warmup_runs=1)
    assert (design.limits, design.validity) == (Limits(), Validity())
    [foreground] = design.foregrounds
    assert (foreground.path, foreground.given) == ("experiments[0]", {})
    [alone] = design.backgrounds
    assert (alone.source, alone.backgrounds) == (None, ())


def test_all_forms_of_a_hyperparameter(tmp_path: Path) -> None:
    values = {
        **{"a": 1, "b": "x", "c": True, "d": {"values": ["x", True, 0.5], "note": "why"}},
        "e": {"range": [1, 2]},
        "f": {"range": [0.1, 1], "distribution": "log_uniform"},
        "g": {"draw": True},
    }
    [foreground] = read(
        tmp_path, {"repo": "f", "model": "m", "hyperparameters": values}
    ).foregrounds
    assert foreground.given == {"a": 1, "b": "x", "c": True}
    assert foreground.factors == {"d": ("x", True, 0.5)}
    uniform, logarithmic = Range(1, 2, "uniform"), Range(0.1, 1, "log_uniform")
    assert foreground.drawn == {"e": uniform, "f": logarithmic, "g": None}
    assert foreground.places["hyperparameters.d"] == "experiments[0].hyperparameters.d"


def test_the_entry_counts_before_the_top_key_by_key(tmp_path: Path) -> None:
    top = {
        **{"repeats": 5, "order": "as_written", "rerun_invalid": 2, "warmup_runs": 3},
        "factors": {"background": [None, LOAD], "intensity": [0.5]},
        "controls": {"idle_seconds": 60, "background_seconds": 1},
        "validity": {"min_coverage": 0.5, "max_strangers_memory_mib": 200},
        **{"grace_seconds": 1, "max_retries": 0, "restart_delay_seconds": 3},
    }
    own = ALONE | {
        **{"repeats": 7, "warmup_runs": 0, "restart_delay_seconds": 2, "grace_seconds": 4},
        "factors": {"intensity": [1]},
        "controls": {"idle_seconds": 0},
        "validity": {"min_coverage": 0.9},
    }
    whole = load(tmp_path, own, ALONE, **top)
    assert whole.problems == ()
    first, second = whole.designs
    assert (first.repeats, second.repeats, first.order) == (7, 5, "as_written")
    assert first.course == Course(warmup_runs=0, rerun_invalid=2)
    assert second.course == Course(warmup_runs=3, rerun_invalid=2)
    assert (first.intensities, second.intensities) == ((1.0,), (0.5,))
    assert len(first.backgrounds) == len(second.backgrounds) == 2
    assert (first.controls.idle_s, first.controls.background_s) == (0, 1)
    assert (second.controls.idle_s, second.controls.background_s) == (60, 1)
    assert first.validity == Validity(min_coverage=0.9, max_strangers_memory_mib=200)
    assert first.limits == Limits(max_retries=0, grace_s=4)
    assert first.backgrounds[1].backgrounds[0].dose == Dose(restart_delay_s=2)
    places = first.places, second.places
    assert [it["repeats"] for it in places] == ["experiments[0].repeats", "repeats"]
    assert [it["intensity"] for it in places] == [
        "experiments[0].factors.intensity",
        "factors.intensity",
    ]


def test_the_levels_of_the_background(tmp_path: Path) -> None:
    sizes = LOAD | {"hyperparameters": {"size": {"values": [1, 2]}, "epochs": 8}}
    design = read(tmp_path, ALONE | {"factors": {"background": [None, [LOAD, sizes], LOAD]}})
    paths = [level.path for level in design.backgrounds]
    place = "experiments[0].factors.background"
    assert paths == [f"{place}[0]", f"{place}[1]", f"{place}[1]", f"{place}[2]"]
    alone, one, two, single = design.backgrounds
    assert (alone.backgrounds, single.source) == ((), LOAD)
    for level, size in ((one, 1), (two, 2)):
        values = {"size": size, "epochs": 8}
        assert level.source == [LOAD, LOAD | {"hyperparameters": values}]
        first, second = level.backgrounds
        assert first.training.path == f"{place}[1][0]"
        assert second.training.hyperparameters == values
        assert second.training.places["hyperparameters"] == f"{place}[1][1].hyperparameters"


def test_a_background_of_an_entry_is_one_level(tmp_path: Path) -> None:
    factors = {"background": [None, LOAD]}
    whole = load(tmp_path, ALONE | {"background": [LOAD, LOAD]}, ALONE, factors=factors)
    assert whole.problems == ()
    own, inherited = whole.designs
    [both] = own.backgrounds
    assert (both.path, len(both.backgrounds)) == ("experiments[0].background", 2)
    assert len(inherited.backgrounds) == 2
    direct = {"repo": "f", "model": "m", "background": None}
    [alone] = load(tmp_path, direct, ALONE, factors=factors).designs[0].backgrounds
    assert alone.source is None


def test_solo_adds_the_foreground_alone_where_it_is_not_listed(tmp_path: Path) -> None:
    design = read(tmp_path, PAIR, controls={"solo": True})
    assert [len(level.backgrounds) for level in design.backgrounds] == [0, 1]
    assert design.backgrounds[0].path == "controls.solo"
    listed = ALONE | {"factors": {"background": [LOAD, None]}, "controls": {"solo": True}}
    assert [len(level.backgrounds) for level in read(tmp_path, listed).backgrounds] == [1, 0]


def test_foregrounds_at_the_top_need_no_entry(tmp_path: Path) -> None:
    top = {"factors": {"foreground": [{"repo": "f", "model": "m"}, {"repo": "g", "model": "m"}]}}
    others: list[dict[str, Any]] = [
        *({}, {"experiments": []}),
        {"experiments": [{"comment": "nothing here"}]},
    ]
    for more in others:
        whole = load(tmp_path, **top, **more)
        assert whole.problems == ()
        [design] = whole.designs
        assert (design.path, design.source["factors"]) == ("factors", top["factors"])
        assert [it.repo for it in design.foregrounds] == ["f", "g"]
        assert design.foregrounds[1].path == "factors.foreground[1]"
    whole = load(tmp_path, {}, {"repeats": 2}, ALONE, **top)
    assert whole.problems == ()
    assert [len(design.foregrounds) for design in whole.designs] == [2, 2, 1]
    assert [design.path for design in whole.designs] == [f"experiments[{i}]" for i in range(3)]


def test_annotations_may_stand_everywhere(tmp_path: Path) -> None:
    notes: dict[str, Any] = {"comment": [1], "description": {}, "note_2": "x", "_": None}
    loaded = LOAD | {"hyperparameters": {"epochs": 1, **notes}, **notes}
    values = {"a": {"values": [1], **notes}, "b": {"draw": True, **notes}, **notes}
    foreground = {"repo": "f", "model": "m", "hyperparameters": values, **notes}
    entry = {"foreground": foreground, "controls": notes, "validity": notes, **notes}
    top = {
        "factors": {"background": [None, loaded], **notes},
        "exclude": [{"a": 1, "background": loaded, **notes}],
        **notes,
    }
    whole = load(tmp_path, notes, entry, **top)
    assert whole.problems == ()
    [design] = whole.designs
    assert design.path == "experiments[1]"
    assert design.foregrounds[0].factors == {"a": (1,)}
    assert design.foregrounds[0].given == notes  # the registry may know such a name


def test_name_seed_governor_and_tables(tmp_path: Path) -> None:
    given = {"experiment_name": "a b", "seed": 7.0, "governor": "performance"}
    tables = {"use_deduplication": True, "historical_csvs": "old.csv"}
    whole = load(tmp_path, ALONE, **given, **tables)
    assert (whole.name, whole.seed, whole.governor) == ("a b", 7, "performance")
    assert whole.tables == {"historical_csvs": "old.csv"}
    assert whole.problems == ()


def test_a_version_1_may_say_so(tmp_path: Path) -> None:
    whole = load(tmp_path, {"repo": "f", "model": "m"}, settings_version=1)
    assert (whole.version, len(whole.entries), whole.problems) == (1, 1, ())


@pytest.mark.parametrize("version", [0, 3, "2", True, None, [2], 2.5])
def test_another_version_is_refused_and_nothing_else_said(tmp_path: Path, version: Any) -> None:
    [(path, message)] = errors(tmp_path, {"colour": 1}, settings_version=version, mode=3)
    assert path == "settings_version"
    assert message.startswith("must be 1 or 2, not ")


SOURCE = {"repo": "f", "model": "m"}
NOT = "not a key of version 2: "
DRAWN = 'write {"draw": true} as the value of each hyperparameter that is drawn'
COUNT = '"repeats" runs the same values again, "draws" draws more of them'


@pytest.mark.parametrize(
    ("place", "key", "message"),
    [
        ("", "mode", f"{NOT}it is not needed (remove it): values are given or drawn one by one"),
        ("", "mutate", NOT + DRAWN),
        ("foreground", "mutate_params", NOT + DRAWN),
        ("top", "runs_per_config", NOT + COUNT),
        ("", "num_mutations", NOT + COUNT),
        ("foreground", "repository", f'{NOT}write "repo"'),
        ("background", "fixed_hyperparams", f'{NOT}write "hyperparameters"'),
        ("", "timeout", f'{NOT}write "timeout_seconds"'),
        ("top", "session_name", f'{NOT}write "experiment_name"'),
        ("top", "cleanup_gpu_memory", f"{NOT}it does nothing (remove it)"),
        ("controls", "order", f"{NOT}the order within a group is drawn and balanced (remove it)"),
        ("", "repeat", 'unknown key (did you mean "repeats"?)'),
        ("top", "draw", 'unknown key (did you mean "draws"?)'),
        ("", "draw", 'unknown key (did you mean "draws"?)'),
        ("foreground", "draw", "cannot stand in a foreground (move it into the value of a hyperp"),
        ("top", "colour", 'unknown key (remove it, or begin its name with "comment")'),
        ("", "colour", 'unknown key (move it into "hyperparameters", if it is one, or else'),
        (
            "controls",
            "colour",
            'unknown key (known: "idle_seconds", "idle_context_seconds", "background_seconds"',
        ),
        ("validity", "min_coverag", 'unknown key (did you mean "min_coverage"?)'),
        ("top", "idle_second", 'unknown key (did you mean "idle_seconds" in "controls"?)'),
        ("", "idle_seconds", 'cannot stand in an entry (move it into "controls")'),
        ("top", "background", 'cannot stand at the top level (move it into an entry or into "fac'),
        ("foreground", "repeats", "cannot stand in a foreground (move it to the top level or into"),
        ("foreground", "seed", 'cannot stand in a foreground (that of a training stands in "hyper'),
        ("factors", "dropout", "unknown factor (a hyperparameter with several values is {"),
        ("factors", "intensities", 'unknown key (did you mean "intensity"?)'),
    ],
)
def test_a_key_that_cannot_stand_there_is_an_error_with_the_nearest(
    tmp_path: Path, place: str, key: str, message: str
) -> None:
    holders = {name: {} for name in ("controls", "validity", "factors")} | PAIR
    top = {key: 1} if place == "top" else {}
    entry = PAIR | ({place: holders[place] | {key: 1}} if place in holders else {})
    [(path, found)] = errors(tmp_path, entry | ({key: 1} if not place else {}), **top)
    where = {"": f"experiments[0].{key}", "top": key}
    assert path == where.get(place, f"experiments[0].{place}.{key}")
    assert found.startswith(message)


def test_a_drawn_value_of_a_background_is_refused_once(tmp_path: Path) -> None:
    values = {"a": {"draw": True}, "b": 1}
    whole = load(tmp_path, ALONE | {"background": LOAD | {"hyperparameters": values}})
    assert len(whole.problems) == 1
    [[background]] = [level.backgrounds for level in whole.designs[0].backgrounds]
    assert background.training.hyperparameters == {"b": 1}


def with_values(**values: Any) -> dict[str, Any]:
    return {"foreground": SOURCE | {"hyperparameters": values}}


def with_factors(**factors: Any) -> dict[str, Any]:
    return {"foreground": SOURCE, "factors": factors}


HALF = LOAD | {"intensity": 0.5}
NO_BACKGROUND = "no effect: there is no background (remove it, or add one)"
SOME_FORM = 'must have one of "values", "range" and "draw", not '
FORMS = ' ({"values": [...]} compares several, {"draw": true} draws one)'
KINDS = "must be a number or text or true or false"


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        (
            with_values(a=[1, 2]),
            "foreground.hyperparameters.a",
            f"{KINDS} or an object, not a list{FORMS}",
        ),
        (
            with_values(a=None),
            "foreground.hyperparameters.a",
            f"{KINDS} or an object, not null{FORMS}",
        ),
        (with_values(a={}), "foreground.hyperparameters.a", f"{SOME_FORM}none"),
        (
            with_values(a={"values": [1], "draw": True}),
            "foreground.hyperparameters.a",
            f'{SOME_FORM}"values", "draw"',
        ),
        (
            with_values(a={"value": [1]}),
            "foreground.hyperparameters.a.value",
            'unknown key (did you mean "values"?)',
        ),
        (with_values(a={"values": []}), "foreground.hyperparameters.a.values", "must not be empty"),
        (
            with_values(a={"values": [1, 2, 1.0]}),
            "foreground.hyperparameters.a.values",
            "holds 1 more than once (remove the others)",
        ),
        (
            with_values(a={"values": [[1]]}),
            "foreground.hyperparameters.a.values[0]",
            f"{KINDS}, not a list",
        ),
        (
            with_values(a={"draw": False}),
            "foreground.hyperparameters.a.draw",
            "must be one of true, not false",
        ),
        (
            with_values(a={"range": [2, 1]}),
            "foreground.hyperparameters.a.range",
            "2 must be less than 1 (swap them)",
        ),
        (
            with_values(a={"range": [0, 1], "distribution": "log_uniform"}),
            "foreground.hyperparameters.a.range[0]",
            'must be more than 0 for "log_uniform", not 0',
        ),
        (
            with_values(a={"draw": True, "distribution": "uniform"}),
            "foreground.hyperparameters.a.distribution",
            'no effect without "range" (remove it, or add one)',
        ),
        (
            ALONE | {"background": LOAD | {"hyperparameters": {"a": {"draw": True}}}},
            "background.hyperparameters.a",
            "the values of a background are not drawn"
            ' (write a value, or {"values": [...]} for a background of each)',
        ),
        (
            ALONE | {"background": LOAD | {"intensity": 1, "target_gpu_utilization": 50}},
            "background",
            'one of "intensity" and "target_gpu_utilization" can count (remove the other)',
        ),
        (
            ALONE | {"background": {"repo": "b"}},
            "background",
            '"model" is missing (name a model of the registry)',
        ),
        (
            {"foreground": SOURCE | {"gpus": [0, 0]}},
            "foreground.gpus",
            '"0,0" names a GPU more than once (remove the others)',
        ),
        (
            {"background": LOAD},
            "",
            'has no training to measure (add "foreground": {"repo": ..., "model": ...})',
        ),
        (
            SOURCE | PAIR,
            "repo",
            "this and experiments[0].foreground both give a foreground (remove one)",
        ),
        (
            ALONE | with_factors(foreground=[SOURCE]),
            "factors.foreground",
            "this and experiments[0].foreground both give a foreground (remove one)",
        ),
        (
            PAIR | {"factors": {"background": [LOAD]}},
            "factors.background",
            "this and experiments[0].background both give a background (move that into this list)",
        ),
        (
            SOURCE | {"background": LOAD},
            "repo",
            'beside a background (experiments[0].background) the training stands in "foreground"'
            " (move it in)",
        ),
        (
            with_factors(background=[None, HALF], intensity=[1]),
            "factors.background[1].intensity",
            "this and experiments[0].factors.intensity both give its dose (remove one)",
        ),
        (with_factors(intensity=[1]), "factors.intensity", NO_BACKGROUND),
        (with_factors(background=[None], intensity=[1]), "factors.intensity", NO_BACKGROUND),
        (ALONE | {"controls": {"solo": True}}, "controls.solo", NO_BACKGROUND),
        (ALONE | {"warmup_seconds": 3}, "warmup_seconds", NO_BACKGROUND),
        (ALONE | {"validity": {"min_coverage": 0.5}}, "validity.min_coverage", NO_BACKGROUND),
        (
            with_values(a=1) | {"draws": 2},
            "draws",
            'no effect: no hyperparameter is drawn (remove it, or write {"draw": true} for one)',
        ),
        (
            with_values(seed=1) | {"vary": ["x", "seed"]},
            "vary[1]",
            '"seed" has its values already at experiments[0].foreground.hyperparameters.seed'
            ' (leave one of them out; "vary": [] in an entry varies nothing)',
        ),
        (
            with_values(a={"values": [1]}) | {"exclude": [{"b": 1}]},
            "exclude[0].b",
            '"b" is no factor here (known: "foreground", "background", "intensity", "a")',
        ),
        (
            with_values(a={"values": [1]}) | {"exclude": [{"comment": 1}]},
            "exclude[0]",
            'leaves nothing out (name "foreground", "background", "intensity", "a")',
        ),
        (ALONE | {"repeats": 0}, "repeats", "must be at least 1, not 0"),
        (
            ALONE | {"order": "block"},
            "order",
            'must be one of "blocks", "as_written", not text "block" (did you mean "blocks"?)',
        ),
        (
            ALONE | {"background": "b"},
            "background",
            'must be an object or a list or null, not text "b" (null: the foreground alone)',
        ),
    ],
)
def test_what_is_wrong_in_an_entry(
    tmp_path: Path, entry: dict[str, Any], path: str, message: str
) -> None:
    where = f"experiments[0].{path}" if path else "experiments[0]"
    assert errors(tmp_path, entry) == [(where, message)]


OWN = "no effect: every entry has its own (remove it)"


@pytest.mark.parametrize(
    ("top", "entries", "path", "message"),
    [
        ({"repeats": 2}, [ALONE | {"repeats": 3}], "repeats", OWN),
        (
            {"controls": {"idle_seconds": 1}},
            [ALONE | {"controls": {"idle_seconds": 0}}],
            "controls.idle_seconds",
            OWN,
        ),
        ({"factors": {"background": [LOAD]}}, [PAIR, PAIR], "factors.background", OWN),
        ({"factors": {"foreground": [SOURCE]}}, [PAIR, SOURCE], "factors.foreground", OWN),
        ({"controls": {"solo": True}}, [ALONE, SOURCE], "controls.solo", NO_BACKGROUND),
        ({"factors": {"intensity": [1]}}, [ALONE], "factors.intensity", NO_BACKGROUND),
        (
            {"restart_delay_seconds": 1},
            [ALONE | {"background": [LOAD | {"restart_delay_seconds": 0}]}, ALONE],
            "restart_delay_seconds",
            "no effect: every background has its own (remove it)",
        ),
        ({"draws": 2}, [ALONE], "draws", "no effect: no hyperparameter is drawn (remove it, "),
        ({"exclude": [{"a": 1}]}, [ALONE], "exclude[0].a", '"a" is no factor here (known: '),
        ({"historical_csvs": "x"}, [ALONE], "historical_csvs", "not read: values in it may"),
        ({"use_deduplication": True}, [ALONE], "use_deduplication", "no effect: "),
        ({"governor": "perfomance"}, [ALONE], "governor", '"perfomance" is no governor'),
        (
            {"factors": {"background": [None, LOAD]}},
            [SOURCE],
            "experiments[0].repo",
            'beside a background (factors.background) the training stands in "foreground"',
        ),
        ({"repeats": 2}, [], "", '"experiments" is missing (add it)'),
    ],
)
def test_what_the_top_level_asks_for_in_vain(
    tmp_path: Path, top: dict[str, Any], entries: list[Any], path: str, message: str
) -> None:
    [(where, found)] = errors(tmp_path, *entries, **top)
    assert where == path
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("top", "entries"),
    [
        ({"repeats": 2}, [ALONE | {"repeats": 3}, ALONE]),
        ({"draws": 2, "vary": ["seed"]}, [with_values(a={"draw": True}), ALONE]),
        ({"draws": 1, "controls": {"solo": False, "background_seconds": 0}}, [ALONE]),
        ({"vary": ["seed"]}, [with_values(seed=1) | {"vary": []}, ALONE]),
        ({"controls": {"solo": True}, "warmup_seconds": 2}, [ALONE, PAIR]),
        ({"exclude": [{"a": 1}]}, [with_values(a={"values": [1, 2]}), ALONE]),
        ({"factors": {"background": [None, LOAD], "intensity": [1]}}, [ALONE, PAIR]),
    ],
)
def test_what_counts_for_any_entry_is_not_in_vain(
    tmp_path: Path, top: dict[str, Any], entries: list[Any]
) -> None:
    assert errors(tmp_path, *entries, **top) == []


def test_all_errors_are_told_at_once_and_nothing_follows_from_them(tmp_path: Path) -> None:
    first = PAIR | {"mode": "default", "repeats": "3", "factors": {"intensity": [2]}, "draws": 5}
    second = {"foreground": {"model": "m"}, "background": LOAD | {"gpus": "0,0"}}
    found = errors(tmp_path, first, "text", second, draws=None)
    assert [(path, message.partition(" (")[0]) for path, message in sorted(found)] == [
        ("draws", "must be a whole number, not null"),
        ("experiments[0].factors.intensity[0]", "must be at most 1, not 2"),
        ("experiments[0].mode", f"{NOT}it is not needed"),
        ("experiments[0].repeats", 'must be a whole number, not text "3"'),
        ("experiments[1]", 'must be an object, not text "text"'),
        ("experiments[2].background.gpus", '"0,0" names a GPU more than once'),
        ("experiments[2].foreground", '"repo" is missing'),
    ]


def test_what_is_wrong_in_one_entry_hides_nothing_in_another(tmp_path: Path) -> None:
    found = errors(tmp_path, ALONE | {"repeats": 0}, ALONE | {"draws": 2})
    assert [path for path, _ in found] == ["experiments[0].repeats", "experiments[1].draws"]


def test_more_combinations_than_can_be_planned_are_not_read(tmp_path: Path) -> None:
    factors = {"foreground": [SOURCE] * 400, "background": [None] * 300}
    entries: list[dict[str, Any]] = [{}] * 1000
    message = (
        "more than 100000 foregrounds with backgrounds and conditions, and so many are the most"
    )
    assert errors(tmp_path, *entries, factors=factors) == [
        ("experiments", f"{message} (list fewer)")
    ]


def test_too_many_combinations_of_a_background_are_an_error(tmp_path: Path) -> None:
    values = {name: {"values": list(range(100))} for name in "abc"}
    entry = ALONE | {"background": LOAD | {"hyperparameters": values}}
    message = "makes 1000000 backgrounds, and 10000 are the most (list fewer)"
    assert errors(tmp_path, entry) == [("experiments[0].background", message)]


WHOLE = {
    **{"settings_version": 2, "seed": 1, "draws": 2, "repeats": 2, "vary": ["seed"]},
    "factors": {
        "foreground": [SOURCE],
        "background": [None, LOAD | {"hyperparameters": {"epochs": {"values": [8, 9]}}}, [LOAD]],
        "intensity": [0.5, 1],
    },
    "exclude": [{"dropout": 0.5, "intensity": 1, "background": [LOAD], "foreground": {}}],
    **{"controls": {"solo": True}, "validity": {"min_coverage": 0.9}, "order": "blocks"},
    "experiments": [
        {"comment": "one"},
        with_values(dropout={"values": [0, 0.5]}, learning_rate={"draw": True}),
        {"hyperparameters": {"a": {"range": [1, 2], "distribution": "log_uniform"}}, **SOURCE},
        {"background": [LOAD, HALF], "gpus": [0]},
    ],
}


def places(value: Any, way: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to each value, the outermost first."""
    yield way
    members: Any = value.items() if isinstance(value, dict) else ()
    for key, inner in enumerate(value) if isinstance(value, list) else members:
        yield from places(inner, (*way, key))


KEYS = sorted({str(key) for way in places(WHOLE) for key in way} | {"mode", "_x", "x y", ""})
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
ANYTHING = st.recursive(
    st.sampled_from([None, True, False, "", "auto", "blocks", "f"]) | NUMBERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner),
    max_leaves=8,
)


@given(st.sampled_from(list(places(WHOLE))), st.sampled_from(KEYS), ANYTHING)
@settings(deadline=None, max_examples=100)
def test_whatever_stands_in_a_file_is_read_or_refused_with_sentences(
    tmp_path_factory: pytest.TempPathFactory, way: tuple[str | int, ...], key: str, what: Any
) -> None:
    """Anything in place of any value, or beside it under any key."""
    for beside in (False, True):
        value: Any = {"": copy.deepcopy(WHOLE)}
        holder = reduce(getitem, way, value[""]) if beside else value
        if not beside:
            holder = reduce(getitem, ("", *way)[:-1], value)
            holder[("", *way)[-1]] = what
        elif isinstance(holder, dict):
            holder[key] = what
        path = tmp_path_factory.getbasetemp() / "anything.json"
        path.write_text(json.dumps(value[""]), encoding="utf-8")
        try:
            found = load_settings(path)
        except ProblemsError as error:
            assert all(problem.message for problem in error.problems)
            continue
        assert found.version in (1, 2)
        assert all(problem.message for problem in found.problems)
        assert found.problems or found.designs
