"""How long the rest takes, from what has been seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from tandem.config.options import Dose
from tandem.log.rules import LogRules
from tandem.plan.model import Background, Experiment, Training
from tandem.results.forecast import Forecast


def experiment(model: str, *beside: str, epochs: int | None = None) -> Experiment:
    def training(name: str) -> Training:
        values = {"epochs": epochs} if epochs else {}
        return Training("repo", name, values, (), ("./train.sh",), Path("/"), LogRules({}))

    backgrounds = tuple(Background(training(name), Dose()) for name in beside)
    front = training(model)
    return Experiment(1, "id", front, backgrounds, "default", "", {})


def test_nothing_is_known_before_anything_has_ended() -> None:
    forecast = Forecast([experiment("a")] * 3)
    assert forecast.of(experiment("a")) is None
    assert forecast.rest_s() is None


def test_the_mean_of_its_kind_counts_and_else_that_of_all() -> None:
    forecast = Forecast([experiment("a"), experiment("a"), experiment("b"), experiment("a", "b")])
    forecast.begin(experiment("a"))
    forecast.note(experiment("a"), 10)
    forecast.note(experiment("a"), 20)
    forecast.note(experiment("b"), 60)
    assert forecast.of(experiment("a")) == 15
    assert forecast.of(experiment("b")) == 60
    assert forecast.of(experiment("a", "b")) == pytest.approx(30)  # another one than without load
    assert forecast.of(experiment("a", "b", "b")) == pytest.approx(30)  # and than with one
    assert forecast.rest_s() == pytest.approx(15 + 60 + 30)


def test_nothing_is_left_in_the_end() -> None:
    forecast = Forecast([experiment("a")])
    forecast.begin(experiment("a"))
    forecast.note(experiment("a"), 10)
    assert forecast.rest_s() == 0


def test_twice_the_epochs_take_twice_as_long() -> None:
    forecast = Forecast([experiment("a", epochs=20), experiment("a", epochs=10)])
    forecast.note(experiment("a", epochs=5), 10)
    forecast.note(experiment("a", epochs=10), 30)
    assert forecast.of(experiment("a", epochs=20)) == pytest.approx(50)
    assert forecast.rest_s() == pytest.approx(75)
    assert forecast.of(experiment("b", epochs=20)) == pytest.approx(20)  # of another kind
