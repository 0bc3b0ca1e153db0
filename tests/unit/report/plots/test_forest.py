"""The forest plot: where dots, interval and estimate lie, and what is read out."""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

import pytest
from tandem.report.plots.forest import ForestRow, forest

TITLES = ("compared", "slowdown", "estimate")


def row(*values: float, label: str = "a", bounds: tuple[float, float] | None = None) -> ForestRow:
    low, high = bounds or (None, None)
    return ForestRow(label, values, values[0] if values else None, low, high, ["said"])


def path(drawing: Element, kind: str, at: int = 0) -> str:
    return [each for each in drawing.iter("path") if each.get("class") == kind][at].attrib["d"]


def places(drawing: Element, kind: str, at: int = 0) -> list[float]:
    return [float(x) for x in re.findall(r"[MH]([0-9.]+)", path(drawing, kind, at))]


def test_every_value_is_a_dot_in_its_place() -> None:
    drawing = forest([row(1.0, 1.5, 2.0)], TITLES)
    first, middle, last = places(drawing, "dots")
    assert 0 < first < middle < last < 1000
    assert middle - first == pytest.approx(last - middle, abs=0.2)


def test_interval_and_estimate_lie_on_the_scale_of_all_rows() -> None:
    drawing = forest([row(1.2, 1.1, bounds=(1.1, 1.3)), row(1.1, 1.3)], TITLES, 1.0)
    dots = places(drawing, "dots", 1)
    assert places(drawing, "interval") == dots
    assert places(drawing, "no-effect") == places(drawing, "no-effect", 1)
    assert places(drawing, "no-effect")[0] < dots[0]


@pytest.mark.parametrize(("no_effect", "middle"), [(1.0, 1.0), (0.0, 1.25)])
def test_ratios_lie_on_logarithms_and_differences_do_not(no_effect: float, middle: float) -> None:
    first, second, third = places(forest([row(0.5, middle, 2.0)], TITLES, no_effect), "dots")
    assert second - first == pytest.approx(third - second, abs=0.2)


def test_a_ratio_that_is_not_above_zero_is_drawn_all_the_same() -> None:
    assert len(places(forest([row(0.0, 1.0)], TITLES, 1.0), "dots")) == 2


def test_one_value_alone_is_drawn() -> None:
    assert places(forest([row(7.0)], TITLES), "dots") == [500.0]


def test_what_is_drawn_is_read_out() -> None:
    drawing = forest([row(1.25, 1.5, bounds=(1.1, 1.6))], TITLES, 1.0)
    labels = [each.get("aria-label") for each in drawing.iter("svg")]
    assert labels[1] == "a: estimate 1.25; 95 % interval 1.1 to 1.6; values 1.25, 1.5"
    assert str(labels[0]).startswith("slowdown, from ")
    assert {each.get("role") for each in drawing.iter("svg")} == {"img"}


def test_many_values_are_read_out_as_their_range() -> None:
    drawing = forest([row(*(float(each) for each in range(1, 21)))], TITLES)
    assert "20 values from 1 to 20" in str([*drawing.iter("svg")][1].get("aria-label"))


def test_a_row_without_values_says_why_and_draws_nothing() -> None:
    drawing = forest([ForestRow("a", [], None, None, None, ["no value: no GPU"])], TITLES, 1.0)
    assert not list(drawing.iter("svg"))
    assert "no value: no GPU" in "".join(drawing.itertext())


def test_ticks_that_would_look_the_same_have_more_digits() -> None:
    drawing = forest([row(1.0000001, 1.0000002)], TITLES, 1.0)
    texts = [each.text for each in drawing.iter("text")]
    assert len(set(texts)) == len(texts) > 1
