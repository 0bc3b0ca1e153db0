"""Quality against what it cost."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import Element

from tandem.report.page.quality import MOST, quality_figure
from tandem.report.page.trained import Trained


def trained(number: int, **values: Any) -> Trained:
    usual: dict[str, Any] = {
        **{"experiment": f"e{number:03d}", "foreground": "r/m", "values": "", "background": ""},
        **{"duration_s": 10.0 + number, "gpu_j": 100.0 + number, "cpu_j": None},
        **{"energy_reason": None, "metrics": {"accuracy": 0.9, "loss": 0.1 * number}},
    }
    return Trained(**(usual | values))


def points(drawing: Element) -> list[int]:
    return [
        len([*each.iter("use")]) for each in drawing.iter("svg") if each.get("class") == "scatter"
    ]


def test_every_metric_lies_against_gpu_energy() -> None:
    found = quality_figure([trained(1), trained(2, background="r/n")], "tandem table")
    assert found and points(found.drawing) == [2, 2]
    assert found.title == "Quality against energy"
    assert found.columns[-2:] == ("accuracy", "loss")
    legend = ["".join(each.itertext()) for each in found.drawing.iter("li")]
    assert legend == ["r/m alone", "r/m beside a background"]


def test_without_joules_it_is_the_duration_and_says_why() -> None:
    every = [trained(at, gpu_j=None, energy_reason="no GPU") for at in (1, 2)]
    found = quality_figure(every, "tandem table")
    assert found and found.title == "Quality against duration"
    assert "Energy was not measured: no GPU." in found.sentences[0]


def test_what_has_no_joules_is_counted_and_not_drawn() -> None:
    every = [trained(1), trained(2), trained(3, gpu_j=None)]
    found = quality_figure(every, "tandem table")
    assert found and points(found.drawing)[0] == 2
    assert "1 of 3 have no value across and are not drawn." in found.sentences
    assert len(found.rows) == 3


def test_of_very_many_some_are_drawn_and_it_says_how_many() -> None:
    every = [trained(at) for at in range(2 * MOST)]
    found = quality_figure(every, "tandem table")
    assert found and points(found.drawing)[0] == MOST and len(found.rows) == MOST
    assert any(text.startswith("One of 2 is drawn and in the data") for text in found.sentences)
    assert any(f"all {2 * MOST}" in text for text in found.sentences)


def test_without_two_points_there_is_no_figure() -> None:
    assert quality_figure([], "tandem table") is None
    assert quality_figure([trained(1)], "tandem table") is None
    assert quality_figure([trained(at, metrics={}) for at in (1, 2)], "tandem table") is None
