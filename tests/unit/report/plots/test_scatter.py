"""Points: their places, shape by kind, filled or hollow."""

from __future__ import annotations

from tandem.report.plots.scatter import SHAPES, Point, scatter, shape_sign

TITLES = ("GPU energy, J", "accuracy")


def test_every_point_has_its_place_its_shape_and_its_filling() -> None:
    points = [Point(100.0, 0.9, 0, False), Point(300.0, 0.8, 1, True)]
    drawing = scatter(points, TITLES, "key")
    alone, beside = drawing.iter("use")
    assert (alone.get("href"), alone.get("class")) == ("#key-0", "point")
    assert (beside.get("href"), beside.get("class")) == ("#key-1", "point filled")
    assert float(alone.attrib["x"].rstrip("%")) < float(beside.attrib["x"].rstrip("%"))
    assert float(alone.attrib["y"]) < float(beside.attrib["y"])
    assert [each.get("id") for each in drawing.iter("path")] == ["key-0", "key-1"]
    assert drawing.get("aria-label") == "accuracy against GPU energy, J: 2 points"


def test_points_in_one_place_are_drawn() -> None:
    drawing = scatter([Point(1.0, 1.0, 0, True)] * 2, TITLES, "key")
    assert len([*drawing.iter("use")]) == 2


def test_signs_of_a_legend_differ_without_colour() -> None:
    shapes = {next(shape_sign(kind, True).iter("path")).get("d") for kind in range(len(SHAPES))}
    assert len(shapes) == len(SHAPES)
    hollow, filled = shape_sign(0, False), shape_sign(0, True)
    assert hollow.get("aria-label") != filled.get("aria-label")
