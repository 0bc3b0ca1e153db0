"""The heat map: colour, sign and number of every cell, and why one is empty."""

from __future__ import annotations

import pytest
from tandem.report.plots.heatmap import NONE, Heat, heatmap, shade, sign


@pytest.mark.parametrize(
    ("value", "classes", "mark"),
    [
        (1.0, "s0", "="),
        (1.02, "s0", "="),
        (1.05, "up s1", "▲"),
        (1 / 1.05, "down s1", "▼"),
        (1.3, "up s3", "▲"),
        (1 / 1.3, "down s3", "▼"),
        (9.0, "up s5", "▲"),
        (0.0, "down s5", "▼"),
    ],
)
def test_a_ratio_and_its_inverse_lie_equally_far_from_one(
    value: float, classes: str, mark: str
) -> None:
    assert (shade(value), sign(value)) == (classes, mark)


def test_every_cell_has_its_number_and_says_how_clear_it_is() -> None:
    cells = {(0, 0): Heat(1.5, True), (0, 1): Heat(1.25, False), (1, 0): Heat(0.9)}
    drawing = heatmap("slowdown", ["a", "b"], ["x", "y"], cells)
    shown = ["".join(each.itertext()) for each in drawing.iter("td")]
    assert shown == ["▲ 1.5", "▲ 1.25", "▼ 0.9", NONE]
    inner = [[child.tag for child in each] for each in drawing.iter("td")]
    assert inner == [["strong"], [], ["i"], []]


def test_a_cell_without_a_value_has_its_reason_in_words() -> None:
    cells = {(0, 0): Heat(None, why="no GPU"), (0, 1): Heat(None, why="no GPU")}
    drawing = heatmap("energy ratio", ["a"], ["x", "y"], cells)
    assert ["".join(each.itertext()) for each in drawing.iter("td")] == [NONE + "1", NONE + "1"]
    (notes,) = drawing.iter("ol")
    assert ["".join(each.itertext()) for each in notes] == ["no GPU"]


def test_rows_and_columns_have_their_titles() -> None:
    drawing = heatmap("slowdown", ["a"], ["x"], {})
    scopes = [(each.get("scope"), each.text) for each in drawing.iter("th")]
    assert scopes == [("col", "slowdown"), ("col", "x"), ("row", "a")]
