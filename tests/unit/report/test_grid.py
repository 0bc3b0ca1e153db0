"""Tables of cells that fit a screen of any width."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tandem.report.grid import fold, grid, labelled

TITLES = ("values", "repeats", "dose")


def test_titles_stand_once_over_all_sections() -> None:
    sections = [
        ("digits mlp", [("epochs=5", "6", "none"), ("epochs=10", "6", "")]),
        ("vision resnet20", [("rate=0.1", "12", "half")]),
    ]
    assert grid(TITLES, sections, 80) == [
        "  values     repeats  dose",
        "digits mlp",
        "  epochs=5   6        none",
        "  epochs=10  6",
        "vision resnet20",
        "  rate=0.1   12       half",
    ]


def test_a_column_without_any_cell_is_left_out() -> None:
    assert grid(TITLES, [("", [("a", "1", "")])], 80) == ["  values  repeats", "  a       1"]


def test_a_narrow_screen_has_the_cells_of_a_row_below_each_other() -> None:
    sections = [("digits mlp", [("epochs=5", "6", "")])]
    assert grid(TITLES, sections, 40) == ["digits mlp", "  epochs=5", "    repeats 6"]


def test_long_cells_go_on_below() -> None:
    row = ("learning_rate=0.00001 to 0.1, epochs=5 to 15, batch_size=8", "6", "")
    assert grid(TITLES, [("", [row])], 60) == [
        "  values                                         repeats",
        "  learning_rate=0.00001 to 0.1, epochs=5 to 15,  6",
        "  batch_size=8",
    ]


def test_a_name_that_is_too_long_breaks_behind_a_sign() -> None:
    assert fold("Person_reID_baseline_pytorch pcb", 24) == ["Person_reID_baseline_", "pytorch pcb"]
    assert fold("a_b 0.5", 24) == ["a_b 0.5"]


def test_a_word_with_a_hyphen_stays_whole_where_it_fits() -> None:
    assert fold("records in /tmp/my-results", 20) == ["records in", "/tmp/my-results"]


def test_a_narrow_screen_has_long_titles_on_several_lines() -> None:
    assert labelled([("digits mlp beside digits mlp", "unknown")], 24) == [
        "  digits mlp beside",
        "    digits mlp",
        "    unknown",
    ]


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
@given(
    rows=st.lists(
        st.tuples(*[st.text("ab_=. ", max_size=90).map(str.strip)] * 3), min_size=1, max_size=4
    )
)
def test_no_line_is_wider_than_the_screen(columns: int, rows: list[tuple[str, ...]]) -> None:
    for line in grid(TITLES, [("x" * 50, rows)], columns):
        assert len(line) <= columns
