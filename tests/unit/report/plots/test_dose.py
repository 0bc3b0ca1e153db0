"""The curve over the dose: points in their places, joined in the order of doses."""

from __future__ import annotations

import pytest
from tandem.report.plots.dose import Dose, dose_curve


def dose(at: float, estimate: float, *values: float, high: float | None = None) -> Dose:
    low = None if high is None else 2 * estimate - high
    return Dose(at, values or (estimate,), estimate, low, high, "")


def percents(drawing: object, kind: str, name: str) -> list[float]:
    found = [each for each in drawing.iter() if each.get("class") == kind]  # type: ignore[attr-defined]
    return [float(each.get(name).rstrip("%")) for each in found]


def test_doses_lie_across_and_values_beside_them() -> None:
    doses = [dose(0.25, 1.1, 1.0, 1.2), dose(0.5, 1.2), dose(1.0, 1.4, high=1.5)]
    drawing = dose_curve("slowdown", doses, 1.0, "intensity")
    marks = percents(drawing, "mark", "x")
    assert marks[1] - marks[0] == pytest.approx((marks[2] - marks[1]) / 2, abs=0.1)
    assert percents(drawing, "dot", "cx") == [marks[0], marks[0], marks[1], marks[2]]
    assert percents(drawing, "interval", "x1") == [marks[2]]


def test_more_lies_higher_and_no_effect_is_a_line() -> None:
    drawing = dose_curve("slowdown", [dose(0.5, 1.2), dose(1.0, 1.4)], 1.0, "intensity")
    first, second = percents(drawing, "mark", "y")
    (no_effect,) = percents(drawing, "no-effect", "y1")
    assert second < first < no_effect


def test_estimates_are_joined_in_the_order_of_doses() -> None:
    drawing = dose_curve("slowdown", [dose(1.0, 1.4), dose(0.2, 1.1), dose(0.6, 1.2)], 1.0, "i")
    begins, ends = percents(drawing, "through", "x1"), percents(drawing, "through", "x2")
    assert begins == sorted(begins) and begins[1:] == ends[:-1]


def test_one_dose_is_drawn_and_all_are_read_out() -> None:
    drawing = dose_curve("slowdown", [dose(0.5, 1.2)], 1.0, "intensity")
    assert drawing.get("aria-label") == "slowdown. intensity 0.5: 1.2"
    assert drawing.get("role") == "img"
    assert percents(drawing, "through", "x1") == []
