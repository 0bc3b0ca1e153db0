"""Reading JSON: everything a lenient reader would swallow is refused with a sentence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.base.errors import UsageError
from tandem.config.jsonfile import MAX_BYTES, MAX_DEPTH, read_json


def written(folder: Path, raw: bytes) -> Path:
    path = folder / "file.json"
    path.write_bytes(raw)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UsageError) as caught:
        read_json(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("raw", "sentence"),
    [
        (b"", "the file is empty"),
        (b" \n\t", "the file is empty"),
        (b"\xff\xfe{}", "UTF-16, not UTF-8 text at byte 0"),
        (b'{"a":\n "\xe9"}', "not UTF-8 text at byte 8, line 2"),
        (b"[" * 100_000, "nested more than 64 levels deep"),
        (b'{"a": [1, NaN]}', "a[1]: NaN, infinite"),
        (b'{"a": -Infinity}', "a: NaN, infinite"),
        (b'{"a": 1e999}', "a: NaN, infinite"),
        (b'{"a": ' + b"1" * 5000 + b"}", "a: NaN, infinite"),
        (b'{"a": "\\ud800"}', "a: text with half of a surrogate pair"),
        (b'{"\\udc00": 1}', 'key "\\udc00" has half of a surrogate pair'),
        (b'{"a": {"b c": {"x": 1, "x": 2}}}', 'a["b c"]: "x" is given twice'),
    ],
)
def test_refused(tmp_path: Path, raw: bytes, sentence: str) -> None:
    path = written(tmp_path, raw)
    message = refusal(path)
    assert message.startswith(f"{path}: ")
    assert sentence in message
    assert len(message.splitlines()) == 1


def test_every_repeated_key_is_named_at_once(tmp_path: Path) -> None:
    message = refusal(written(tmp_path, b'{"a": 1, "a": 2, "b": [{"c": 1, "c": 1}]}'))
    assert [line.split(": ", 1)[1] for line in message.splitlines()] == [
        '"a" is given twice, and only one can count (remove or rename one)',
        'b[0]: "c" is given twice, and only one can count (remove or rename one)',
    ]


def test_comments_may_be_repeated_but_not_objects_under_such_names(tmp_path: Path) -> None:
    raw = b'{"comment": "a", "comment": "b", "_x": "c", "_x": "d", "v": 1}'
    assert read_json(written(tmp_path, raw)).value["v"] == 1
    assert '"_x" is given twice' in refusal(written(tmp_path, b'{"_x": {}, "_x": {}}'))


def test_depth_is_counted_exactly(tmp_path: Path) -> None:
    deepest = b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1)
    assert read_json(written(tmp_path, deepest)).value
    assert "nested" in refusal(written(tmp_path, b"[" + deepest + b"]"))


def test_too_large(tmp_path: Path) -> None:
    path = written(tmp_path, b"[]" + b" " * MAX_BYTES)
    assert "larger than 16 MiB" in refusal(path)


def test_what_cannot_be_opened(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "nothing.json")
    assert "is a folder" in refusal(tmp_path)
    assert "cannot be read" in refusal(tmp_path / ("x" * 5000))
    assert "cannot be read" in refusal(Path("a\0b"))


def test_line_breaks_in_file_names_do_not_break_the_message(tmp_path: Path) -> None:
    assert refusal(tmp_path / "a\nb.json").endswith("a\\nb.json: no such file (check the path)")


def test_a_byte_order_mark_is_no_fault(tmp_path: Path) -> None:
    assert read_json(written(tmp_path, b'\xef\xbb\xbf{"a": 1}')).value == {"a": 1}


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("json")


@given(value=VALUES)
def test_what_json_holds_is_read_as_it_is(folder: Path, value: Any) -> None:
    assert read_json(written(folder, json.dumps(value).encode())).value == value


@given(raw=st.binary(max_size=200) | st.text('{}[]",:0123eE-+.nultrfas\\ ').map(str.encode))
def test_no_bytes_raise_anything_else(folder: Path, raw: bytes) -> None:
    path = written(folder, raw)
    try:
        read_json(path)
    except UsageError as error:
        assert str(error).startswith(str(path))
