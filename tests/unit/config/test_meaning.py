"""Where two settings files or registries differ, and what are but words for people."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.config.meaning import differences, meaning_of_registry, meaning_of_settings

ENTRY: dict[str, Any] = {
    "foreground": {"repo": "a", "model": "m", "hyperparameters": {"lr": 0.1, "notes": 3}},
    "background": [None, {"repo": "b", "model": "m"}],
}


def of_settings(old: Any, new: Any) -> list[tuple[str, str, str]]:
    names = {"lr", "notes"}
    return list(differences(meaning_of_settings(old, names), meaning_of_settings(new, names)))


def of_registry(old: Any, new: Any) -> list[tuple[str, str, str]]:
    one, two = (meaning_of_registry({"models": each}, Path("/root")) for each in (old, new))
    return list(differences(one, two))


def test_words_are_no_difference_wherever_they_stand() -> None:
    words = {
        "description": "x",
        "comment_1": {"a": 1},
        "experiments": [
            {"_section": "a separator"},
            ENTRY
            | {"note": "y", "foreground": ENTRY["foreground"] | {"_": 1}}
            | {"background": [None, {"repo": "b", "model": "m", "comment": ["z"]}]},
            {"_": ""},
        ],
    }
    assert of_settings({"experiments": [ENTRY]}, words) == []


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"max_retries": 0}, {"max_retries": 1}, [("max_retries", "0", "1")]),
        ({}, {"seed": 5}, [("seed", "not there", "5")]),
        ({"a": True}, {"a": 1}, [("a", "true", "1")]),
        ({"a": 1}, {"a": 1.0}, [("a", "1", "1.0")]),
        ({"a": None}, {}, [("a", "null", "not there")]),
        ({"i": [0.5, 1]}, {"i": [0.25, 0.5, 1]}, [("i", "[0.5, 1]", "[0.25, 0.5, 1]")]),
        ({"a": {"x": 1}}, {"a": [1]}, [("a", '{"x": 1}', "[1]")]),
        ({"a": {"x y": 1}}, {"a": {"x y": 2}}, [('a["x y"]', "1", "2")]),
        ({"a": "x" * 99}, {}, [("a", '"' + "x" * 59 + "...", "not there")]),
    ],
)
def test_a_difference_is_named_by_its_key(old: Any, new: Any, found: Any) -> None:
    assert of_settings(old, new) == found


def test_an_entry_is_named_by_its_number_in_the_file_as_it_is_now() -> None:
    changed = ENTRY | {"background": [None, {"repo": "c", "model": "m"}]}
    old, new = [{"comment": 1}, ENTRY], [ENTRY, {"_": 1}, {"_": 2}, changed]
    assert of_settings({"experiments": [*old, ENTRY]}, {"experiments": new}) == [
        ("experiments[3].background[1].repo", '"b"', '"c"')
    ]
    [(path, before, now)] = of_settings({"experiments": old}, {"experiments": [ENTRY, ENTRY]})
    assert (path, before, now[:15]) == ("experiments[1]", "not there", '{"background": ')


def test_an_entry_that_says_nothing_is_one_all_the_same() -> None:
    assert of_settings({"experiments": [{}]}, {"experiments": [{}, {"note": ""}]}) == []
    assert of_settings({"experiments": [{}]}, {"experiments": [{}, {}]}) == [
        ("experiments[1]", "not there", "{}")
    ]


def test_a_hyperparameter_is_no_word_whatever_its_name() -> None:
    old = {"hyperparameters": {"notes": 3, "note": "old"}}
    new = {"hyperparameters": {"notes": 4, "note": "new"}}
    assert of_settings(old, new) == [("hyperparameters.notes", "3", "4")]


def test_names_in_a_registry_are_no_words() -> None:
    one = {
        "path": "repos/one",
        "env": {"_X": "1"},
        "performance_metrics": {"log_patterns": {"note": "n"}, "comment": "old"},
        "supported_hyperparams": {"_lr": {"flag": "-l", "note": "old"}, "comment": "old"},
    }
    two = {
        "path": "/root/repos/one",
        "env": {"_X": "2"},
        "performance_metrics": {"log_patterns": {"note": "m"}},
        "supported_hyperparams": {"_lr": {"flag": "-m", "note": "new"}, "comment": "new"},
        "_": 1,
    }
    assert of_registry({"notebook": one}, {"notebook": two, "comment": "x"}) == [
        ("notebook.env._X", '"1"', '"2"'),
        ("notebook.performance_metrics.log_patterns.note", '"n"', '"m"'),
        ("notebook.supported_hyperparams._lr.flag", '"-l"', '"-m"'),
    ]


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
)


@given(values, values)
def test_nothing_differs_from_itself_and_what_differs_is_said_both_ways(one: Any, two: Any) -> None:
    assert list(differences(one, one)) == []
    there, back = (sorted(differences(*pair)) for pair in ((one, two), (two, one)))
    assert len(there) == len(back)
