"""The monitor's files by columns: the same rows that read_rows() gives, whatever is damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some
from tandem.measure import columns
from tandem.measure.columns import CsvColumns
from tandem.measure.rows import read_rows

Known = list[tuple[float, float]]


def known(path: Path, column: str) -> tuple[Known, int]:
    source = CsvColumns(path)
    found: Known = []
    for piece in source.pieces():
        times_s, values = piece.known(column) or ([], [])
        found += zip(times_s, values, strict=True)
    return found, source.damaged_lines


def written(tmp_path: Path, *lines: str, end: str = "\n") -> Path:
    path = tmp_path / "cpu.csv"
    path.write_text("\n".join(["boottime_s,kind,a,b", *lines]) + end)
    return path


def test_a_column_has_its_known_numbers(tmp_path: Path) -> None:
    path = written(tmp_path, "1.0,,5,", "2.0,mark,,7", "3.0,,6.5,7")
    assert known(path, "a") == ([(1.0, 5.0), (3.0, 6.5)], 0)
    assert known(path, "b") == ([(2.0, 7.0), (3.0, 7.0)], 0)
    assert known(path, "none of it") == ([], 0)


@pytest.mark.parametrize(
    "bad", ["2.0,,5", "2.0,,5,6,7", "x,,5,6", "nan,,5,6", "inf,,5,6", "0.5,,5,6", "", "\0\0\0"]
)
def test_a_damaged_line_is_left_out_alone_and_counted(tmp_path: Path, bad: str) -> None:
    path = written(tmp_path, "1.0,,1,1", bad, "3.0,,3,1")
    assert known(path, "a") == ([(1.0, 1.0), (3.0, 3.0)], 1)


def test_two_damaged_lines_that_have_all_cells_together_are_both_left_out(tmp_path: Path) -> None:
    path = written(tmp_path, "1.0,,1,1", "2.0,,2", "2.5,,9,9,9", "3.0,,3,1")
    assert known(path, "a") == ([(1.0, 1.0), (3.0, 3.0)], 2)


def test_a_torn_last_line_is_no_row(tmp_path: Path) -> None:
    assert known(written(tmp_path, "1.0,,1,1", "2.0,,2,2", end=""), "a") == ([(1.0, 1.0)], 1)


def test_a_number_that_is_none_is_not_known(tmp_path: Path) -> None:
    path = written(tmp_path, "1.0,,nan,1", "2.0,,inf,x", "3.0,,3,1")
    assert known(path, "a") == ([(3.0, 3.0)], 0)
    assert known(path, "b") == ([(1.0, 1.0), (3.0, 1.0)], 0)


def test_what_has_no_lines_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "cpu.csv"
    path.write_bytes(b"boottime_s,kind,a\n" + b"\0" * 3_000_000 + b"\n5.0,,5\n")
    assert known(path, "a")[0] == [(5.0, 5.0)]
    path.write_bytes(b"")
    assert known(path, "a") == ([], 0)


cells = some.one_of(some.just(""), some.floats(-1e6, 1e6).map(lambda x: f"{x:.3f}"))


@given(some.lists(some.tuples(cells, cells), max_size=40), some.integers(20, 200))
def test_pieces_give_the_rows_that_are_there(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], piece_bytes: int
) -> None:
    lines = [f"{n}.5,,{a},{b}" for n, (a, b) in enumerate(rows)]
    path = written(tmp_path_factory.mktemp("rows"), *lines)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(columns, "_PIECE_BYTES", piece_bytes)
        for column in "ab":
            expected = [(row["boottime_s"], row[column]) for row in read_rows(path)]
            assert known(path, column) == ([each for each in expected if each[1] is not None], 0)
