"""Other people's regular expressions: the relaxed ones find all that the strict ones find."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.log.expressions import relaxed

ATOMS = st.sampled_from(
    ["a", "5", r"\.", ".", r"\d", r"\s", r"\S", "[0-9.]", "[^a]", r"[\]5]", "[]5]", "-", " ", "nan"]
)
QUANTIFIERS = st.sampled_from(["", "", "", "+", "*", "?", "{1,2}", "+?", "*?"])
GROUPS = st.sampled_from(["(", "(?:", "(?P<{}>", "(?=", "(?!", "(?<!"])
TEXTS = st.text(st.sampled_from("a5.-n \u00e9"), max_size=6) | st.sampled_from(
    ["a nan", "a 5.5", "nan", "a: nan 5", "5.a", "-", "a - 5", "n/a"]
)


def grouped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def build(opening: str, content: str, quantifier: str) -> str:
        if opening in ("(?=", "(?!", "(?<!"):
            quantifier = ""
        return f"{opening}{content}){quantifier}"

    pieces = st.lists(inner, min_size=1, max_size=3)
    contents = pieces.map("".join) | st.lists(inner, min_size=2, max_size=2).map("|".join)
    return st.builds(build, GROUPS, contents, QUANTIFIERS)


PATTERNS = st.lists(
    st.recursive(st.builds(str.__add__, ATOMS, QUANTIFIERS), grouped, max_leaves=6),
    min_size=1,
    max_size=4,
).map("".join)


def named(pattern: str) -> str:
    parts = pattern.split("{}")
    return "".join(f"{part}g{n}" for n, part in enumerate(parts[:-1])) + parts[-1]


@given(pattern=PATTERNS, text=TEXTS)
def test_whatever_a_pattern_finds_is_found(pattern: str, text: str) -> None:
    pattern = named(pattern)
    try:
        plain = re.compile(pattern, re.IGNORECASE)
    except re.error:
        return
    found = relaxed(pattern)
    if not plain.search(text):
        return
    assert found.matches(text)
    assert all(word in text.lower() for word in found.words)
    for each in (found.either, *found.voids):
        assert each is None or each.groups == plain.groups


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("Test Accuracy: ([0-9.]+)", ("test accuracy: ",)),
        (r"\* Prec@1\s+([0-9.]+)", ("* prec@1",)),
        (r"epoch (\d+).*loss=(\S+)", ("epoch ", "loss=")),
        (r"ab?c+d{2}(e|f)", ("a", "c")),
        ("acc|loss ([0-9.]+)", ()),
        (r"acc \d+\.\d+", ("acc ",)),
        ("(?x) acc ([0-9.]+) # percent", ()),
        ("(?i)acc(?# comment (x)=([0-9]+)", ("acc", "=")),
        (r"准确率: ([0-9.]+)", ("准确率: ",)),
        (r"\bacc\b([0-9]+)", ("acc",)),
    ],
)
def test_words_that_a_line_must_have(pattern: str, words: tuple[str, ...]) -> None:
    assert relaxed(pattern).words == words


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("acc: ([0-9.]+)", "acc: nan"),
        (r"acc: (\d+\.\d+)", "acc: nan"),
        (r"acc: (?P<acc>\d+)", "acc: nan"),
        (r"acc: ((?:\d+)(?:\.\d+)?)%?", "acc: nan"),
        (r"acc: ([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)", "acc: -inf"),
        (r"(acc)=(\d+)(?(1) x|y)", "acc=nan x"),
        (r"(a)\1 ([0-9]+)", "aa none"),
        (r"acc: ([0-9.]+|\d+ of \d+)", "acc: n/a"),
        (r"acc: (\d+)\)", "acc: -)"),
        (r"acc: ([()0-9]+)", "acc: null"),
        (r"acc: [0-9.]+", "acc: nan"),
        (r"acc: \d{1,3}\.\d+ percent", "acc: nan percent"),
        (r"acc: [0-9.]+ \(([0-9.]+)\)", "acc: nan (nan)"),
        (r"(?<=run \d )acc: \d+ \((\d+)\)", "run 3 acc: nan (nan)"),
    ],
)
def test_what_stands_in_the_place_of_a_number_is_found(pattern: str, text: str) -> None:
    assert not re.search(pattern, text)
    assert relaxed(pattern).matches(text)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("(acc|accuracy): ([0-9.]+)", "none: 5"),
        (r"(?<!my (\d)) acc: (\w)x", "acc: nan"),
        (r"(acc) [a-z]+", "nan abc"),
        (r"(?=nan)(?!a|\d)n(?:an)", "inf"),
        (r"(?<=run \d )acc ([0-9.]+)", "run - acc 5"),
    ],
)
def test_only_numbers_are_relaxed(pattern: str, text: str) -> None:
    assert not relaxed(pattern).matches(text)
