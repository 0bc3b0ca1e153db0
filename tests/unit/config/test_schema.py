"""The schemas, and the sentences made of what does not fit them."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from functools import reduce
from operator import getitem
from typing import Any

import jsonschema
import pytest
from jsonschema import validators
from support import ROOT
from support.records import missing
from tandem.config import schema as module
from tandem.config.problems import Problem, ProblemsError, has_errors, join, problem_lines
from tandem.config.schema import schema, sift
from tandem.results.record_file import INTERFERENCE_VERSION, VERSION
from tandem.results.state import VERSION as STATE_VERSION

VERSIONS = {
    "settings": 2,
    "registry": 1,
    "record": VERSION,
    "interference": INTERFERENCE_VERSION,
    "state": STATE_VERSION,
}
UNITS = {
    r"_seconds$|_s$": r"in s\b|in seconds|Seconds|seconds that",
    r"_per_second$": "in 1/s",
    r"_joules$": "in J",
    r"_watts$": "in W",
    r"_mib$": "in MiB",
    r"_bytes$": "in bytes",
    r"_percent$|^target_gpu_utilization$": "in percent",
    r"_celsius$|_c$": "in degrees Celsius",
    r"_fraction$|coverage$|^duty_mean$|^intensity$": r"\b0(\.05)? to 1\b",
    r"^(started|ended|timestamp|seen|gone|.*_at)$": "ISO 8601 in UTC",
}
"""What the description of a key says, by the end of the key's name."""

every = pytest.mark.parametrize("name", VERSIONS)


def written(name: str) -> str:
    return (ROOT / "schemas" / f"{name}.schema.json").read_text("utf-8")


def raw(name: str) -> dict[str, Any]:
    whole: dict[str, Any] = json.loads(written(name))
    return whole


def properties(part: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every property with its schema; those of conditions only narrow, and are left out."""
    if isinstance(part, dict):
        yield from part.get("properties", {}).items()
        for key, inner in part.items():
            if key not in ("if", "then", "allOf", "examples"):
                yield from properties(inner)


def objects(part: Any) -> Iterator[dict[str, Any]]:
    """Every object of a schema as it is written."""
    if isinstance(part, dict):
        yield part
        part = [inner for key, inner in part.items() if key != "examples"]
    if isinstance(part, list):
        for inner in part:
            yield from objects(inner)


@every
def test_the_schema_is_one(name: str) -> None:
    whole = raw(name)
    jsonschema.Draft202012Validator.check_schema(whole)
    assert whole["$id"] == f"urn:tandem:schema:{name}:{VERSIONS[name]}"
    assert whole["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@every
def test_a_line_has_100_columns_unless_one_text_is_longer(name: str) -> None:
    one_text = re.compile(r' *("\w+": )?"(\\.|[^"\\])*"[]},]*')
    for line in written(name).splitlines():
        assert len(line) <= 100 or one_text.fullmatch(line), line


def test_the_version_of_a_record_is_that_of_its_schema() -> None:
    assert schema("record")["properties"]["record_version"]["const"] == VERSION


@every
def test_every_property_has_a_description_with_its_unit_and_examples_that_fit(name: str) -> None:
    found = list(properties(schema(name)))
    assert len(found) > 10
    for key, shape in found:
        assert len(shape.get("description", "")) > 5, key
        for end, unit in UNITS.items():
            if re.search(end, key):
                assert re.search(unit, shape["description"]), f"{key}: {shape['description']}"
        assert shape.get("examples") not in (None, [], [{}], [[]]), key
        for example in shape["examples"]:
            jsonschema.Draft202012Validator(shape).validate(example)


@every
def test_what_refers_to_a_shape_changes_only_what_is_said_of_it(name: str) -> None:
    """Beside `$ref` nothing is replaced but annotations, so that every validator reads the same."""
    whole = raw(name)
    for part in objects(whole):
        if "$ref" in part:
            named = reduce(getitem, part["$ref"].split("/")[1:], whole)
            assert named.keys() & part.keys() <= {"$ref", "description", "examples"}, part


@pytest.mark.parametrize(
    ("change", "is_fit"),
    [
        ({}, True),
        ({"comment_2": [], "seed": 3, "controls": {"solo": True, "_": 1}}, True),
        ({"mode": "default"}, False),
        ({"controls": {"order": "alternate"}}, False),
        ({"experiments": [{"repo": "r", "model": "m", "repeat": 3}]}, False),
        ({"settings_version": 1, "mode": "default"}, True),
    ],
)
def test_an_editor_sees_of_settings_what_the_reader_sees(
    change: dict[str, Any], is_fit: bool
) -> None:
    """The schema as it is written, with references, says the same as the one that is read with."""
    value = schema("settings")["$defs"]["version_2"]["examples"][0] | change
    assert jsonschema.Draft202012Validator(raw("settings")).is_valid(value) == is_fit
    assert (found(value) == []) == is_fit


def test_the_examples_of_a_record_lack_nothing() -> None:
    for key, shape in properties(schema("record")):
        for example in shape["examples"]:
            assert [*missing(example, shape)] == [], key


def test_what_a_record_lacks_is_named() -> None:
    shape = schema("record")["properties"]["windows"]
    windows = copy.deepcopy(shape["examples"][0])
    del windows[0]["gpus"][0]["foreground"]["sm_avg_percent"], windows[0]["load"]
    assert sorted(missing(windows, shape)) == [
        "$[0].gpus[0].foreground.sm_avg_percent",
        "$[0].load",
    ]


def test_an_alias_is_described_as_one() -> None:
    entry = schema("settings")["$defs"]["entry"]["properties"]
    for alias in ("mutate_params", "num_mutations", "repository", "fixed_hyperparams", "timeout"):
        assert entry[alias]["description"].startswith("Read as")


def found(value: Any, name: str = "settings") -> list[tuple[str, str]]:
    return [(problem.path, problem.message) for problem in sift(value, name)[1]]


def test_all_errors_at_once_each_a_sentence() -> None:
    value = {
        "mode": "paralel",
        "runs_per_config": "3",
        "seed": True,
        "max_retries": -1,
        "experiments": [
            {"repo": 7, "mutate": ["a", 5], "timeout_seconds": 0},
            "text",
            {"mode": "parallel", "foreground": {"repo": ""}},
        ],
    }
    assert sorted(found(value)) == [
        ("experiments[0].mutate[1]", "must be text, not 5"),
        ("experiments[0].repo", "must be text, not 7"),
        ("experiments[0].timeout_seconds", "must be more than 0, not 0"),
        ("experiments[1]", 'must be an object, not text "text"'),
        ("experiments[2]", '"background" is missing (add it)'),
        ("experiments[2].foreground.repo", "must not be empty"),
        ("max_retries", "must be at least 0, not -1"),
        (
            "mode",
            'must be one of "default", "mutation", "parallel", "mixed", "batch", "nonparallel",'
            ' not text "paralel" (did you mean "parallel"?)',
        ),
        ("runs_per_config", 'must be a whole number, not text "3"'),
        ("seed", "must be a whole number, not true"),
    ]


@pytest.mark.parametrize("mode", ["parallel", "nonparalel", "mixd", "bach"])
def test_other_words_for_mutation_are_never_suggested(mode: str) -> None:
    entry = {"mode": "parallel", "foreground": {"mode": mode}, "background": {}}
    [(path, message)] = found({"experiments": [entry]})
    assert path == "experiments[0].foreground.mode"
    assert "did you mean" not in message


@pytest.mark.parametrize(
    ("value", "path", "sentence"),
    [
        ([], "", "must be an object, not a list"),
        ({}, "", '"experiments" is missing'),
        ({"experiments": {}}, "experiments", "must be a list, not an object"),
        ({"experiments": None}, "experiments", "must be a list, not null"),
    ],
)
def test_the_whole_is_wrong(value: Any, path: str, sentence: str) -> None:
    [(where, message)] = found(value)
    assert where == path
    assert sentence in message


def test_an_alias_takes_what_its_key_takes() -> None:
    wrong = {"num_mutations": -1, "timeout": 0, "repository": "", "mutate_params": "all"}
    paths = [path for path, _ in found({"experiments": [wrong], "num_mutations": None})]
    assert sorted(paths) == [*(f"experiments[0].{key}" for key in sorted(wrong)), "num_mutations"]


@pytest.mark.parametrize(
    ("part", "path", "sentence"),
    [
        ({"controls": True}, "controls", "must be an object, not true"),
        ({"controls": None}, "controls", "must be an object, not null"),
        (
            {"controls": {"idle_seconds": "60"}},
            "controls.idle_seconds",
            'must be a number, not text "60"',
        ),
        (
            {"controls": {"background_seconds": -1}},
            "controls.background_seconds",
            "must be at least 0, not -1",
        ),
        (
            {"controls": {"idle_seconds": 1e9}},
            "controls.idle_seconds",
            "must be at most 31536000, not 1000000000.0",
        ),
        ({"controls": {"solo": 1}}, "controls.solo", "must be true or false, not 1"),
        (
            {"controls": {"order": "solo first"}},
            "controls.order",
            'must be one of "alternate", "solo_first", "parallel_first", not text "solo first"'
            ' (did you mean "solo_first"?)',
        ),
        ({"validity": []}, "validity", "must be an object, not a list"),
        (
            {"validity": {"min_coverage": 95}},
            "validity.min_coverage",
            "must be at most 1, not 95",
        ),
        (
            {"validity": {"min_sampling_coverage": True}},
            "validity.min_sampling_coverage",
            "must be a number, not true",
        ),
        (
            {"validity": {"min_background_sm_percent": 101}},
            "validity.min_background_sm_percent",
            "must be at most 100, not 101",
        ),
        (
            {"validity": {"max_strangers_sm_percent": None}},
            "validity.max_strangers_sm_percent",
            "must be a number, not null",
        ),
        (
            {"validity": {"max_strangers_memory_mib": -0.5}},
            "validity.max_strangers_memory_mib",
            "must be at least 0, not -0.5",
        ),
    ],
)
def test_controls_and_validity_at_the_top_and_in_an_entry(
    part: dict[str, Any], path: str, sentence: str
) -> None:
    assert found({"experiments": []} | part) == [(path, sentence)]
    assert found({"experiments": [part]}) == [(f"experiments[0].{path}", sentence)]
    sifted, _ = sift({"experiments": [part]}, "settings")
    assert not any(sifted["experiments"][0].values())


def registry(**changes: Any) -> dict[str, Any]:
    repository = {"path": "p", "train_script": "./t.sh", "models": ["m"]} | changes
    return {"models": {"r": repository}}


def hyperparameter(**changes: Any) -> dict[str, Any]:
    return registry(supported_hyperparams={"h": {"flag": "--h", "type": "int"} | changes})


@pytest.mark.parametrize(
    ("value", "path", "sentence"),
    [
        (registry(models=["m", "n", "m"]), "models.r.models", 'holds "m" more than once'),
        (registry(models=[]), "models.r.models", "must not be empty"),
        (registry(path="a\0b"), "models.r.path", "NUL character"),
        (registry(model_flag="x" * 40_000), "models.r.model_flag", "at most 32000 characters"),
        (hyperparameter(range=[1]), "models.r.supported_hyperparams.h.range", "at least 2 values"),
        (
            hyperparameter(range=[1.5, 3]),
            "models.r.supported_hyperparams.h.range[0]",
            "must be a whole number, not 1.5",
        ),
        (
            hyperparameter(type="float", range=[0, 1], distribution="log_uniform"),
            "models.r.supported_hyperparams.h.range[0]",
            "must be more than 0, not 0",
        ),
        (
            hyperparameter(distribution="log_unifrom"),
            "models.r.supported_hyperparams.h.distribution",
            'did you mean "log_uniform"?',
        ),
        (
            hyperparameter(zero_probability=1.5),
            "models.r.supported_hyperparams.h.zero_probability",
            "must be at most 1, not 1.5",
        ),
    ],
)
def test_registry_sentences(value: Any, path: str, sentence: str) -> None:
    [(where, message)] = found(value, "registry")
    assert where == path
    assert sentence in message


def test_a_range_that_fits_its_kind_is_accepted() -> None:
    assert not found(hyperparameter(range=[1, 3.0]), "registry")
    assert not found(hyperparameter(type="float", range=[0, 0.5]), "registry")


def test_sift_takes_out_what_does_not_fit_and_leaves_the_value_alone() -> None:
    value = {
        "runs_per_config": "3",
        "experiments": [[], {"repo": 1, "model": "m", "mutate": ["a", 2]}, {"mode": "parallel"}],
    }
    before = json.dumps(value)
    sifted, problems = sift(value, "settings")
    assert sifted == {"experiments": [{}, {"model": "m"}, {"mode": "parallel"}]}
    assert has_errors(problems)
    assert json.dumps(value) == before
    assert sift(sifted, "settings")[0] == sifted


def test_names_are_missing_in_whatever_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another version or language of jsonschema says it in its own words."""

    def other_words(_: Any, wanted: list[str], given: Any, __: Any) -> Iterator[Any]:
        for name in wanted:
            if name not in given:
                yield jsonschema.ValidationError("es fehlt etwas")

    extend: Any = validators.extend
    validator = extend(jsonschema.Draft202012Validator, {"required": other_words})
    monkeypatch.setattr(jsonschema, "Draft202012Validator", validator)
    assert found({"experiments": [{"mode": "parallel"}]}) == [
        ("experiments[0]", '"foreground" is missing (add it)'),
        ("experiments[0]", '"background" is missing (add it)'),
    ]


@pytest.mark.parametrize(
    ("rules", "given"),
    [
        ({"const": 2}, 1),
        ({"multipleOf": 2}, 3),
        ({"not": {}}, None),
        ({"anyOf": [False, {"type": "null"}]}, []),
        ({"oneOf": [{}, {}]}, "x"),
        ({"contains": {"type": "null"}}, [1]),
        ({"contains": {"type": "null"}, "maxContains": 1}, [None, None]),
        ({"prefixItems": [{}], "items": False}, [1, 2]),
        ({"maxProperties": 1}, {"a": 1, "b": 2}),
        ({"propertyNames": {"const": "b"}}, {"a": 1}),
        ({"additionalProperties": {"not": {}}}, {"a": 1}),
        ({"unevaluatedProperties": False}, {"a": 1}),
        ({"unevaluatedItems": False}, [1]),
        ({"dependentRequired": {"a": ["b"]}}, {"a": 1}),
        ({"dependentSchemas": {"a": False}}, {"a": 1}),
    ],
)
def test_a_rule_without_a_sentence_of_its_own(
    monkeypatch: pytest.MonkeyPatch, rules: Any, given: Any
) -> None:
    monkeypatch.setattr(module, "schema", lambda _: {"properties": {"key": rules}})
    [(path, message)] = found({"key": given})
    assert path.startswith("key")
    assert message.endswith(" does not fit the schema")
    sifted, _ = sift({"key": given, "other": 1}, "settings")
    assert sifted["other"] == 1


def test_of_too_many_errors_nothing_is_left_to_read() -> None:
    entries = [{"repo": 3}] * 2000
    with pytest.raises(ProblemsError, match=r"experiments\[0\].repo \(and 1000 more like it\)"):
        sift({"experiments": entries}, "settings")


def test_repeated_mistakes_share_a_line_and_lines_are_limited() -> None:
    alike = [Problem("error", f"experiments[{i}].repo", "wrong", "f") for i in range(1000)]
    assert problem_lines(alike, "error") == ["f: experiments[0].repo (and 999 more like it): wrong"]
    few = problem_lines(alike[:3], "error")
    assert few == [f"f: experiments[{i}].repo: wrong" for i in range(3)]
    different = [Problem("error", "x", f"wrong {i}") for i in range(1000)]
    lines = problem_lines(different, "error")
    assert len(lines) == 51
    assert lines[-1] == "and 950 more errors"
    assert problem_lines(different, "warning") == []


def test_paths_of_odd_keys_are_quoted_on_one_line() -> None:
    assert join(join("a", "b c\n\x1b[0m"), 3) == 'a["b c\\n\\u001b[0m"][3]'
    assert len(join("", "k" * 100_000)) < 200
