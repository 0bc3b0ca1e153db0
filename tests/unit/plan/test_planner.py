"""From files to a frozen plan: everything decided, everything wrong said, nothing started."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from tandem.config.problems import problem_lines
from tandem.config.settings import settings_from_arguments
from tandem.plan.model import Experiment
from tandem.plan.planner import PlanReading, read_plan

REGISTRY: dict[str, Any] = {
    "models": {
        "vision": {
            "path": "repos/vision",
            "train_script": "./train.sh",
            "models": ["resnet20", "resnet32"],
            "model_flag": "-n",
            "required_args": {"data": "-d cifar"},
            "supported_hyperparams": {
                "epochs": {"flag": "-e", "type": "int", "default": 10, "range": [5, 15]},
                "learning_rate": {
                    "flag": "--lr",
                    "type": "float",
                    "default": 0.1,
                    "range": [0.05, 0.2],
                    "distribution": "log_uniform",
                },
                "tag": {"flag": "--tag", "type": "str"},
            },
            "performance_metrics": {"log_patterns": {"accuracy": "acc ([0-9.]+)"}},
        },
        "text": {
            "path": "repos/text",
            "train_script": "train.sh",
            "models": ["default"],
            "supported_hyperparams": {
                "folds": {"flag": "--folds", "type": "int", "default": 4, "range": [2, 5]}
            },
            "performance_metrics": {"log_patterns": {"loss": "loss ([0-9.]+)"}},
        },
    }
}
VISION = {"repo": "vision", "model": "resnet20"}
TEXT = {"repo": "text", "model": "default"}
PAIR = {"mode": "parallel", "foreground": VISION, "background": TEXT}

Reader = Callable[..., PlanReading]


@pytest.fixture
def read(tmp_path: Path) -> Reader:
    """Reads entries against the registry in a project whose repositories are on the disk."""
    (tmp_path / "config").mkdir()
    registry = tmp_path / "config" / "registry.json"
    registry.write_text(json.dumps(REGISTRY), encoding="utf-8")
    for name in ("vision", "text"):
        folder = tmp_path / "repos" / name
        folder.mkdir(parents=True)
        (folder / "train.sh").write_text("#!/bin/sh\n", encoding="utf-8")
        (folder / "train.sh").chmod(0o755)

    def reader(entries: Any, top: dict[str, Any] | None = None, **options: Any) -> PlanReading:
        settings = tmp_path / "night.json"
        settings.write_text(json.dumps({"experiments": entries} | (top or {})), encoding="utf-8")
        return read_plan(settings, registry, **options)

    return reader


def experiments(reading: PlanReading) -> tuple[Experiment, ...]:
    assert reading.plan, problem_lines(reading.problems, "error")
    return reading.plan.experiments


def errors(reading: PlanReading) -> list[tuple[str, str]]:
    return [(it.path, it.message) for it in reading.problems if it.severity == "error"]


def values(reading: PlanReading) -> list[Any]:
    return [dict(it.foreground.hyperparameters) for it in experiments(reading)]


def test_a_parallel_experiment_with_everything_decided(read: Reader, tmp_path: Path) -> None:
    foreground = VISION | {"mutate": ["learning_rate"]}
    background = TEXT | {"hyperparameters": {"folds": 3.0}}
    entry = PAIR | {"foreground": foreground, "background": background, "timeout_seconds": 9}
    reading = read([entry], {"experiment_name": "n", "seed": 5, "max_retries": 1})
    assert reading.problems == ()
    [experiment] = experiments(reading)
    assert experiment.id == "vision_resnet20_001_parallel"
    assert (experiment.number, experiment.mode) == (1, "parallel")
    assert (experiment.foreground_mode, experiment.limits.max_retries) == ("mutation", 1)
    assert (experiment.limits.timeout_s, experiment.limits.grace_s) == (9.0, 10.0)
    assert (experiment.source_path, experiment.source_entry) == ("experiments[0]", entry)
    rate = experiment.foreground.hyperparameters["learning_rate"]
    assert isinstance(rate, float)
    assert 0.05 <= rate <= 0.2
    assert experiment.foreground.mutated == ("learning_rate",)
    assert experiment.foreground.command == (
        *("./train.sh", "-d", "cifar", "-n", "resnet20", "--lr", repr(rate)),
    )
    assert experiment.foreground.work_dir == tmp_path / "repos" / "vision"
    assert experiment.foreground.log.patterns == {"accuracy": "acc ([0-9.]+)"}
    [load] = experiment.backgrounds
    assert load.training.command == ("./train.sh", "--folds", "3")
    assert load.training.mutated == ()
    assert reading.plan
    assert (reading.plan.name, reading.plan.seed, reading.plan.root) == ("n", 5, tmp_path)


def test_every_run_and_entry_is_numbered_on(read: Reader) -> None:
    reading = read([VISION | {"runs_per_config": 2}, PAIR, TEXT | {"mode": "default"}])
    assert [(it.id, it.mode) for it in experiments(reading)] == [
        ("vision_resnet20_001", "mutation"),
        ("vision_resnet20_002", "mutation"),
        ("vision_resnet20_003_parallel", "parallel"),
        ("text_default_004", "default"),
    ]


def test_default_mode_passes_exactly_what_is_given(read: Reader) -> None:
    given_values = {"learning_rate": 1e-7, "tag": "--a 'b'\n", "epochs": 10.0}
    entry = VISION | {"mode": "default", "hyperparameters": given_values, "runs_per_config": 2}
    reading = read([entry])
    for experiment in experiments(reading):
        command = experiment.foreground.command
        assert command[-6:] == ("-e", "10", "--lr", "0.0000001", "--tag", "--a 'b'\n")
        assert experiment.foreground.mutated == ()
    [bare] = experiments(read([VISION | {"mode": "default"}]))
    assert bare.foreground.command == ("./train.sh", "-d", "cifar", "-n", "resnet20")


def test_mutation_passes_only_what_is_drawn(read: Reader) -> None:
    reading = read([VISION | {"mutate": ["epochs"], "hyperparameters": {"learning_rate": 0.1}}])
    [experiment] = experiments(reading)
    assert list(experiment.foreground.hyperparameters) == ["epochs"]
    assert "--lr" not in experiment.foreground.command


def test_all_are_drawn_but_those_without_a_range(read: Reader) -> None:
    reading = read([VISION | {"runs_per_config": 3}], {"seed": 1})
    assert {name for it in values(reading) for name in it} == {"epochs", "learning_rate"}
    [problem] = reading.problems
    assert (problem.severity, problem.message) == ("remark", '"tag" has no range: not drawn')


def test_the_seed_decides_and_is_recorded(read: Reader) -> None:
    entries = [VISION | {"runs_per_config": 3}]
    assert values(read(entries, {"seed": 1})) == values(read(entries, {"seed": 1}))
    assert values(read(entries, {"seed": 1})) != values(read(entries, {"seed": 2}))
    assert values(read(entries, {"seed": 1}, seed=2)) == values(read(entries, {"seed": 2}))
    drawn = read(entries)
    assert drawn.plan
    assert values(read(entries, seed=drawn.plan.seed)) == values(drawn)


def test_a_drawn_seed_is_told_and_repeats_the_plan(read: Reader) -> None:
    entry = VISION | {"mutate": ["epochs"]}
    drawn = read([entry])
    assert drawn.plan is not None
    (remark,) = drawn.problems
    assert remark.severity == "remark"
    assert f"--seed {drawn.plan.seed} " in remark.message
    again = read([entry], seed=drawn.plan.seed)
    assert again.plan == drawn.plan
    assert again.problems == ()


def test_one_more_entry_leaves_the_values_of_the_others(read: Reader) -> None:
    first, second = VISION | {"mutate": ["epochs"]}, VISION | {"mutate": ["learning_rate"]}
    alone = values(read([second], seed=1))
    between = [TEXT, first, PAIR, TEXT | {"mode": "default"}, second]
    assert values(read(between, seed=1))[-1:] == alone
    assert values(read([second, second], seed=1))[0] == alone[0]
    assert values(read([second, second], seed=1))[1] != alone[0]


def test_the_order_of_names_does_not_change_the_values(read: Reader) -> None:
    one = read([VISION | {"mutate": ["epochs", "learning_rate"]}], seed=1)
    other = read([VISION | {"mutate": ["learning_rate", "epochs"]}], seed=1)
    assert values(one) == values(other)


SOLO = {"controls": {"solo": True}}
DRAWN_PAIR = PAIR | {"foreground": VISION | {"mutate": ["epochs", "learning_rate"]}}


def order(reading: PlanReading) -> list[str]:
    """`number parallel`, `number solo` or `number` of each experiment."""
    kinds = [
        f"{it.number} {it.control or ('parallel' if it.backgrounds else '')}".strip()
        for it in experiments(reading)
    ]
    assert [it.number for it in experiments(reading)] == list(range(1, len(kinds) + 1))
    return kinds


def test_a_control_runs_beside_its_twin_in_alternating_order_over_the_plan(read: Reader) -> None:
    single = TEXT | {"mode": "default"}
    entries = [DRAWN_PAIR | {"runs_per_config": 3}, single, PAIR, PAIR | {"controls": {}}]
    reading = read(entries, SOLO | {"seed": 1})
    assert order(reading) == [
        *("1 parallel", "2 solo", "3 solo", "4 parallel", "5 parallel", "6 solo"),
        *("7", "8 solo", "9 parallel", "10 parallel", "11 solo"),
    ]
    assert [it.id for it in experiments(reading)[:4]] == [
        *("vision_resnet20_001_parallel", "vision_resnet20_002_solo"),
        *("vision_resnet20_003_solo", "vision_resnet20_004_parallel"),
    ]


def test_an_order_can_be_fixed_and_leaves_the_turns_of_the_others(read: Reader) -> None:
    def asking(**controls: Any) -> dict[str, Any]:
        return PAIR | {"controls": controls}

    reading = read(
        [
            *(asking(order="solo_first"), asking(), asking(order="parallel_first")),
            *(asking(), asking(solo=False)),
        ],
        SOLO,
        seed=1,
    )
    assert order(reading) == [
        *("1 solo", "2 parallel", "3 parallel", "4 solo", "5 parallel", "6 solo"),
        *("7 solo", "8 parallel", "9 parallel"),
    ]


def test_twins_name_each_other_and_do_the_same_work(read: Reader) -> None:
    entry = DRAWN_PAIR | {"runs_per_config": 2, "timeout_seconds": 9, "max_retries": 1, "nte": 1}
    reading = read([entry], {"validity": {"min_coverage": 0.5}} | SOLO, seed=1)
    planned = experiments(reading)
    by_id = {it.id: it for it in planned}
    assert len(by_id) == 4
    for pair in (planned[:2], planned[2:]):
        [solo] = [it for it in pair if it.control == "solo"]
        [parallel] = [it for it in pair if it.control is None]
        assert solo.twin and by_id[solo.twin] is parallel
        assert parallel.twin and by_id[parallel.twin] is solo
        assert (solo.backgrounds, solo.mode, parallel.mode) == ((), "mutation", "parallel")
        same = {"foreground", "limits", "source_path", "warnings", "validity"}
        for name in same | {"controls", "foreground_mode"}:
            assert getattr(solo, name) == getattr(parallel, name), name
        assert parallel.warnings
        assert parallel.validity.min_coverage == 0.5


@pytest.mark.parametrize("wrong", [[], [TEXT | {"mutate": ["fold"]}]])
def test_controls_change_no_drawn_value(read: Reader, wrong: list[Any]) -> None:
    entries = [
        *(DRAWN_PAIR | {"runs_per_config": 3}, VISION | {"runs_per_config": 2}, *wrong),
        *(DRAWN_PAIR, TEXT, DRAWN_PAIR | {"runs_per_config": 2}),
    ]
    plain = read(entries, {"seed": 1}, skip_invalid=True)
    controlled = read(entries, {"seed": 1} | SOLO, skip_invalid=True)
    kept = [it for it in experiments(controlled) if it.control is None]
    assert [it.foreground for it in kept] == [it.foreground for it in experiments(plain)]
    assert [it.backgrounds for it in kept] == [it.backgrounds for it in experiments(plain)]
    assert [it.twin for it in experiments(plain)] == [None] * 9
    assert len(experiments(controlled)) == 15


def test_controls_that_are_wrong_are_an_error_of_their_place(read: Reader) -> None:
    entries = [PAIR | {"controls": {"idle_seconds": "x"}}, TEXT]
    assert errors(read(entries)) == [
        ("experiments[0].controls.idle_seconds", 'must be a number, not text "x"')
    ]
    assert order(read(entries, seed=1, skip_invalid=True)) == ["1"]
    at_the_top = read([PAIR], {"validity": {"min_coverage": 2}}, skip_invalid=True)
    assert at_the_top.plan is None
    assert errors(at_the_top) == [("validity.min_coverage", "must be at most 1, not 2")]


def test_root_and_grace_can_be_given(read: Reader, tmp_path: Path) -> None:
    reading = read([TEXT], {"grace_seconds": 3}, root=tmp_path / "config" / "..", grace_s=0.0)
    assert experiments(reading)[0].limits.grace_s == 0.0
    assert experiments(reading)[0].foreground.work_dir == tmp_path / "repos" / "text"
    missing = read([TEXT], root=tmp_path / "elsewhere")
    assert "elsewhere/repos/text" in errors(missing)[0][1]


def test_the_plan_has_digest_and_governor_and_each_experiment_its_cooldown(
    read: Reader, tmp_path: Path
) -> None:
    entries = [TEXT, PAIR | {"cooldown_seconds": 0.5}, PAIR]
    reading = read(entries, SOLO | {"governor": "performance", "cooldown_seconds": 90}, seed=1)
    assert [it.limits.cooldown_s for it in experiments(reading)] == [90, 0.5, 0.5, 90, 90]
    assert reading.plan
    assert reading.plan.governor == "performance"
    written = (tmp_path / "night.json").read_bytes()
    assert reading.plan.settings_sha256 == hashlib.sha256(written).hexdigest()
    bare = read([TEXT], {"governor": None})
    assert [it.limits.cooldown_s for it in experiments(bare)] == [None]
    assert bare.plan and bare.plan.governor is None


SHARING = PAIR | {"foreground": TEXT | {"mode": "default"}}


def told_of_sharing(reading: PlanReading) -> list[str]:
    return [it.path for it in reading.problems if "shares the folder" in it.message]


def register(folder: Path, **changes: dict[str, Any]) -> None:
    """Change repositories of the registry, or add them."""
    path = folder / "config" / "registry.json"
    models = REGISTRY["models"]
    changed = {name: models.get(name, models["text"]) | it for name, it in changes.items()}
    path.write_text(json.dumps({"models": models | changed}), encoding="utf-8")


def test_a_background_in_the_foregrounds_folder_is_a_warning_of_its_entry(
    read: Reader, tmp_path: Path
) -> None:
    apart = SHARING | {"foreground": VISION | {"mode": "default"}}
    reading = read([apart, SHARING | {"runs_per_config": 2}], seed=1)
    [problem] = reading.problems
    assert (problem.severity, problem.path) == ("warning", "experiments[1].background.repo")
    assert problem.message == (
        f'shares the folder "{tmp_path}/repos/text" with another training beside it: each may'
        ' overwrite files of the other (take another repository, or put "safe_to_share": true into'
        " the registry if trainings write nothing there)"
    )
    warned = [bool(experiment.warnings) for experiment in experiments(reading)]
    assert warned == [False, True, True]
    many = read([SHARING] * 100, seed=1)
    [line] = problem_lines(many.problems, "warning")
    assert "experiments[0].background.repo (and 99 more like it): shares" in line


def test_the_folders_count_and_not_their_names(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("repos/text")
    read([TEXT])
    register(tmp_path, again={"path": "repos/../repos/text"}, linked={"path": "link"})
    for name in ("again", "linked"):
        other = TEXT | {"repo": name}
        assert told_of_sharing(read([SHARING | {"background": other}]))
        assert told_of_sharing(read([SHARING | {"foreground": other}]))
    assert told_of_sharing(read([SHARING | {"background": VISION}])) == []


def test_a_folder_that_is_safe_to_share_is_shared_in_silence(read: Reader, tmp_path: Path) -> None:
    read([TEXT])
    safe = {"safe_to_share": True}
    register(tmp_path, text=safe)
    assert read([SHARING], seed=1).problems == ()
    register(tmp_path, text=safe, again={"path": "repos/text"})
    assert told_of_sharing(read([SHARING | {"background": TEXT | {"repo": "again"}}]))
    register(tmp_path, text=safe, again=safe | {"path": "repos/text"})
    assert told_of_sharing(read([SHARING | {"background": TEXT | {"repo": "again"}}])) == []


LOADS = SHARING | {"background": [VISION, TEXT | {"hyperparameters": {"folds": 3}}, VISION]}


def test_several_backgrounds_are_planned_in_their_order(read: Reader) -> None:
    reading = read([LOADS], seed=1)
    [experiment] = experiments(reading)
    assert (experiment.mode, experiment.id) == ("parallel", "text_default_001_parallel")
    loads = [each.training for each in experiment.backgrounds]
    assert [load.repo for load in loads] == ["vision", "text", "vision"]
    assert [load.command[-2:] for load in loads] == [
        *(("-n", "resnet20"), ("--folds", "3"), ("-n", "resnet20"))
    ]


def test_gpus_are_a_variable_of_one_training_alone(read: Reader) -> None:
    loads = [VISION | {"gpus": [1, "GPU-ab1"]}, VISION]
    reading = read([LOADS | {"foreground": TEXT | {"gpus": 0}, "background": loads} | SOLO], seed=1)
    for experiment in experiments(reading):
        assert experiment.foreground.environment == {"CUDA_VISIBLE_DEVICES": "0"}
    [parallel] = [it for it in experiments(reading) if it.backgrounds]
    assert [each.training.environment for each in parallel.backgrounds] == [
        {"CUDA_VISIBLE_DEVICES": "1,GPU-ab1"},
        {},
    ]


def test_gpus_count_before_the_registrys_own_variable(read: Reader, tmp_path: Path) -> None:
    read([TEXT])
    register(tmp_path, text={"env": {"CUDA_VISIBLE_DEVICES": "7", "OTHER": "1"}})
    [given, untouched] = experiments(read([TEXT | {"gpus": 2}, TEXT], seed=1))
    assert given.foreground.environment == {"CUDA_VISIBLE_DEVICES": "2", "OTHER": "1"}
    assert untouched.foreground.environment == {"CUDA_VISIBLE_DEVICES": "7", "OTHER": "1"}


def test_two_backgrounds_in_one_folder_are_a_warning_for_each_pair(read: Reader) -> None:
    assert told_of_sharing(read([LOADS])) == [
        "experiments[0].background[1].repo",  # with the foreground
        "experiments[0].background[2].repo",  # with the first background
    ]


def test_an_error_in_one_of_several_is_one_of_the_entry(read: Reader) -> None:
    wrong = LOADS | {"background": [VISION, TEXT | {"repo": "txt"}]}
    reading = read([wrong, LOADS], skip_invalid=True)
    assert [it.path for it in reading.problems if it.severity == "error"] == [
        "experiments[0].background[1].repo"
    ]
    assert len(experiments(reading)) == 1


def test_other_backgrounds_draw_other_values(read: Reader) -> None:
    """As another background does: what an entry draws depends on all that makes it itself."""
    drawn = LOADS | {"foreground": VISION | {"mutate": ["learning_rate"]}}
    found = [
        experiments(read([drawn | {"background": background}], seed=1))[0].foreground
        for background in (TEXT, [TEXT], [TEXT, TEXT])
    ]
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize(
    ("entry", "path", "sentence"),
    [
        ({"repo": "visoin", "model": "m"}, "repo", '"visoin" is not in the registry (did you'),
        (VISION | {"model": "resnet2O"}, "model", '"resnet2O" is not a model of vision (did you'),
        (
            VISION | {"mutate": ["epochs", "lr"]},
            "mutate[1]",
            '"lr" is not a hyperparameter of vision (did you mean "learning_rate"?)',
        ),
        (
            VISION | {"mutate": ["learning_rat"]},
            "mutate[0]",
            '"learning_rat" is not a hyperparameter of vision (did you mean "learning_rate"?)',
        ),
        (
            VISION | {"mutate": ["e"]},
            "mutate[0]",
            '"e" is not a hyperparameter of vision (did you mean "epochs"?)',
        ),
        (
            VISION | {"mutate": ["all", "lerning_rate"]},
            "mutate[1]",
            '"lerning_rate" is not a hyperparameter of vision (did you mean "learning_rate"?)',
        ),
        (VISION | {"mutate": ["tag"]}, "mutate[0]", '"tag" of vision has no range'),
        (
            {"repository": "visoin", "model": "m"},
            "repository",
            '"visoin" is not in the registry',
        ),
        (TEXT | {"runs_per_config": 4}, "mutate", '4 different values of "folds" are wanted'),
        (
            VISION | {"mode": "default", "hyperparameters": {"epochs": 1.5}},
            "hyperparameters.epochs",
            "must be a whole number, not 1.5",
        ),
        (
            VISION | {"mode": "default", "hyperparameters": {"tag": "a\0"}},
            "hyperparameters.tag",
            "has a NUL character",
        ),
        (
            VISION | {"mode": "default", "hyperparameters": {"tag": "x" * 131_072}},
            "hyperparameters.tag",
            "is 131072 bytes long",
        ),
    ],
)
def test_an_entry_that_cannot_run_is_an_error_or_left_out(
    read: Reader, entry: dict[str, Any], path: str, sentence: str
) -> None:
    reading = read([entry, TEXT])
    assert reading.plan is None
    [(where, message)] = errors(reading)
    assert where == f"experiments[0].{path}"
    assert message.startswith(sentence)
    rest = read([entry, TEXT], skip_invalid=True)
    assert [it.id for it in experiments(rest)] == ["text_default_001"]
    assert errors(rest) == errors(reading)
    nothing = read([entry], skip_invalid=True)
    assert nothing.plan is None
    assert errors(nothing)[-1] == ("experiments", "nothing is left to run")


def test_an_entry_with_a_wrong_value_is_left_out_whole(read: Reader) -> None:
    reading = read([VISION | {"max_retries": "2"}, TEXT], skip_invalid=True)
    assert [it.id for it in experiments(reading)] == ["text_default_001"]


def test_a_name_beside_all_is_drawn_with_the_others(read: Reader) -> None:
    reading = read([TEXT | {"mutate": ["folds", "all"]}], seed=1)
    assert values(reading) == values(read([TEXT], seed=1))
    [problem] = reading.problems
    assert (problem.severity, problem.path) == ("warning", "experiments[0].mutate[0]")
    assert problem.message == '"folds" is drawn with all others, because "all" is given'


@pytest.mark.parametrize("seed", [-1, 2**63, 10**4000])
def test_a_seed_out_of_range_is_an_error(read: Reader, seed: int) -> None:
    reading = read([TEXT], seed=seed)
    assert reading.plan is None
    [(path, message)] = errors(reading)
    assert path == "--seed"
    assert message.startswith(f"must be 0 to {2**63 - 1}, not {str(seed)[:60]}")
    assert len(message) < 200
    assert experiments(read([TEXT], seed=2**63 - 1))


def test_how_many_can_run_all_the_same_is_told(read: Reader) -> None:
    def remarks(*entries: Any, **top: Any) -> list[str]:
        reading = read([*entries], {"seed": 1} | top)
        return [it.message for it in reading.problems if it.severity == "remark"]

    wrong = TEXT | {"model": "x"}
    assert remarks(TEXT, wrong, TEXT | {"runs_per_config": 2}) == [
        "--skip-invalid runs the other 3"
    ]
    assert remarks(wrong) == []
    assert remarks(TEXT) == []
    assert remarks(TEXT, wrong, max_retries="x") == []
    left = read([TEXT, wrong], seed=1, skip_invalid=True)
    assert {problem.severity for problem in left.problems} == {"error"}


def test_an_experiment_has_the_warnings_about_it(read: Reader, tmp_path: Path) -> None:
    registry = tmp_path / "config" / "registry.json"
    text = REGISTRY["models"]["text"] | {"pathh": 1}
    registry.write_text(json.dumps({"models": REGISTRY["models"] | {"text": text}, "verison": 1}))
    vision = VISION | {"mode": "default", "a b": 1}
    pair = PAIR | {"background": TEXT | {"hyperparameters": {"fold": 1}}, "runs_per_config": 2}
    reading = read([vision, pair], {"governor": "x"})
    settings = f"{tmp_path / 'night.json'}: experiments"
    assert [it.warnings for it in experiments(reading)] == [
        (f'{settings}[0]["a b"]: unknown key, ignored',),
        *[
            (
                f"{settings}[1].background.hyperparameters.fold: not a hyperparameter of text,"
                ' not passed (did you mean "folds"?)',
                f'{registry}: models.text.pathh: unknown key, ignored (did you mean "path"?)',
            )
        ]
        * 2,
    ]


def test_beside_a_wrong_mode_only_what_does_not_hang_on_it_is_said(read: Reader) -> None:
    wrong = {"mode": "defualt", "hyperparameters": {"folds": 1.5}, "mutate": ["fold"]}
    assert [path for path, _ in errors(read([TEXT | wrong]))] == ["experiments[0].mode"]
    paths = [path for path, _ in errors(read([TEXT | wrong | {"repo": "txt"}]))]
    assert paths == ["experiments[0].mode", "experiments[0].repo"]


def test_a_background_that_cannot_run_takes_its_entry_along(read: Reader) -> None:
    reading = read([PAIR | {"background": {"repo": "txt", "model": "default"}}])
    [(path, message)] = errors(reading)
    assert path == "experiments[0].background.repo"
    assert 'did you mean "text"?' in message


def test_a_value_that_is_not_supported_warns_and_is_not_passed(read: Reader) -> None:
    passed = {"epochs": 3, "learning_rte": 0.1, "comment": "x"}
    reading = read([VISION | {"mode": "default", "hyperparameters": passed}])
    assert values(reading) == [{"epochs": 3}]
    [problem] = reading.problems
    assert (problem.severity, problem.path) == (
        "warning",
        "experiments[0].hyperparameters.learning_rte",
    )
    assert problem.message == (
        'not a hyperparameter of vision, not passed (did you mean "learning_rate"?)'
    )


def test_missing_folder_and_script_and_permission(read: Reader, tmp_path: Path) -> None:
    script = tmp_path / "repos" / "text" / "train.sh"
    script.chmod(0o644)
    assert errors(read([TEXT, PAIR])) == [
        (path, f'its train script "{script}" is not executable (chmod +x it)')
        for path in ("experiments[0].repo", "experiments[1].background.repo")
    ]
    script.unlink()
    assert "does not exist (check the registry)" in errors(read([TEXT]))[0][1]
    script.parent.rmdir()
    message = errors(read([TEXT]))[0][1]
    assert message.startswith(f'its folder "{script.parent}" does not exist')


def test_what_cannot_start_is_an_error_and_nothing_is_planned(read: Reader, tmp_path: Path) -> None:
    script = tmp_path / "repos" / "text" / "train.sh"
    script.write_text("#!/bin/bash\r\n")
    [(where, message)] = errors(read([TEXT]))
    assert where == "experiments[0].repo"
    assert message.startswith(f'its train script "{script}" needs the interpreter "/bin/bash\\r"')
    script.write_text("echo\n")
    assert "has no interpreter line" in errors(read([TEXT]))[0][1]


def test_values_that_may_not_arrive_are_told(read: Reader) -> None:
    entry = VISION | {"mode": "default", "hyperparameters": {"tag": "~/x", "learning_rate": -1e-20}}
    found = {(it.severity, it.path.rpartition(".")[2], it.message) for it in read([entry]).problems}
    assert {(severity, key) for severity, key, _ in found} == {
        ("warning", "tag"),
        ("warning", "learning_rate"),
    }
    entry = VISION | {"mode": "default", "hyperparameters": {"learning_rate": -0.5}}
    [problem] = read([entry]).problems
    assert problem.severity == "remark"
    assert experiments(read([entry]))[0].warnings == ()


def test_a_repository_that_no_entry_names_need_not_be_there(read: Reader, tmp_path: Path) -> None:
    (tmp_path / "repos" / "text" / "train.sh").unlink()
    assert errors(read([VISION])) == []


def test_a_folder_name_too_long_for_any_disk_is_missing(tmp_path: Path) -> None:
    registry = {"models": {"a": {"path": "x" * 5000, "train_script": "t", "models": ["m"]}}}
    (tmp_path / "registry.json").write_text(json.dumps(registry))
    arguments = settings_from_arguments("a", "m", None, 1)
    [(_, message)] = errors(read_plan(arguments, tmp_path / "registry.json"))
    assert "does not exist" in message


def test_errors_of_settings_and_registry_come_together(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"experiments": [{"repo": 1, "model": "m"}]}')
    (tmp_path / "registry.json").write_text('{"models": {"r": {"path": 1}}}')
    reading = read_plan(tmp_path / "settings.json", tmp_path / "registry.json")
    assert reading.plan is None
    assert {Path(problem.file).name for problem in reading.problems} == {
        "settings.json",
        "registry.json",
    }
    both = read_plan(tmp_path / "no_settings.json", tmp_path / "no_registry.json")
    assert [Path(problem.file).name for problem in both.problems] == [
        "no_settings.json",
        "no_registry.json",
    ]


def test_a_broken_repository_is_an_error_even_when_others_can_run(
    read: Reader, tmp_path: Path
) -> None:
    registry = tmp_path / "config" / "registry.json"
    broken = REGISTRY["models"] | {"broken": {"path": "x"}}
    registry.write_text(json.dumps({"models": broken}))
    entries = [TEXT, {"repo": "broken", "model": "m"}]
    *of_registry, of_entry = errors(read(entries))
    assert [path for path, _ in of_registry] == ["models.broken", "models.broken"]
    message = f'the registry\'s entry of "broken" is wrong (fix this in {registry})'
    assert of_entry == ("experiments[1].repo", message)
    assert len(experiments(read(entries, skip_invalid=True))) == 1


def test_an_error_of_the_whole_file_cannot_be_skipped(read: Reader) -> None:
    reading = read([TEXT], {"runs_per_config": "2"}, skip_invalid=True)
    assert reading.plan is None
    assert [path for path, _ in errors(reading)] == ["runs_per_config"]


@pytest.mark.parametrize("entries", [[], [{"comment": "x"}], [TEXT | {"runs_per_config": 0}]])
def test_nothing_to_run_is_an_error(read: Reader, entries: Any) -> None:
    reading = read(entries)
    assert reading.plan is None
    assert errors(reading) == [("experiments", "holds nothing to run")]


def test_too_many_experiments_are_refused_before_they_are_made(read: Reader) -> None:
    reading = read([VISION | {"runs_per_config": 100_000}, TEXT])
    assert reading.plan is None
    assert "100001 experiments, and 100000 are the most" in errors(reading)[0][1]
    reading = read([PAIR | {"runs_per_config": 50_001}], SOLO)
    assert reading.plan is None
    assert "100002 experiments, 50001 of them controls, and" in errors(reading)[0][1]


def test_from_arguments(read: Reader, tmp_path: Path) -> None:
    read([TEXT])
    registry = tmp_path / "config" / "registry.json"
    [plain] = experiments(read_plan(settings_from_arguments("text", "default", None, 1), registry))
    assert (plain.mode, plain.foreground.command) == ("default", ("./train.sh",))
    drawn = read_plan(settings_from_arguments("text", "default", ["folds"], 3), registry)
    assert sorted(it["folds"] for it in values(drawn)) == [2, 3, 5]
    wrong = read_plan(settings_from_arguments("text", "defualt", ["fold"], 1), registry)
    assert [path for path, _ in errors(wrong)] == ["arguments.model", "arguments.mutate[0]"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b/c\n;$(x)", "a_b_c____x__m_001"),
        ("-rf", "rf_m_001"),
        ("../..", "_.._m_001"),
        ("é中", "___m_001"),
        ("x" * 3000, "x" * 116 + "_001"),
    ],
)
def test_names_become_safe_folder_names(tmp_path: Path, name: str, expected: str) -> None:
    (tmp_path / "t.sh").write_text("#!/bin/sh\n")
    (tmp_path / "t.sh").chmod(0o755)
    registry = {"models": {name: {"path": ".", "train_script": "./t.sh", "models": ["m"]}}}
    (tmp_path / "registry.json").write_text(json.dumps(registry))
    arguments = settings_from_arguments(name, "m", None, 1)
    reading = read_plan(arguments, tmp_path / "registry.json", root=tmp_path)
    [experiment] = experiments(reading)
    assert experiment.id == expected
    assert experiment.foreground.repo == name


KEYS = st.sampled_from(
    [
        *("repo", "repository", "model", "mode", "mutate", "mutate_params", "hyperparameters"),
        *("fixed_hyperparams", "runs_per_config", "num_mutations", "timeout", "foreground"),
        *("background", "experiments", "seed", "governor", "comment", "epochs", "max_retries"),
        *("controls", "validity", "solo", "order", "idle_seconds", "min_coverage"),
        *("use_deduplication", "historical_csvs", "cooldown_seconds", "mutation_type"),
    ]
)
LEAVES = st.sampled_from(
    [
        *(None, True, 0, 1, -1, 2.5, 1e300, 10**299, "", "all", "epochs", "vision", "resnet20"),
        *("text", "default", "parallel", "mutation", "mixed", "\0", "a\nb", "\u2028", "x" * 3000),
    ]
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
ENTRY = st.dictionaries(KEYS, ANYTHING, max_size=6) | st.builds(
    lambda base, more: base | more,
    st.sampled_from([VISION, TEXT, PAIR]),
    st.dictionaries(KEYS, ANYTHING, max_size=2),
)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    entries=st.lists(ENTRY, max_size=4) | ANYTHING,
    top=st.dictionaries(KEYS, ANYTHING, max_size=3),
    skip_invalid=st.booleans(),
)
def test_whatever_a_person_writes_gives_sentences(
    read: Reader, entries: Any, top: dict[str, Any], *, skip_invalid: bool
) -> None:
    reading = read(entries, top, skip_invalid=skip_invalid)
    lines = [
        line for kind in ("error", "warning") for line in problem_lines(reading.problems, kind)
    ]
    assert all(line.isprintable() and len(line) < 1000 for line in lines)
    assert reading.plan is None or reading.plan.experiments
    assert reading.plan or errors(reading)
