"""What is not JSON: each message says what a person did, and shows where."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from support import ROOT
from tandem.base.errors import UsageError
from tandem.config.excerpt import excerpt_of, place_of
from tandem.config.json_faults import fault_in
from tandem.config.jsonfile import read_json

BACKSLASH = "\\"


@pytest.mark.parametrize(
    ("text", "place", "sentence"),
    [
        ('{"a": 1,}', (1, 8), "a comma before } (remove it)"),
        ('{"a": [1,\n2,\n]}', (2, 2), "a comma before ] (remove it)"),
        ('{"a": 1, // why\n"b": 2}', (1, 10), "a comment: JSON has none"),
        ('{"a": 1, # why\n"b": 2}', (1, 10), "a comment: JSON has none"),
        ('{"a": 1, /* why */ "b": 2}', (1, 10), "a comment: JSON has none"),
        ("{'a': 1}", (1, 2), "JSON has only double quotes, \", not '"),
        ('{"a": \u201cx\u201d}', (1, 7), 'JSON has only double quotes, ", not \u201c'),
        ('{"a": 1\n "b": 2}', (1, 8), "a comma is missing here"),
        ('{"a": 1,, "b": 2}', (1, 9), "two commas, and nothing between them"),
        ('{, "b": 2}', (1, 2), "a key is missing before this comma"),
        ('{"a": 1; "b": 2}', (1, 8), "; stands where a comma or } should"),
        ('{"a": 1,\n b": 2}', (2, 2), "a quotation mark is missing before b"),
        ('{"a": "x, "b": 2}', (1, 12), "a quotation mark is missing before it, or one is too"),
        ('{"a": "x\n}', (1, 7), "the text that begins here has no quotation mark at its end"),
        ('{"a": "x', (1, 7), "the text that begins here has no quotation mark at its end"),
        ('{"a": "x\ty"}', (1, 9), f"a tab within text (write {BACKSLASH}t)"),
        ('{"a": "x\0y"}', (1, 9), "the control character U+0000 within text"),
        (r'{"a": "C:\data"}', (1, 10), f"written twice, {BACKSLASH * 2}"),
        (r'{"a": "\u00"}', (1, 8), "four hexadecimal digits"),
        ('{"a": True}', (1, 7), "JSON writes True as true"),
        ('{"a": None}', (1, 7), "JSON writes None as null"),
        ('{"a": nan}', (1, 7), "JSON has no number nan"),
        ('{"a": .5}', (1, 7), ".5 is no number as JSON writes them: 0.5, 12, 1e-5"),
        ('{"a": 007}', (1, 7), "007 is no number"),
        ('{"a": mlp}', (1, 7), "mlp is no value (text stands in double quotes)"),
        ("{a: 1}", (1, 2), 'a key stands in double quotes: "a"'),
        ("{1: 1}", (1, 2), 'a key stands in double quotes: "1"'),
        ('{"a" 1}', (1, 5), 'a colon is missing behind "a"'),
        ('{"a" = 1}', (1, 6), "= stands where a colon should"),
        ('{"a": 1,\n "b": }', (2, 5), 'a value is missing behind "b"'),
        ('{"a": ["x"}', (1, 11), "this } meets the [ of line 1, which is open"),
        ('{\n"a": [{"b": 1]}', (2, 14), "this ] meets the { of line 2, which is open"),
        ('{"a": 1}}', (1, 9), "} is too many"),
        ('{"a": {\n"b": 1}', (1, 1), "the { that begins here is not closed"),
        ("{", (1, 1), "the { that begins here is not closed"),
        ('{\n "a": {\n  "b": 1,\n "c": 2\n}\n', (2, 7), "the { that begins here is not closed"),
        ('"a": 1}', (1, 1), "{ is missing before this"),
        ('{"a": "b": 1}', (1, 5), 'behind "a" { is missing, or a value and a comma'),
        ('{"a": "b", "c"], "d": 1}', (1, 15), 'a colon and a value are missing behind "c"'),
        ('[{"a": 1,\n{"b": 2}]', (1, 9), "or } (the { of line 1 is open)"),
        ('[1, "b": 2]', (1, 5), "] is missing before this, or {"),
        ("{} {}", (1, 4), "a second value begins here"),
        ('{"a": 1}\n{"a": 2}', (2, 1), "a second value begins here"),
        ('\u00a0{"a": 1}', (1, 1), "an invisible character, U+00A0"),
        ('\ufeff{"a": 1}', (1, 1), "an invisible character, U+FEFF"),
        ("experiments:\n  - repo: digits\n", (1, 1), "this looks like YAML"),
        ("# mine\n---\nrepo: digits\n", (2, 1), "this looks like YAML"),
        ("#!/usr/bin/python3\nimport json\n", (2, 1), "this looks like Python"),
        ('settings = {"a": 1}', (1, 1), "this looks like Python"),
        ("<!DOCTYPE html>", (1, 1), "this looks like XML or HTML"),
        ("hello", (1, 1), "hello is no value"),
    ],
)
def test_the_message_says_what_a_person_did(
    text: str, place: tuple[int, int], sentence: str
) -> None:
    fault = fault_in(text)
    assert fault
    assert (place_of(text, fault.position), sentence in fault.message) == (place, True), fault


def test_the_line_is_shown_with_a_mark_below(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text('{\n\t"a": 1,\n}\n')
    with pytest.raises(UsageError) as caught:
        read_json(file)
    assert str(caught.value).splitlines() == [
        f"{file}: not JSON at line 2, column 8: a comma before }} (remove it)",
        '     "a": 1,',
        "           ^",
    ]


def test_of_a_long_line_the_part_around_the_mark_is_shown() -> None:
    text = "[" + "1, " * 100 + ", 2" + ", 3" * 100 + "]"
    shown, mark = excerpt_of(text, text.index(", , 2") + 2)
    assert len(shown) <= 90
    assert shown[len(mark) - 1 :].startswith(", 2, 3")
    wide = '{"\u5b66\u7fd2": 1,}'
    assert excerpt_of(wide, wide.index(",")) == (f"    {wide}", " " * 14 + "^")


def is_json(text: str) -> bool:
    try:
        json.loads(text)
    except json.JSONDecodeError:
        return False
    return True


def other_end(text: str, place: int) -> int:
    """Where the other bracket of a pair stands in a JSON text."""
    opened = list[int]()
    for match in re.finditer(r'"(?:[^"\\]|\\.)*"|[{}\[\]]', text):
        if match[0] in ("{", "["):
            opened.append(match.start())
        elif match[0] in ("}", "]"):
            pair = opened.pop(), match.start()
            if place in pair:
                return sum(pair) - place
    raise AssertionError


def check_deletion(text: str, place: int) -> None:
    """A character is missing: a fault is found if JSON's own reader finds one, and its line told.

    That is the line of the mark, or a line that the message names, or one between the mark and what
    stands before it. Of a bracket it may be the line of its other end.
    """
    torn = text[:place] + text[place + 1 :]
    fault = fault_in(torn)
    assert (fault is None) == is_json(torn)
    if fault is None:
        return
    marked, _ = place_of(torn, fault.position)
    before = torn[: fault.position].rstrip()
    told = {*range(1 + before.count("\n"), marked + 1)}
    told |= {int(number) for number in re.findall(r"line (\d+)", fault.message)}
    lines = {place_of(text, place)[0]}
    if text[place] in "{}[]":
        lines.add(place_of(text, other_end(text, place))[0])
    assert lines & told, f"{text[place]!r} of line {lines} is missing, and told is: {fault}"


@pytest.mark.parametrize("name", ["examples/design.json", "examples/controls.json"])
def test_any_character_less_in_an_example_is_told_with_its_line(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    for place in range(len(text)):
        check_deletion(text, place)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(0, 1) | st.text(max_size=6),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text("abc: {}[]", max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(value=VALUES, indent=st.sampled_from([None, 2, 4]), where=st.floats(0, 1))
@example(value={"a": [{"b": 1}]}, indent=2, where=0.0)
def test_any_character_less_anywhere_is_found(value: Any, indent: int | None, where: float) -> None:
    text = json.dumps({"experiments": value, "x": 1}, indent=indent)
    assert fault_in(text) is None
    place = min(int(where * len(text)), len(text) - 1)
    torn = text[:place] + text[place + 1 :]
    assert (fault_in(torn) is None) == is_json(torn)


@given(text=st.text() | st.text('{}[]",:0123eE-+.nultrfas\\/# \n\t'))
def test_it_finds_a_fault_exactly_where_there_is_one(text: str) -> None:
    fault = fault_in(text) if text.strip() else None
    if text.strip():
        assert (fault is None) == is_json(text)
    if fault:
        assert 0 <= fault.position <= len(text)
        excerpt_of(text, fault.position)
