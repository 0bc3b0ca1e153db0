"""Settings of version 2: designs, and what is wrong with one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tandem.config.entries import DesignEntry, Range, Settings
from tandem.config.options import Course, Dose, Limits, Validity
from tandem.config.problems import ProblemsError
from tandem.config.settings import load_settings

LOAD: dict[str, Any] = {"repo": "b", "model": "n"}
ALONE: dict[str, Any] = {"foreground": {"repo": "f", "model": "m"}}
PAIR: dict[str, Any] = ALONE | {"background": LOAD}


def load(folder: Path, *entries: Any, **top: Any) -> Settings:
    path = folder / "design.json"
    given = {"experiments": [*entries]} if entries else {}
    path.write_text(json.dumps({"settings_version": 2} | given | top), encoding="utf-8")
    return load_settings(path)


def read(folder: Path, entry: Any, **top: Any) -> DesignEntry:
    """The one design; nothing may be said of it."""
    settings = load(folder, entry, **top)
    assert settings.problems == ()
    [only] = settings.designs
    return only


def errors(folder: Path, *entries: Any, **top: Any) -> list[tuple[str, str]]:
    try:
        problems = load(folder, *entries, **top).problems
    except ProblemsError as error:
        problems = error.problems
    assert {problem.severity for problem in problems} <= {"error"}
    return [(problem.path, problem.message) for problem in problems]


def test_the_example_of_a_design(tmp_path: Path) -> None:
    load_of = {"repo": "digits", "model": "mlp", "hyperparameters": {"epochs": 8}}
    values = {"epochs": 20, "dropout": {"values": [0, 0.5]}, "learning_rate": {"draw": True}}
    entry = {"foreground": {"repo": "digits", "model": "mlp", "hyperparameters": values}}
    top = {
        **{"draws": 10, "repeats": 6, "vary": ["seed"]},
        "factors": {"background": [None, load_of], "intensity": [0.5, 1]},
    }
    settings = load(tmp_path, entry, **top)
    assert (settings.version, settings.entries, settings.problems) == (2, (), ())
    assert (settings.name, settings.seed) == ("design", None)
    [design] = settings.designs
    assert (design.path, design.source) == ("experiments[0]", entry)
    assert (design.draws, design.repeats, design.vary) == (10, 6, ("seed",))
    assert (design.intensities, design.exclude, design.order) == ((0.5, 1.0), (), "blocks")
    assert design.course == Course(warmup_runs=1, rerun_invalid=0)
    [foreground] = design.foregrounds
    assert (foreground.path, foreground.repo) == ("experiments[0].foreground", "digits")
    assert foreground.given == {"epochs": 20}
    assert foreground.factors == {"dropout": (0, 0.5)}
    assert foreground.drawn == {"learning_rate": None}
    alone, loaded = design.backgrounds
    assert (alone.path, alone.source, alone.backgrounds) == ("factors.background[0]", None, ())
    assert (loaded.path, loaded.source) == ("factors.background[1]", load_of)
    [background] = loaded.backgrounds
    assert (background.training.repo, background.training.mode) == ("digits", "default")
    assert (background.training.hyperparameters, background.dose) == ({"epochs": 8}, Dose())


def test_what_is_not_given(tmp_path: Path) -> None:
    design = read(tmp_path, {"repo": "f", "model": "m"})
    assert (design.draws, design.repeats, design.vary, design.order) == (1, 1, (), "blocks")
    assert design.course == Course(warmup_runs=1)
    assert (design.limits, design.validity) == (Limits(), Validity())
    [foreground] = design.foregrounds
    assert (foreground.path, foreground.given) == ("experiments[0]", {})
    [alone] = design.backgrounds
    assert (alone.source, alone.backgrounds) == (None, ())


def test_all_forms_of_a_hyperparameter(tmp_path: Path) -> None:
    values = {
        **{"a": 1, "b": "x", "c": True, "d": {"values": ["x", True, 0.5], "note": "why"}},
        "e": {"range": [1, 2]},
        "f": {"range": [0.1, 1], "distribution": "log_uniform"},
        "g": {"draw": True},
    }
    [foreground] = read(
        tmp_path, {"repo": "f", "model": "m", "hyperparameters": values}
    ).foregrounds
    assert foreground.given == {"a": 1, "b": "x", "c": True}
    assert foreground.factors == {"d": ("x", True, 0.5)}
    uniform, logarithmic = Range(1, 2, "uniform"), Range(0.1, 1, "log_uniform")
    assert foreground.drawn == {"e": uniform, "f": logarithmic, "g": None}
    assert foreground.places["hyperparameters.d"] == "experiments[0].hyperparameters.d"


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("mode", "parallel", "not a key of version 2: it is not needed (remove it)"),
        ("repeat", 3, 'unknown key (did you mean "repeats"?)'),
        ("idle_seconds", 3, 'cannot stand in an entry (move it into "controls")'),
    ],
)
def test_a_key_that_is_not_known_is_an_error(
    tmp_path: Path, key: str, value: Any, message: str
) -> None:
    [(path, found)] = errors(tmp_path, ALONE | {key: value})
    assert path == f"experiments[0].{key}"
    assert found.startswith(message)
