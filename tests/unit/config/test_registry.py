"""The registry: what is read, and what is wrong with one repository leaves the others alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.base.paths import REGISTRY as DEFAULT
from tandem.config.hyperparameter import Hyperparameter
from tandem.config.problems import ProblemsError, problem_lines
from tandem.config.registry import Registry, load_registry

REPOSITORY: dict[str, Any] = {
    "path": "repos/one",
    "train_script": "./train.sh",
    "models": ["small", "large"],
    "model_flag": "-n",
    "required_args": {"data": "-d 'a b'", "more": "--fast"},
    "supported_hyperparams": {
        "rate": {
            "flag": "--lr",
            "type": "float",
            "default": 1e-4,
            "range": [1e-5, 1e-3],
            "distribution": "log_uniform",
            "zero_probability": 0.25,
        },
        "epochs": {"flag": "-e", "type": "int", "default": 10, "range": [5.0, 15]},
        "label": {"flag": "--label", "type": "str"},
    },
    "performance_metrics": {"log_patterns": {"accuracy": "acc: ([0-9.]+)"}},
}


def load(folder: Path, value: Any) -> Registry:
    path = folder / "registry.json"
    path.write_text(json.dumps(value), encoding="utf-8")
    return load_registry(path)


def messages(registry: Registry, severity: str = "error") -> list[tuple[str, str]]:
    return [(it.path, it.message) for it in registry.problems if it.severity == severity]


def test_a_folder_is_safe_to_share_only_where_that_is_said(tmp_path: Path) -> None:
    safe = REPOSITORY | {"safe_to_share": True}
    models = {"one": REPOSITORY, "two": safe, "three": REPOSITORY | {"safe_to_share": "yes"}}
    registry = load(tmp_path, {"models": models})
    assert {name: it.safe_to_share for name, it in registry.repos.items()} == {
        "one": False,
        "two": True,
    }
    assert messages(registry) == [
        ("models.three.safe_to_share", 'must be true or false, not text "yes"')
    ]
    assert all(it.safe_to_share for it in load_registry(DEFAULT).repos.values())


def test_everything_is_read(tmp_path: Path) -> None:
    registry = load(tmp_path, {"models": {"one": REPOSITORY}})
    assert registry.problems == ()
    one = registry.repos["one"]
    assert (one.name, one.path, one.train_script) == ("one", "repos/one", "./train.sh")
    assert one.models == ("small", "large")
    assert one.model_flag == "-n"
    assert one.required_args == ("-d", "a b", "--fast")
    assert one.log.patterns == {"accuracy": "acc: ([0-9.]+)"}
    assert list(one.hyperparameters) == ["rate", "epochs", "label"]
    assert one.hyperparameters["rate"] == Hyperparameter(
        "rate", "--lr", "float", 1e-4, 1e-5, 1e-3, "log_uniform", 0.25
    )
    epochs = one.hyperparameters["epochs"]
    assert (epochs.low, type(epochs.low), epochs.distribution) == (5, int, "uniform")
    assert not one.hyperparameters["label"].has_range


def test_the_least_is_enough(tmp_path: Path) -> None:
    least = {"path": "p", "train_script": "t", "models": ["default"]}
    one = load(tmp_path, {"models": {"one": least}}).repos["one"]
    assert (one.model_flag, one.required_args, one.hyperparameters) == (None, (), {})


def test_required_arguments_may_be_one_text(tmp_path: Path) -> None:
    value = {"models": {"one": REPOSITORY | {"required_args": "-d 'a b'"}}}
    assert load(tmp_path, value).repos["one"].required_args == ("-d", "a b")


def test_how_a_training_is_started_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    changes: dict[str, Any] = {
        "path": "~/one",
        "required_args": "--data ~/d '~/e'",
        "model_args": {"small": ["$HOME/s", "{out}"]},
        "env": {"CACHE": "${HOME}/c"},
        "python": {"conda": "torch"},
        "needs_modules": ["torch", "six"],
        "needs_files": {"../d": "unpack it"},
        "line_buffered": True,
        "supported_hyperparams": {
            "amp": {"flag": "--amp", "type": "switch", "default": True, "off_flag": "--no-amp"},
            "optimizer": {"flag": "--opt=", "type": "str", "choices": ["sgd", "adam"]},
            "size": {"flag": "--size", "type": "int", "choices": [16.0, 32]},
        },
    }
    registry = load(tmp_path, {"models": {"one": REPOSITORY | changes}})
    assert registry.problems == ()
    one = registry.repos["one"]
    assert (one.path, one.required_args) == ("/home/me/one", ("--data", "/home/me/d", "~/e"))
    assert one.model_args == {"small": ("/home/me/s", "{out}")}
    assert (one.environment, one.python) == ({"CACHE": "/home/me/c"}, {"conda": "torch"})
    assert one.needs_modules == {"torch": "", "six": ""}
    assert (one.needs_files, one.line_buffered) == ({"../d": "unpack it"}, True)
    amp, optimizer, size = one.hyperparameters.values()
    assert (amp.kind, amp.off_flag, amp.can_be_drawn) == ("switch", "--no-amp", False)
    assert (optimizer.choices, optimizer.can_be_drawn) == (("sgd", "adam"), True)
    assert [type(choice) for choice in size.choices] == [int, int]


@pytest.mark.parametrize(
    ("change", "path", "sentence"),
    [
        ({"required_args": {"data": "-d 'a"}}, "required_args.data", "cannot be split as a shell"),
        (
            {"performance_metrics": {"log_patterns": {"acc": "(["}}},
            "performance_metrics.log_patterns.acc",
            "is no regular expression",
        ),
        (
            {"supported_hyperparams": {"h": {"flag": "-h", "type": "int", "range": [3, 2]}}},
            "supported_hyperparams.h.range",
            "begins above its end: 3 to 2",
        ),
        (
            {"supported_hyperparams": {"h": {"flag": "-h", "type": "str", "range": [1, 2]}}},
            "supported_hyperparams.h.range",
            "text has no range",
        ),
        ({"supported_hyperparams": {"h": {"type": "int"}}}, "supported_hyperparams.h", '"flag" is'),
        ({"models": "small"}, "models", "must be a list"),
        ({"python": {}}, "python", "must have one key"),
        ({"python": {"venv": "a", "conda": "b"}}, "python", "must have one key"),
        ({"python": {"vnev": "a"}}, "python.vnev", 'did you mean "venv"?'),
        ({"needs_modules": ["a-b"]}, "needs_modules[0]", "is no name of a module"),
        ({"needs_modules": {"a.b": ""}}, 'needs_modules["a.b"]', "is no name of a module"),
        ({"needs_files": [""]}, "needs_files[0]", "must not be empty"),
    ],
)
def test_one_broken_repository_leaves_the_others(
    tmp_path: Path, change: dict[str, Any], path: str, sentence: str
) -> None:
    registry = load(tmp_path, {"models": {"one": REPOSITORY | change, "two": REPOSITORY}})
    [(where, message)] = messages(registry)
    assert where == f"models.one.{path}"
    assert sentence in message
    assert (registry.broken, list(registry.repos)) == (("one",), ["two"])


def test_a_name_that_begins_like_another_is_not_broken_with_it(tmp_path: Path) -> None:
    registry = load(tmp_path, {"models": {"one": {}, "one_more": REPOSITORY}})
    assert list(registry.repos) == ["one_more"]


def test_all_errors_of_a_repository_at_once(tmp_path: Path) -> None:
    wrong = {"models": [], "required_args": "'", "supported_hyperparams": {"h": {"flag": 1}}}
    paths = [path for path, _ in messages(load(tmp_path, {"models": {"one": wrong}}))]
    assert sorted(paths) == [
        "models.one",
        "models.one",
        "models.one.models",
        "models.one.required_args",
        "models.one.supported_hyperparams.h",
        "models.one.supported_hyperparams.h.flag",
    ]


@pytest.mark.parametrize("value", [[], 7, {}, {"models": []}, {"models": "x"}])
def test_no_registry_at_all(tmp_path: Path, value: Any) -> None:
    with pytest.raises(ProblemsError, match=r"registry\.json"):
        load(tmp_path, value)


def test_unknown_keys_warn_with_the_nearest_and_annotations_do_not(tmp_path: Path) -> None:
    value = {
        "_version": 2,
        "verison": 3,
        "models": {
            "_comment": "the small ones",
            "one": REPOSITORY
            | {
                "note": "x",
                "train_skript": "./x.sh",
                "supported_hyperparams": {
                    "_comment": "in order",
                    "h": {"flag": "-h", "type": "int", "ranges": [1, 2]},
                },
            },
        },
    }
    registry = load(tmp_path, value)
    assert list(registry.repos) == ["one"]
    assert list(registry.repos["one"].hyperparameters) == ["h"]
    assert [path for path, _ in messages(registry, "warning")] == [
        "verison",
        "models.one.train_skript",
        "models.one.supported_hyperparams.h.ranges",
    ]
    assert 'did you mean "train_script"?' in messages(registry, "warning")[1][1]
    assert 'did you mean "range"?' in messages(registry, "warning")[2][1]


@pytest.mark.parametrize(
    ("change", "path", "sentence"),
    [
        ({"epoch_pattern": "(["}, "epoch_pattern", "is no regular expression"),
        ({"epoch_pattern": "Epoch [0-9]+"}, "epoch_pattern", "has no group for the number"),
        ({"failure_patterns": {"bad": "(["}}, "failure_patterns.bad", "is no regular expression"),
        (
            {"failure_patterns": {"tracebak": None}},
            "failure_patterns.tracebak",
            'no built-in pattern is named "tracebak" (did you mean "traceback"?)',
        ),
    ],
)
def test_patterns_that_cannot_be_used(
    tmp_path: Path, change: dict[str, Any], path: str, sentence: str
) -> None:
    [(found, message)] = messages(load(tmp_path, {"models": {"one": REPOSITORY | change}}))
    assert (found, sentence in message) == (f"models.one.{path}", True)


def test_how_a_log_is_to_be_read(tmp_path: Path) -> None:
    failures = {"killed": None, "diverged": "^diverged"}
    change = {
        **{"epoch_pattern": "e (\\d+)/(\\d+)", "early_stopping": True, "decimal_comma": True},
        "failure_patterns": failures,
    }
    registry = load(tmp_path, {"models": {"one": REPOSITORY | change}})
    rules = registry.repos["one"].log
    assert messages(registry) == messages(registry, "warning") == []
    assert (rules.epoch_pattern, rules.failure_patterns) == ("e (\\d+)/(\\d+)", failures)
    assert (rules.early_stopping, rules.decimal_comma) == (True, True)


@pytest.mark.parametrize(
    ("change", "path", "sentence"),
    [
        ({"model_flag": None}, "models", "all of them run the same command"),
        ({"performance_metrics": {}}, "performance_metrics.log_patterns", "but are never valid"),
        (
            {"performance_metrics": {"log_patterns": {"acc": "acc:\n([0-9.]+)"}}},
            "performance_metrics.log_patterns.acc",
            "its line break is never found",
        ),
        (
            {"performance_metrics": {"log_patterns": {"acc": "[[a]b"}}},
            "performance_metrics.log_patterns.acc",
            '"[[a]b": Possible nested set at position 1 (escape it',
        ),
        (
            {
                "supported_hyperparams": {
                    "h": {
                        **{"flag": "-h", "type": "float", "range": [0.1, 1], "default": 0},
                        "zero_probability": 0.3,
                    }
                }
            },
            "supported_hyperparams.h.zero_probability",
            "never drawn: it is the default",
        ),
    ],
)
def test_what_runs_but_hardly_as_meant_warns(
    tmp_path: Path, change: dict[str, Any], path: str, sentence: str
) -> None:
    for _ in range(2):  # Python tells of a pattern's flaws only once
        registry = load(tmp_path, {"models": {"one": REPOSITORY | change}})
        [(where, message)] = messages(registry, "warning")
        assert where == f"models.one.{path}"
        assert sentence in message
        assert list(registry.repos) == ["one"]


def test_what_runs_as_meant_does_not_warn(tmp_path: Path) -> None:
    patterns = {"log_patterns": {"acc": "(?x) acc:\n ([0-9.]+)", "loss": r"[\[a]\n?([0-9.]+)"}}
    one = REPOSITORY | {"models": ["small"], "model_flag": None, "performance_metrics": patterns}
    assert load(tmp_path, {"models": {"one": one}}).problems == ()


KEYS = st.sampled_from(
    [
        *("path", "train_script", "models", "model_flag", "required_args", "flag", "type"),
        *("supported_hyperparams", "performance_metrics", "log_patterns", "default", "range"),
        *("distribution", "zero_probability", "comment", "one", "\0", "a\nb"),
        *("choices", "off_flag", "sizes", "python", "venv", "conda", "needs_modules", "env"),
        *("needs_files", "model_args", "train_command", "line_buffered"),
    ]
)
LEAVES = st.sampled_from(
    [
        *(None, True, 0, 1, -1, 2.5, 1e308, 10**299, "", "x", "\0", "'", "([", "a\nb", "int"),
        *("float", "str", "switch", "uniform", "log_uniform", "~/x", "$(x) '", "--x="),
    ]
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=5),
    max_leaves=25,
)
CHANGES = st.dictionaries(KEYS, ANYTHING, max_size=3)


@given(repositories=st.dictionaries(KEYS, CHANGES.map(lambda it: REPOSITORY | it)) | ANYTHING)
def test_whatever_a_person_writes_gives_sentences(
    tmp_path_factory: pytest.TempPathFactory, repositories: Any
) -> None:
    try:
        registry = load(tmp_path_factory.mktemp("registry"), {"models": repositories})
        problems = registry.problems
    except ProblemsError as error:
        problems = error.problems
        assert messages_of(problems)
    assert all(line.isprintable() and len(line) < 1000 for line in messages_of(problems))


def messages_of(problems: Any) -> list[str]:
    return problem_lines(problems, "error")
