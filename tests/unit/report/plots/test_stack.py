"""Stacked bars: where each part lies, what is hatched, what the legend says."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import pytest
from tandem.report.plots.stack import Bars, Part, Sign, stacked

SIGNS = (Sign("foreground", "the foreground's"), Sign("either", "nobody's", True))
TITLES = ("compared", "J", "estimates")


def drawn(drawing: Element) -> list[tuple[str, float, float]]:
    """Kind, begin and width in percent of each part in the table."""
    (table,) = drawing.iter("table")
    return [
        (
            each.get("class", "hatched").removeprefix("part "),
            float(each.attrib["x"].rstrip("%")),
            float(each.attrib["width"].rstrip("%")),
        )
        for each in table.iter("rect")
    ]


def test_parts_follow_each_other_from_zero_on_one_scale() -> None:
    lane = [Part("foreground", 0.0, 30.0), Part("either", 30.0, 40.0, True)]
    rows = [Bars("a", [lane], ["70 J"]), Bars("b", [[Part("foreground", 0.0, 80.0)]], [])]
    first, second, hatched, other = drawn(stacked(rows, TITLES, "key", SIGNS))
    assert (first[0], second[0], hatched[0]) == ("foreground", "either", "hatched")
    assert first[1] == 0 and second[1] == pytest.approx(first[2])
    assert second[1:] == hatched[1:]
    assert other[2] == pytest.approx(first[2] * 80 / 30, abs=0.1)
    assert other[2] < 100


def test_below_zero_begins_to_the_left_of_it() -> None:
    lane = [Part("foreground", -10.0, 0.0), Part("either", 0.0, 10.0)]
    first, second = drawn(stacked([Bars("a", [lane], [])], TITLES, "key", SIGNS))
    assert first[1] == 0 and second[1] == pytest.approx(first[2]) and first[2] > 40


def test_the_legend_explains_what_is_drawn_and_nothing_else() -> None:
    rows = [Bars("a", [[Part("foreground", 0.0, 30.0)]], ["30 J"])]
    (legend,) = stacked(rows, TITLES, "key", SIGNS).iter("ul")
    assert ["".join(each.itertext()) for each in legend] == ["the foreground's"]


def test_hatching_is_defined_once_and_used_by_its_name() -> None:
    rows = [Bars("a", [[Part("either", 0.0, 1.0, True)]], [])]
    drawing = stacked(rows, TITLES, "joules-gpu", SIGNS)
    assert [each.get("id") for each in drawing.iter("pattern")] == ["joules-gpu-hatch"]
    fills = {each.get("fill") for each in drawing.iter("rect")} - {None}
    assert fills == {"url(#joules-gpu-hatch)"}


def test_what_stands_beside_a_bar_is_read_out() -> None:
    rows = [Bars("a", [[Part("foreground", 0.0, 30.0)]], ["both 30 J", "idle 2 J"])]
    labels = [each.get("aria-label") for each in stacked(rows, TITLES, "key", SIGNS).iter("svg")]
    assert labels[-1] == "a: both 30 J; idle 2 J"
    assert None not in labels


def test_many_rows_are_to_be_opened() -> None:
    rows = [Bars(str(at), [[Part("foreground", 0.0, 1.0)]], []) for at in range(5)]
    drawing = stacked(rows, TITLES, "key", SIGNS, most=3)
    assert [each.text for each in drawing.iter("summary")] == ["The other 2 rows"]
    assert [len(body) for body in drawing.iter("tbody")] == [3, 2]
