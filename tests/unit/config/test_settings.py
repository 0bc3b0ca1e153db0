"""The settings in all their dialects: what is read, and what is said about it."""

from __future__ import annotations

import hashlib
import json
import os
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest
from tandem.base.errors import UsageError
from tandem.config.entries import Entry, Settings, TrainingEntry
from tandem.config.options import Controls, Dose, Limits, Validity
from tandem.config.problems import ProblemsError
from tandem.config.settings import MAX_ENTRIES, load_settings, settings_from_arguments

SINGLE = {"repo": "r", "model": "m"}
PAIR = {"foreground": {"repo": "f", "model": "m"}, "background": {"repo": "b", "model": "n"}}


def load(folder: Path, entries: Any, **top: Any) -> Settings:
    path = folder / "night.json"
    path.write_text(json.dumps({"experiments": entries} | top), encoding="utf-8")
    return load_settings(path)


def read(folder: Path, entry: dict[str, Any], **top: Any) -> tuple[Entry, list[tuple[str, str]]]:
    """The one entry, and the warnings; nothing may be wrong with it."""
    settings = load(folder, [entry], **top)
    assert {problem.severity for problem in settings.problems} <= {"warning"}
    [only] = settings.entries
    return only, [(problem.path, problem.message) for problem in settings.problems]


def errors(settings: Settings) -> list[tuple[str, str]]:
    return [(it.path, it.message) for it in settings.problems if it.severity == "error"]


def drawn(training: TrainingEntry) -> Any:
    """The names to draw and their places, None for all."""
    return None if training.draws_all else training.mutate


def test_what_is_not_given(tmp_path: Path) -> None:
    entry, warnings = read(tmp_path, SINGLE)
    assert warnings == []
    assert (entry.path, entry.source, entry.backgrounds) == ("experiments[0]", SINGLE, ())
    assert (entry.foreground.mode, drawn(entry.foreground)) == ("mutation", None)
    assert entry.foreground.hyperparameters == {}
    assert (entry.runs, entry.limits.max_retries, entry.limits.timeout_s) == (1, 2, None)
    assert (entry.limits.warmup_s, entry.limits.ready_timeout_s) == (5, 60)
    assert (entry.limits.grace_s, entry.foreground.gpus) == (10, None)
    assert entry.controls == Controls(idle_s=0, background_s=0, solo=False, order="alternate")
    assert entry.validity == Validity(
        min_coverage=0.95,
        min_sampling_coverage=0.5,
        min_background_sm_percent=0,
        max_strangers_sm_percent=0,
        max_strangers_memory_mib=0,
    )


def test_name_and_seed(tmp_path: Path) -> None:
    settings = load(tmp_path, [SINGLE], experiment_name="a b", seed=7.0)
    assert (settings.name, settings.seed, settings.file) == ("a b", 7, tmp_path / "night.json")
    without = load(tmp_path, [SINGLE], session_name="old")
    assert (without.name, without.seed) == ("night", None)
    [problem] = without.problems
    assert problem.path == "session_name"
    assert problem.message == 'unknown key, ignored (did you mean "experiment_name"?)'


@pytest.mark.parametrize(
    ("key", "field"),
    [
        ("runs_per_config", "runs"),
        ("max_retries", "limits.max_retries"),
        ("timeout_seconds", "limits.timeout_s"),
    ],
)
def test_an_entry_counts_before_its_foreground_and_that_before_the_top(
    tmp_path: Path, key: str, field: str
) -> None:
    of = attrgetter(field)
    foreground = PAIR["foreground"] | {key: 2}
    inner = PAIR | {"mode": "parallel", "foreground": foreground}
    assert of(read(tmp_path, inner | {key: 1}, **{key: 3})[0]) == 1
    assert of(read(tmp_path, inner, **{key: 3})[0]) == 2
    assert of(read(tmp_path, PAIR | {"mode": "parallel"}, **{key: 3})[0]) == 3


def test_times_are_read(tmp_path: Path) -> None:
    top = {"warmup_seconds": 1, "ready_timeout_seconds": 2}
    entry, _ = read(tmp_path, SINGLE | {"grace_seconds": 0.5}, **top)
    assert entry.limits == Limits(warmup_s=1.0, ready_timeout_s=2.0, grace_s=0.5)


def test_controls_and_validity_of_the_entry_count_key_by_key(tmp_path: Path) -> None:
    pair = PAIR | {"mode": "parallel"}
    top = {
        "controls": {"idle_seconds": 60, "solo": True, "order": "solo_first", "comment": "x"},
        "validity": {"min_coverage": 0.5, "max_strangers_memory_mib": 200},
    }
    own = {
        "controls": {"background_seconds": 1, "solo": False, "order": "parallel_first", "_x": 1},
        "validity": {"min_coverage": 0, "min_sampling_coverage": 0.5, "note": "x"},
    }
    inherited, warnings = read(tmp_path, pair, **top)
    assert inherited.controls == Controls(idle_s=60, solo=True, order="solo_first")
    assert inherited.validity == Validity(min_coverage=0.5, max_strangers_memory_mib=200)
    assert warnings == []
    alone, _ = read(tmp_path, pair | own)
    assert alone.controls == Controls(background_s=1, order="parallel_first")
    assert alone.validity == Validity(min_coverage=0, min_sampling_coverage=0.5)
    both, warnings = read(tmp_path, pair | own, **top)
    assert both.controls == Controls(idle_s=60, background_s=1, solo=False, order="parallel_first")
    assert both.validity == Validity(0, 0.5, max_strangers_memory_mib=200)
    assert warnings == []


def test_every_threshold_is_read_by_its_name(tmp_path: Path) -> None:
    given = {
        "min_coverage": 0.1,
        "min_sampling_coverage": 0.2,
        "min_background_sm_percent": 3,
        "max_strangers_sm_percent": 4,
        "max_strangers_memory_mib": 5,
        "max_others_cpu_percent": 6,
        "max_throttled_percent": 7,
    }
    entry, _ = read(tmp_path, SINGLE | {"validity": given})
    assert vars(entry.validity) == given
    assert all(isinstance(value, float) for value in vars(entry.validity).values())


def test_controls_are_not_asked_for_in_a_foreground(tmp_path: Path) -> None:
    foreground = PAIR["foreground"] | {"controls": {"solo": True}, "validity": 5}
    entry, warnings = read(tmp_path, PAIR | {"mode": "parallel", "foreground": foreground})
    assert (entry.controls, entry.validity) == (Controls(), Validity())
    assert warnings == [
        (f"experiments[0].foreground.{key}", "no effect in this place (foreground), ignored")
        for key in ("controls", "validity")
    ]


def test_controls_without_any_background_are_said_to_have_no_effect(tmp_path: Path) -> None:
    asked = {"controls": {"idle_seconds": 1, "background_seconds": 1, "solo": True}}
    message = "no effect: there is no background"
    entry, warnings = read(tmp_path, SINGLE | asked)
    assert entry.controls.idle_s == 1
    assert warnings == [
        (f"experiments[0].controls.{key}", message) for key in ("background_seconds", "solo")
    ]
    _, warnings = read(tmp_path, SINGLE, **asked)
    assert warnings == [(f"controls.{key}", message) for key in ("background_seconds", "solo")]
    pair = PAIR | {"mode": "parallel"}
    assert load(tmp_path, [SINGLE, pair], **asked).problems == ()
    broken = load(tmp_path, [SINGLE, pair | {"foreground": 1}], **asked)
    assert {problem.severity for problem in broken.problems} == {"error"}
    nothing = SINGLE | {"controls": {"background_seconds": 0, "solo": False}}
    assert read(tmp_path, nothing)[1] == []


def test_unknown_keys_of_controls_and_validity(tmp_path: Path) -> None:
    controls = {"idle_second": 1, "pause": 1, "min_coverage": 1, "seed": 1}
    entry = PAIR | {"mode": "parallel", "controls": controls, "idle_seconds": 60}
    found, warnings = read(tmp_path, entry, validity={"min_coverag": 1, "solo": True}, control={})
    assert (found.controls, found.validity) == (Controls(), Validity())
    assert warnings == [
        ("validity.min_coverag", 'unknown key, ignored (did you mean "min_coverage"?)'),
        ("validity.solo", 'no effect in this place, ignored (move it into "controls")'),
        ("control", 'unknown key, ignored (did you mean "controls"?)'),
        (
            "experiments[0].controls.idle_second",
            'unknown key, ignored (did you mean "idle_seconds"?)',
        ),
        (
            "experiments[0].controls.pause",
            'unknown key, ignored (known: "idle_seconds", "idle_context_seconds",'
            ' "background_seconds", "solo", "order")',
        ),
        (
            "experiments[0].controls.min_coverage",
            'no effect in this place, ignored (move it into "validity")',
        ),
        ("experiments[0].controls.seed", "no effect in this place (controls), ignored"),
        (
            "experiments[0].idle_seconds",
            'no effect in this place, ignored (move it into "controls")',
        ),
    ]


@pytest.mark.parametrize(
    ("mutate", "expected"),
    [
        (["all"], None),
        (["a", "all"], None),
        (["b", "a"], {"b": "experiments[0].mutate[0]", "a": "experiments[0].mutate[1]"}),
        ({"a": {}, "comment": "x"}, {"a": "experiments[0].mutate.a"}),
    ],
)
def test_names_to_draw(tmp_path: Path, mutate: Any, expected: Any) -> None:
    entry, warnings = read(tmp_path, SINGLE | {"mutate": mutate})
    assert drawn(entry.foreground) == expected
    assert warnings == []


def test_names_beside_all_are_kept(tmp_path: Path) -> None:
    entry, _ = read(tmp_path, SINGLE | {"mutate": ["all", "a"]})
    assert entry.foreground.mutate == {"a": "experiments[0].mutate[1]"}


@pytest.mark.parametrize("value", [[0.1, 0.2], {"min": 1}, 0, False])
def test_values_beside_the_names_are_said_to_be_not_read(tmp_path: Path, value: Any) -> None:
    entry, warnings = read(tmp_path, SINGLE | {"mutate": {"a": value, "b": {}, "note": 1}})
    assert list(entry.foreground.mutate) == ["a", "b"]
    message = 'the values beside the names are not read: draws "a", "b" from the registry\'s range'
    assert warnings == [("experiments[0].mutate", message)]


def test_no_names_at_all_are_said_to_be_every_one(tmp_path: Path) -> None:
    entry, warnings = read(tmp_path, SINGLE | {"mutate": []})
    assert entry.foreground.draws_all
    message = "names nothing: draws every supported hyperparameter"
    assert warnings == [("experiments[0].mutate", message)]


def test_parallel_by_its_own_mode_or_by_the_top_levels(tmp_path: Path) -> None:
    own, _ = read(tmp_path, PAIR | {"mode": "parallel", "repo": "placeholder", "model": "x"})
    inherited, _ = read(tmp_path, PAIR, mode="parallel")
    for entry in (own, inherited):
        assert entry.foreground.path == "experiments[0].foreground"
        assert (entry.foreground.repo, entry.foreground.mode) == ("f", "mutation")
        [background] = entry.backgrounds
        assert (background.training.repo, background.training.mode) == ("b", "default")
        assert background.training.hyperparameters == {}
        assert background.dose == Dose()


LOAD = PAIR["background"]


def with_loads(*loads: Any, **more: Any) -> dict[str, Any]:
    return {"mode": "parallel", "foreground": PAIR["foreground"], "background": [*loads], **more}


def test_several_backgrounds_keep_their_order(tmp_path: Path) -> None:
    own = LOAD | {"repo": "c", "hyperparameters": {"epochs": 3}, "max_rounds": 2}
    entry, warnings = read(tmp_path, with_loads(LOAD, own, LOAD))
    assert warnings == []
    assert [each.training.repo for each in entry.backgrounds] == ["b", "c", "b"]
    assert [each.training.path for each in entry.backgrounds] == [
        f"experiments[0].background[{number}]" for number in range(3)
    ]
    assert [each.training.hyperparameters for each in entry.backgrounds] == [{}, {"epochs": 3}, {}]
    assert [each.dose.max_rounds for each in entry.backgrounds] == [None, 2, None]


def test_a_list_of_one_is_one(tmp_path: Path) -> None:
    entry, _ = read(tmp_path, with_loads(LOAD))
    [background] = entry.backgrounds
    assert (background.training.repo, background.dose) == ("b", Dose())


def test_what_is_wrong_in_a_list_is_named_by_its_place(tmp_path: Path) -> None:
    second = {"model": "n", "intensity": 1.5, "mode": "mutation", "colour": 1}
    settings = load(tmp_path, [with_loads(LOAD, second), with_loads(LOAD, LOAD | {"repo": 3})])
    assert [(it.severity, it.path, it.message) for it in settings.problems] == [
        ("error", "experiments[0].background[1].intensity", "must be at most 1, not 1.5"),
        ("error", "experiments[1].background[1].repo", "must be text, not 3"),
        ("warning", "experiments[0].background[1].colour", "unknown key, ignored"),
        (
            *("warning", "experiments[0].background[1].mode"),
            "no effect: a background runs with the values given",
        ),
        (
            *("error", "experiments[0].background[1]"),
            '"repo" is missing (name a repository of the registry)',
        ),
    ]


@pytest.mark.parametrize(
    ("background", "path", "message"),
    [
        ([], "", "must not be empty"),
        ([LOAD, 3], "[1]", "must be an object, not 3"),
        ([[LOAD]], "[0]", "must be an object, not a list"),
        ("b", "", 'must be an object or a list, not text "b"'),
        (
            [LOAD, LOAD | {"intensity": 0.5, "target_gpu_utilization": 50}],
            "[1]",
            'one of "intensity" and "target_gpu_utilization" can count (remove the other)',
        ),
        (
            LOAD | {"gpu_memory_mib": 100, "gpu_memory_fraction": 0.5},
            "",
            'one of "gpu_memory_mib" and "gpu_memory_fraction" can count (remove the other)',
        ),
        ([LOAD, LOAD | {"max_rounds": 0}], "[1].max_rounds", "must be at least 1, not 0"),
        ([LOAD | {"intensity": 0}], "[0].intensity", "must be at least 0.05, not 0"),
    ],
)
def test_a_background_that_is_none_is_an_error(
    tmp_path: Path, background: Any, path: str, message: str
) -> None:
    settings = load(tmp_path, [PAIR | {"mode": "parallel", "background": background}])
    assert errors(settings) == [(f"experiments[0].background{path}", message)]


def test_the_dose_of_a_background(tmp_path: Path) -> None:
    held = {"intensity": 0.5, "gpu_memory_mib": 900, "max_rounds": 7, "restart_delay_seconds": 0}
    share = {"target_gpu_utilization": 40, "gpu_memory_fraction": 0.25}
    entry, warnings = read(tmp_path, with_loads(LOAD | held, LOAD | share))
    assert warnings == []
    assert [each.dose for each in entry.backgrounds] == [
        Dose(restart_delay_s=0, max_rounds=7, intensity=0.5, gpu_memory_mib=900),
        Dose(target_sm_percent=40, gpu_memory_fraction=0.25),
    ]


def test_a_backgrounds_own_pause_counts_before_the_outer_ones(tmp_path: Path) -> None:
    delay = "restart_delay_seconds"
    entry = with_loads(LOAD | {delay: 1}, LOAD)
    for outer, top, expected in ((None, None, 0.1), (None, 3, 3), (2, 3, 2), (0, 3, 0)):
        levels = entry if outer is None else entry | {delay: outer}
        found, _ = read(tmp_path, levels, **({} if top is None else {delay: top}))
        assert [each.dose.restart_delay_s for each in found.backgrounds] == [1, expected]


@pytest.mark.parametrize(
    ("gpus", "visible"),
    [(0, "0"), (1.0, "1"), ("GPU-ab1,2", "GPU-ab1,2"), ([1, "GPU-ab1", 0.0], "1,GPU-ab1,0")],
)
def test_gpus_are_those_of_one_training(tmp_path: Path, gpus: Any, visible: str) -> None:
    entry, warnings = read(tmp_path, with_loads(LOAD, LOAD | {"gpus": gpus}))
    assert [each.training.gpus for each in entry.backgrounds] == [None, visible]
    assert (entry.foreground.gpus, warnings) == (None, [])
    single, _ = read(tmp_path, SINGLE | {"gpus": gpus})
    assert single.foreground.gpus == visible


def test_gpus_beside_a_foreground_have_no_effect(tmp_path: Path) -> None:
    entry, warnings = read(tmp_path, with_loads(LOAD, gpus=0))
    assert (entry.foreground.gpus, entry.backgrounds[0].training.gpus) == (None, None)
    message = 'no effect beside a foreground (move it into "foreground")'
    assert warnings == [("experiments[0].gpus", message)]


@pytest.mark.parametrize(
    "gpus",
    [
        *([], "", "a b", "0\n", -1, True, None, [True], [0, "0,1"], {}, 0.5),
        *("0,,7", ",0", "0,", [0, 0], [0, "0"], [1.0, 0, 1], "GPU-a,GPU-a"),
    ],
)
def test_gpus_that_are_none_are_an_error(tmp_path: Path, gpus: Any) -> None:
    settings = load(tmp_path, [with_loads(LOAD | {"gpus": gpus})])
    [(path, message)] = errors(settings)
    assert path.startswith("experiments[0].background[0].gpus")
    assert "^" not in message, "a regular expression is nothing for a reader"


def test_gpus_that_cannot_be_read_say_how_they_are_written(tmp_path: Path) -> None:
    [(_, message)] = errors(load(tmp_path, [with_loads(LOAD | {"gpus": "0;1"})]))
    assert message == (
        '"0;1" cannot be read (write a number or a UUID, or a list of them: 0, "GPU-...", '
        '"MIG-...", [0, 1])'
    )


@pytest.mark.parametrize("mode", [None, "mutation", "default", "mixed", "batch", "nonparallel"])
@pytest.mark.parametrize("top", [None, "mutation", "default", "mixed"])
def test_without_mode_parallel_nothing_has_a_background(
    tmp_path: Path, mode: str | None, top: str | None
) -> None:
    modes = {"mode": mode} if mode else {}
    above = {"mode": top} if top else {}
    settings = load(tmp_path, [SINGLE | modes, PAIR | SINGLE | modes], **above)
    assert [entry.backgrounds for entry in settings.entries] == [()]
    [(path, message)] = errors(settings)
    assert path == "experiments[1]"
    assert message.startswith("has a foreground and a background, but its mode is ")


def test_an_entrys_own_mode_counts_before_the_top_levels(tmp_path: Path) -> None:
    entry, warnings = read(tmp_path, SINGLE | {"mode": "default"}, mode="parallel")
    assert (entry.foreground.mode, entry.backgrounds, warnings) == ("default", (), [])
    settings = load(tmp_path, [PAIR | {"mode": "nonparallel"}], mode="parallel")
    assert [path for path, _ in errors(settings)] == ["experiments[0]"]


@pytest.mark.parametrize(
    ("entry", "top", "sentence"),
    [
        ({"mode": "parallel"} | SINGLE, {}, '"foreground" is missing'),
        (SINGLE, {"mode": "parallel"}, 'the top level\'s mode is "parallel", but'),
        (SINGLE, {"mode": "parallel"}, "this has no foreground and no background (add them"),
        (
            {"foregound": {}, "background": PAIR["background"]},
            {"mode": "parallel"},
            "this has no foreground (add it",
        ),
        ({"model": "m"}, {}, '"repo" is missing'),
        ({"repo": "r", "modle": "m"}, {}, '"model" is missing'),
        (PAIR | {"mode": "parallel", "background": {"repo": "b"}}, {}, '"model" is missing'),
        ({"reop": "r"}, {}, '"repo" is missing'),
    ],
)
def test_entries_that_lack_something(
    tmp_path: Path, entry: dict[str, Any], top: dict[str, Any], sentence: str
) -> None:
    settings = load(tmp_path, [entry], **top)
    assert any(sentence in message for _, message in errors(settings))
    assert all(path.startswith("experiments[0]") for path, _ in errors(settings))


@pytest.mark.parametrize("mode", ["mixed", "batch", "nonparallel"])
def test_other_words_for_mutation_warn_where_they_stand(tmp_path: Path, mode: str) -> None:
    message = f'"{mode}" is read as "mutation": values are drawn'
    own, warnings = read(tmp_path, SINGLE | {"mode": mode})
    assert (own.foreground.mode, warnings) == ("mutation", [("experiments[0].mode", message)])
    inherited, warnings = read(tmp_path, SINGLE, mode=mode)
    assert (inherited.foreground.mode, warnings) == ("mutation", [("mode", message)])
    assert read(tmp_path, SINGLE | {"mode": "default"}, mode=mode)[1] == []
    both = load(tmp_path, [SINGLE, {"comment": "x"}, SINGLE], mode=mode)
    assert [problem.path for problem in both.problems] == ["mode"]
    inside = PAIR | {"mode": "parallel", "foreground": PAIR["foreground"] | {"mode": mode}}
    assert read(tmp_path, inside)[1] == [("experiments[0].foreground.mode", message)]


@pytest.mark.parametrize(
    ("entry", "path", "message"),
    [
        ({"repository": "r", "model": "m"}, "repository", 'read as "repo": "r"'),
        (SINGLE | {"mutate_params": ["a"]}, "mutate_params", 'read as "mutate": draws "a"'),
        (
            SINGLE | {"mutate_params": {}},
            "mutate_params",
            'read as "mutate": draws every supported hyperparameter',
        ),
        (
            SINGLE | {"mutate_params": {"a": {"min": 1}}},
            "mutate_params",
            'read as "mutate": draws "a" from the registry\'s range',
        ),
        (SINGLE | {"num_mutations": 3}, "num_mutations", 'read as "runs_per_config": 3 runs'),
        (SINGLE | {"num_mutations": 1}, "num_mutations", 'read as "runs_per_config": 1 run'),
        (SINGLE | {"timeout": 60}, "timeout", 'read as "timeout_seconds": 60 s'),
        (
            SINGLE | {"mode": "default", "fixed_hyperparams": {"a": 1}},
            "fixed_hyperparams",
            'read as "hyperparameters": passes "a"',
        ),
        (
            SINGLE | {"fixed_hyperparams": {"a": 1}},
            "fixed_hyperparams",
            'read as "hyperparameters": IGNORED: mutation mode passes only drawn values'
            ' ("mode": "default" passes given ones)',
        ),
    ],
)
def test_an_alias_is_read_with_a_warning(
    tmp_path: Path, entry: dict[str, Any], path: str, message: str
) -> None:
    found, warnings = read(tmp_path, entry)
    assert warnings == [(f"experiments[0].{path}", message)]
    assert found.foreground.repo == "r"
    assert found.runs == entry.get("num_mutations", 1)
    assert found.limits.timeout_s == entry.get("timeout")
    assert found.foreground.hyperparameters == entry.get("fixed_hyperparams", {})
    assert drawn(found.foreground) == ({"a": _place(entry)} if 'draws "a"' in message else None)


def _place(entry: dict[str, Any]) -> str:
    listed = isinstance(entry["mutate_params"], list)
    return "experiments[0].mutate_params" + ("[0]" if listed else ".a")


def test_an_alias_never_overrides_the_real_key_at_any_level(tmp_path: Path) -> None:
    aliases = {"num_mutations": 5, "timeout": 60, "mutate_params": ["a"], "repository": "x"}
    real = {"timeout_seconds": 30, "mutate": ["b"]}
    entry, warnings = read(tmp_path, SINGLE | aliases | real, runs_per_config=2)
    assert (entry.runs, entry.limits.timeout_s, entry.foreground.repo) == (2, 30, "r")
    assert list(entry.foreground.mutate) == ["b"]
    assert sorted(warnings) == [
        ("experiments[0].mutate_params", 'not read, because "mutate" is given: draws "b"'),
        ("experiments[0].num_mutations", 'not read, because "runs_per_config" is given: 2 runs'),
        ("experiments[0].repository", 'not read, because "repo" is given: "r"'),
        ("experiments[0].timeout", 'not read, because "timeout_seconds" is given: 30 s'),
    ]


def test_aliases_in_a_foreground_and_at_the_top(tmp_path: Path) -> None:
    foreground = {"repository": "f", "model": "m", "num_mutations": 4}
    entry, warnings = read(
        tmp_path, PAIR | {"mode": "parallel", "foreground": foreground}, timeout=60
    )
    assert (entry.foreground.repo, entry.runs, entry.limits.timeout_s) == ("f", 4, 60)
    assert entry.foreground.places["repo"] == "experiments[0].foreground.repository"
    assert sorted(path for path, _ in warnings) == [
        "experiments[0].foreground.num_mutations",
        "experiments[0].foreground.repository",
        "timeout",
    ]


def test_values_given_where_values_are_drawn_and_the_other_way_round(tmp_path: Path) -> None:
    _, warnings = read(tmp_path, SINGLE | {"hyperparameters": {"a": 1}})
    assert warnings[0][0] == "experiments[0].hyperparameters"
    assert warnings[0][1].startswith("IGNORED: mutation mode passes only drawn values")
    _, warnings = read(tmp_path, SINGLE | {"mode": "default", "mutate": ["a"]})
    message = 'nothing is drawn, because the mode is "default"'
    assert warnings == [("experiments[0].mutate", message)]


def test_what_has_no_effect_in_a_parallel_entry_is_said(tmp_path: Path) -> None:
    background = PAIR["background"] | {"mode": "mutation", "mutate": ["a"], "runs_per_config": 3}
    entry = PAIR | {"mode": "parallel", "mutate": ["a"], "hyperparameters": {}, "mutate_params": {}}
    _, warnings = read(tmp_path, entry | {"background": background})
    assert sorted(path for path, _ in warnings) == [
        "experiments[0].background.mode",
        "experiments[0].background.mutate",
        "experiments[0].background.runs_per_config",
        "experiments[0].mutate",
    ]


def test_empty_aliases_in_a_background_are_no_news(tmp_path: Path) -> None:
    background = PAIR["background"] | {"mode": "default", "mutate_params": {}}
    assert read(tmp_path, PAIR | {"mode": "parallel", "background": background})[1] == []


def test_separators_and_annotations_are_silent(tmp_path: Path) -> None:
    entries = [
        {"comment": "part 1", "_x": 1},
        SINGLE | {"note": "x", "description": [], "notes": {}, "comment2": 1, "_todo": 1},
        {},
    ]
    settings = load(tmp_path, entries, notes=["a"], _version=1, description="d")
    assert settings.problems == ()
    assert [entry.path for entry in settings.entries] == ["experiments[1]"]


def test_a_separator_with_other_keys_is_one_but_says_so(tmp_path: Path) -> None:
    settings = load(tmp_path, [{"comment": "x", "estimated_time_hours": 5}, SINGLE])
    assert [(it.severity, it.path) for it in settings.problems] == [
        ("warning", "experiments[0].estimated_time_hours"),
        ("warning", "experiments[0]"),
    ]
    assert len(settings.entries) == 1


def test_unknown_keys_warn_with_the_nearest_known_name(tmp_path: Path) -> None:
    entry = SINGLE | {"hyperparamters": {}, "experiment_id": 3, "experiment_type": "x", "seed": 1}
    _, warnings = read(tmp_path, entry, run_per_config=2, version=1)
    assert warnings == [
        ("run_per_config", 'unknown key, ignored (did you mean "runs_per_config"?)'),
        ("version", "unknown key, ignored"),
        (
            "experiments[0].hyperparamters",
            'unknown key, ignored (did you mean "hyperparameters"?)',
        ),
        ("experiments[0].experiment_id", "unknown key, ignored"),
        (
            "experiments[0].experiment_type",
            'unknown key, ignored: the mode is "mutation" (did you mean "mode"?)',
        ),
        ("experiments[0].seed", "no effect in this place (entry), ignored"),
    ]


@pytest.mark.parametrize(
    ("mode", "counts"),
    [("default", "default"), ("nonparallel", "mutation"), ("parallel", "parallel")],
)
def test_a_key_that_means_the_mode_says_which_one_counts(
    tmp_path: Path, mode: str, counts: str
) -> None:
    inside = PAIR["foreground"] | {"mutation_type": "mutation", "mode": "default"}
    base = PAIR | {"foreground": inside} if mode == "parallel" else SINGLE
    _, warnings = read(tmp_path, base | {"mode": mode, "mutation_type": "x"})
    said = [it for it in warnings if it[0].endswith("mutation_type")]
    message = 'unknown key, ignored: the mode is "{}" (did you mean "mode"?)'
    assert said[0] == ("experiments[0].mutation_type", message.format(counts))
    if mode == "parallel":
        place = "experiments[0].foreground.mutation_type"
        assert said[1:] == [(place, message.format("default"))]


def test_keys_inside_an_unknown_one_are_named_because_they_are_lost(tmp_path: Path) -> None:
    inner = {"runs_per_config": 5, "use_deduplication": False, "description": "x", "hours": 1}
    entry, warnings = read(
        tmp_path, SINGLE, global_settings=inner, merge_info={"part": {"seed": 1}}
    )
    assert entry.runs == 1
    assert warnings == [
        (
            "global_settings",
            "unknown key, ignored with all that is in it"
            ' (move "runs_per_config", "use_deduplication" out of it)',
        ),
        ("merge_info", "unknown key, ignored"),
    ]


def test_no_key_is_suggested_that_is_given_or_does_nothing(tmp_path: Path) -> None:
    given = {
        "use_deduplication": False,
        "target_experiments": 1,
        "deduplication": {"enabled": True},
    }
    _, warnings = read(tmp_path, SINGLE, estimated_experiments=1, **given)
    assert [message for _, message in warnings] == ["unknown key, ignored"] * 3
    _, warnings = read(tmp_path, SINGLE, deduplication=True)
    assert warnings[0][1] == 'unknown key, ignored (did you mean "use_deduplication"?)'


def test_what_this_version_does_not_do_is_said_only_where_it_was_asked_for(tmp_path: Path) -> None:
    asked = {"cleanup_gpu_memory": True, "cleanup_between_experiments": True}
    _, warnings = read(tmp_path, SINGLE, **asked)
    assert [path for path, _ in warnings] == list(asked)
    assert all(message.startswith("not applied by this version") for _, message in warnings)
    assert read(tmp_path, SINGLE, **dict.fromkeys(asked, False))[1] == []


@pytest.mark.parametrize(
    ("given", "governor", "message"),
    [
        ("performance", "performance", None),
        (None, None, None),
        ("", None, None),
        ("perfomance", "perfomance", '(did you mean "performance"?)'),
        ("fast", "fast", '"fast" is no governor of the kernel (known: "performance", '),
    ],
)
def test_the_governor(
    tmp_path: Path, given: str | None, governor: str | None, message: str | None
) -> None:
    settings = load(tmp_path, [SINGLE], governor=given)
    assert settings.governor == governor
    assert [it.path for it in settings.problems] == (["governor"] if message else [])
    assert all(message in it.message for it in settings.problems if message)
    assert load(tmp_path, [SINGLE]).governor is None
    assert errors(load(tmp_path, [SINGLE], governor=1)) == [
        ("governor", "must be text or null, not 1")
    ]


def test_the_cooldown_of_the_entry_counts_before_the_top_levels(tmp_path: Path) -> None:
    assert read(tmp_path, SINGLE)[0].limits.cooldown_s is None
    assert read(tmp_path, SINGLE, cooldown_seconds=90)[0].limits.cooldown_s == 90.0
    own, warnings = read(tmp_path, SINGLE | {"cooldown_seconds": 0}, cooldown_seconds=90)
    assert (own.limits.cooldown_s, warnings) == (0.0, [])
    foreground = PAIR["foreground"] | {"cooldown_seconds": 1}
    inside, warnings = read(tmp_path, PAIR | {"mode": "parallel", "foreground": foreground})
    assert inside.limits.cooldown_s is None
    message = "no effect in this place (foreground), ignored"
    assert warnings == [("experiments[0].foreground.cooldown_seconds", message)]
    wrong = load(tmp_path, [SINGLE | {"cooldown_seconds": -1}])
    assert errors(wrong) == [("experiments[0].cooldown_seconds", "must be at least 0, not -1")]


@pytest.mark.parametrize(
    ("given", "tables"),
    [
        (["a.csv", "b.csv"], {"historical_csvs[0]": "a.csv", "historical_csvs[1]": "b.csv"}),
        ("a.csv", {"historical_csvs": "a.csv"}),
    ],
)
def test_tables_count_only_where_they_are_asked_for(
    tmp_path: Path, given: Any, tables: dict[str, str]
) -> None:
    asked = load(tmp_path, [SINGLE], historical_csvs=given, use_deduplication=True)
    assert (asked.tables, asked.problems) == (tables, ())
    for switch in ({}, {"use_deduplication": False}):
        unasked = load(tmp_path, [SINGLE], historical_csvs=given, **switch)
        assert unasked.tables == {}
        [problem] = unasked.problems
        assert (problem.severity, problem.path) == ("warning", "historical_csvs")
        assert problem.message.startswith("not read: values in it may be drawn again")


@pytest.mark.parametrize("tables", [{}, {"historical_csvs": []}, {"historical_csvs": ""}])
def test_deduplication_without_tables_is_said_to_have_no_effect(
    tmp_path: Path, tables: dict[str, Any]
) -> None:
    _, warnings = read(tmp_path, SINGLE, use_deduplication=True, **tables)
    message = 'no effect: "historical_csvs" names no table'
    assert warnings == [("use_deduplication", message)]
    assert read(tmp_path, SINGLE, use_deduplication=False, **tables)[1] == []


def test_the_digest_is_that_of_the_file(tmp_path: Path) -> None:
    settings = load(tmp_path, [SINGLE])
    assert settings.file
    assert settings.sha256 == hashlib.sha256(settings.file.read_bytes()).hexdigest()
    assert settings_from_arguments("r", "m", None, 1).sha256 is None


def test_a_pipe_can_be_read_once_and_has_no_digest() -> None:
    reading, writing = os.pipe()
    os.write(writing, json.dumps({"experiments": [SINGLE]}).encode())
    os.close(writing)
    try:
        settings = load_settings(Path(f"/dev/fd/{reading}"))
    finally:
        os.close(reading)
    assert (len(settings.entries), settings.sha256) == (1, None)


def test_a_list_of_entries_says_what_is_around_it_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps([SINGLE]))
    with pytest.raises(ProblemsError, match=r'not a list \(write \{"experiments": \.\.\.\} around'):
        load_settings(path)


def test_errors_of_one_entry_leave_the_others(tmp_path: Path) -> None:
    wrong = SINGLE | {"runs_per_config": "two", "mutate": [1], "modle": "m"}
    settings = load(tmp_path, [wrong, "text", SINGLE])
    assert sorted(path for path, _ in errors(settings)) == [
        "experiments[0].mutate[0]",
        "experiments[0].runs_per_config",
        "experiments[1]",
    ]
    assert [entry.path for entry in settings.entries] == ["experiments[0]", "experiments[2]"]
    assert settings.entries[0].source == wrong


def test_what_is_wrong_is_not_missing_too(tmp_path: Path) -> None:
    entries = [
        {"repo": 1, "model": "m"},
        PAIR | {"mode": "paralel"},
        PAIR | {"foreground": "f"},
    ]
    settings = load(tmp_path, entries, mode="parallel")
    assert [path for path, _ in errors(settings)] == [
        "experiments[0].repo",
        "experiments[1].mode",
        "experiments[2].foreground",
        "experiments[0]",
    ]


@pytest.mark.parametrize(
    "entry",
    [
        *(SINGLE, PAIR, {"foreground": {}}, {"comment": "x"}),
        SINGLE | {"mutate": {"a": 1}, "hyperparameters": {"a": 1}},
        SINGLE | {"mutate": []},
    ],
)
def test_a_wrong_mode_is_one_mistake_wherever_it_stands(
    tmp_path: Path, entry: dict[str, Any]
) -> None:
    top = load(tmp_path, [entry, entry], mode="paralel")
    assert [problem.path for problem in top.problems] == ["mode"]
    own = load(tmp_path, [entry | {"mode": "defualt"}, SINGLE], mode="default")
    assert [problem.path for problem in own.problems] == ["experiments[0].mode"]
    inner = PAIR | {"foreground": entry | PAIR["foreground"] | {"mode": "defualt"}}
    mistakes = errors(load(tmp_path, [inner], mode="parallel"))
    assert [path for path, _ in mistakes] == ["experiments[0].foreground.mode"]


def test_beside_a_wrong_mode_the_two_parts_are_looked_at_all_the_same(tmp_path: Path) -> None:
    pair = PAIR | {"mode": "paralel", "background": {"repo": "b"}}
    assert [path for path, _ in errors(load(tmp_path, [pair]))] == [
        "experiments[0].mode",
        "experiments[0].background",
    ]


@pytest.mark.parametrize("value", [[], "x", 1, None, {}, {"experiments": {}}])
def test_no_settings_at_all(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "x.json"
    path.write_text(json.dumps(value))
    with pytest.raises(ProblemsError, match=r"x\.json: "):
        load_settings(path)


def test_too_many_entries_are_refused_before_they_are_looked_at(tmp_path: Path) -> None:
    with pytest.raises(ProblemsError, match="100001 entries"):
        load(tmp_path, [0] * (MAX_ENTRIES + 1))


def test_no_runs_at_all_are_said(tmp_path: Path) -> None:
    entry, warnings = read(tmp_path, SINGLE | {"runs_per_config": 0})
    assert entry.runs == 0
    assert warnings == [
        ("experiments[0]", "nothing runs for it: experiments[0].runs_per_config is 0")
    ]


def test_from_arguments_without_names_nothing_is_drawn_or_passed() -> None:
    settings = settings_from_arguments("r", "m", None, 2)
    [entry] = settings.entries
    assert (settings.file, settings.name, settings.problems) == (None, "r_m", ())
    assert (entry.foreground.mode, entry.runs, entry.backgrounds) == ("default", 2, ())
    assert entry.source == {"repo": "r", "model": "m", "mode": "default", "runs_per_config": 2}


def test_from_arguments_with_names() -> None:
    [entry] = settings_from_arguments("r", "m", ["a"], 1).entries
    assert entry.foreground.mode == "mutation"
    assert entry.foreground.mutate == {"a": "arguments.mutate[0]"}
    [every] = settings_from_arguments("r", "m", ["all"], 1).entries
    assert (every.foreground.mode, drawn(every.foreground)) == ("mutation", None)


def test_from_arguments_at_least_one_run() -> None:
    with pytest.raises(UsageError, match="at least 1, not 0"):
        settings_from_arguments("r", "m", None, 0)
