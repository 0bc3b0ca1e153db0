"""What code says that a record is, and what its schema says."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from support import records
from support.records import flaws, of, parts, put
from tandem.config.schema import schema
from tandem.results.record import Attempt, Record, Status, foreground_window, load_of
from tandem.results.record_pair import Interference, figures_of
from tandem.results.record_window import Window, last_window

BOTH = [(Record, "record"), (Interference, "interference")]
EVERY = [
    pytest.param(part, shape, id=f"{name}-{number}-{part.__name__}")
    for kind, name in BOTH
    for number, (part, shape) in enumerate(parts(kind, schema(name)))
]


@pytest.mark.parametrize(("part", "shape"), EVERY)
def test_the_typed_keys_are_those_of_the_schema(part: Any, shape: dict[str, Any]) -> None:
    """Every object has all its keys, whatever is not known."""
    assert part.__required_keys__ == shape["properties"].keys()
    assert not part.__optional_keys__
    assert shape["additionalProperties"] is False
    assert "required" not in shape


@pytest.mark.parametrize(("kind", "name"), BOTH)
def test_every_object_with_keys_of_its_own_has_a_type(kind: Any, name: str) -> None:
    """But for these, whose keys nobody writes down twice: they are counted through by name."""
    typed = [shape for _, shape in parts(kind, schema(name))]
    untyped = [
        place for place, shape in objects(schema(name)) if not any(shape == it for it in typed)
    ]
    assert (
        untyped
        == {
            "record": ["energy_metrics", "validity", "cooldown.gpus"],
            "interference": ["figures"],
        }[name]
    )


def objects(shape: Any, place: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return every object of a schema that names its keys, with its place."""
    found = []
    if "properties" in shape:
        found.append((place, shape))
        for key, inner in shape["properties"].items():
            found += objects(inner, f"{place}.{key}" if place else key)
    return found + (objects(shape["items"], place) if "items" in shape else [])


def test_the_statuses_are_those_of_the_schema() -> None:
    assert set(schema("record")["properties"]["status"]["enum"]) == set(get_args(Status))


# -- the builder of tests ------------------------------------------------------------------


def test_what_tests_are_given_fits_the_schema() -> None:
    assert flaws(records.record()) == []
    assert flaws(records.interference(), "interference") == []
    assert records.record()["valid"] is True


def test_values_are_put_where_a_path_leads_and_nowhere_else() -> None:
    made = records.record(valid=False, **{"windows[0].load.coverage": 0.5})
    load = made["windows"][0]["load"]
    assert load
    assert (made["valid"], load["coverage"]) == (False, 0.5)
    put(made, **{"hyperparameters.width": 512})  # of these nobody knows all
    assert made["hyperparameters"]["width"] == 512
    for path in ("colour", "windows[1].name", "windows[0].lode", "background.parts[0].dose"):
        with pytest.raises((AssertionError, LookupError)):
            put(made, **{path: 1})
    assert records.record()["hyperparameters"] != made["hyperparameters"]


# -- reading one ---------------------------------------------------------------------------


def test_the_window_of_the_last_attempt_is_the_foregrounds() -> None:
    windows = [of(Window, attempt=n) for n in (1, 2)]
    idle = of(Window, name="idle", attempt=None)
    made = records.record(windows=[idle, *windows, idle], attempts=[of(Attempt), of(Attempt)])
    assert foreground_window(made) is windows[1]
    assert load_of(made) is windows[1]["load"]
    assert last_window(made["windows"], "idle") is idle
    assert last_window(made["windows"], "foreground", 1) is windows[0]
    assert last_window(made["windows"], "background") is None
    put(made, attempts=[])
    assert (foreground_window(made), load_of(made)) == (None, None)


def test_without_interference_there_are_no_figures() -> None:
    assert figures_of(None) == {}
    assert figures_of(records.interference())["slowdown"]["value"] == 1.25
