"""The monitor's CSV files: what is read back is what was written, also in the middle of a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tandem.measure.rows import last_row, number, read_rows, rows_between

HEADER = "boottime_s,suspended_s,kind,power_mean_w\n"


def write(path: Path, times_s: list[float], end: str = "") -> Path:
    lines = [f"{when_s},{when_s + 1e9},mark,{when_s * 2}\n" for when_s in times_s]
    path.write_text(HEADER + "".join(lines) + end)
    return path


def times(path: Path, from_s: float, to_s: float) -> list[object]:
    return [row["boottime_s"] for row in rows_between(path, from_s, to_s)]


@given(
    st.lists(st.integers(0, 3000), unique=True, max_size=600).map(sorted),
    st.integers(-10, 3010),
    st.integers(0, 500),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_between_two_moments_are_those_inside_and_one_on_each_side(
    tmp_path: Path, when: list[int], from_s: int, length_s: int
) -> None:
    path = write(tmp_path / "rows.csv", [float(each) for each in when])
    to_s = from_s + length_s
    before = [each for each in when if each <= from_s][-1:]
    inside = [each for each in when if from_s < each < to_s]
    after = [each for each in when if each >= to_s and each > from_s][:1]
    assert times(path, from_s, to_s) == before + inside + after


def test_a_cell_is_a_number_a_text_or_not_measured(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("boottime_s,kind,event_reasons,sm_percent\n1.5,,a0,\n2.5,fresh,,7\n")
    assert list(read_rows(path)) == [
        {"boottime_s": 1.5, "kind": "", "event_reasons": "a0", "sm_percent": None},
        {"boottime_s": 2.5, "kind": "fresh", "event_reasons": "", "sm_percent": 7.0},
    ]


@pytest.mark.parametrize("torn", ["3", "3,4,,", "3,4,,5", "3,4,\n", "x,4,,5\n", ",4,,5\n"])
def test_what_a_kill_left_torn_is_no_row(tmp_path: Path, torn: str) -> None:
    path = write(tmp_path / "rows.csv", [1.0, 2.0], torn)
    assert [row["boottime_s"] for row in read_rows(path)] == [1.0, 2.0]
    assert times(path, 1.5, 9.0) == [1.0, 2.0]
    newest = last_row(path)
    assert newest is not None
    assert newest["boottime_s"] == 2.0


@pytest.mark.parametrize("text", [None, "", "boottime_s,utc", HEADER])
def test_a_file_without_rows_has_none(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "rows.csv"
    if text is not None:
        path.write_text(text)
    assert list(read_rows(path)) == []
    assert times(path, 0.0, 9.0) == []
    assert last_row(path) is None


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (None, 3, ""),
        (0.0, 3, "0"),
        (0.1, 3, "0.1"),
        (1200.0, 0, "1200"),
        (1200.0, 1, "1200"),
        (0.12345, 3, "0.123"),
        (123456789012.0, 0, "123456789012"),
    ],
)
def test_a_number_has_nothing_needless(value: float | None, digits: int, text: str) -> None:
    assert number(value, digits) == text
