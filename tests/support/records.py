"""Records for tests, whole ones, made from the schemas' own examples; and what is wrong with one.

    record(valid=False, **{"windows[0].load.coverage": 0.9})    a record, other values put into it
    of(Window, name="idle", load=None)                          a part of one
    put(made, **{"background.coverage": None})                  more values, into one that is there

A path that leads nowhere is an error: only what a schema leaves free can get new keys.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cache, reduce
from operator import getitem
from pathlib import Path
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints, is_typeddict

import jsonschema
from tandem.base.files import sha256_of
from tandem.base.git import GitState
from tandem.config.schema import schema
from tandem.experiment.outcome import VERSION, Outcome
from tandem.results.record import MachineFile, Position, Record
from tandem.results.record_file import NAME, write_interference, write_record
from tandem.results.record_pair import Interference
from tandem.results.record_process import Census
from tandem.results.record_setup import GpuSetup
from tandem.results.record_window import Load

Part = TypeVar("Part")

_ROOTS = {Record: "record", Interference: "interference"}
_CLEAN: Mapping[str, Any] = {  # what the examples of single keys say is not of one and the same run
    "worker": None,
    "error_message": None,
    "energy_reason": None,
    "invalid_reasons": [],
    "warnings": [],
    "required_metrics": [],
    "suspensions": [],
    "locks_removed": [],
    "idle_context_reason": None,
    "cut_off": [],
    "windows[0].warnings": [],
    "settings.warnings": [],
    "gpu_setup.sharing": "time_slicing",
    "gpu_setup.requested.sharing": None,
    "gpu_setup.mps": [],
}
_FREE = (
    "hyperparameters",
    "performance_metrics",
    "metric_reasons",
    "patterns",
    "env",
    "entry",
    "digests",
    "records",
    "figures",
)


def record(**values: Any) -> Record:
    """Return the valid record of a parallel experiment, with values by their paths."""
    made = of(Record, **_CLEAN, **{"windows[0].load": of(Load)})
    put(made, **values)
    return made


def interference(**values: Any) -> Interference:
    """Return the figures of that experiment and its control, with values by their paths."""
    return of(Interference, **{"warnings": []} | values)


def outcome(**values: Any) -> Outcome:
    """Return the outcome of an experiment, without a background where no value says otherwise."""
    around: Any = record()["environment"]
    host = ("hostname", "kernel", "os", "cpu_model", "cpu_logical_count", "memory_total_bytes")
    usual: dict[str, Any] = {
        "outcome_version": VERSION,
        "experiment_id": "digits_mlp_001_parallel",
        "worker": None,
        "clock": {"boottime_s": 5000.0, "utc_s": 1_769_860_800.0},
        **{"started_s": 5000.0, "ended_s": 5030.0, "status": "finished", "error_message": None},
        **{"stop_reason": "foreground ended", "attempts": 1, "windows": [], "backgrounds": []},
        **{"misfits": [], "monitor_problem": None, "idle_context_problem": None},
        **{"before": of(Census), "after": of(Census)},
        **{"busy": [], "leftovers": [], "strays_killed": [], "left": [], "cut_off": []},
        "locks_removed": [],
        **{"cooldown": None, "cpu_governor": None, "faults": None},
        "gpu_setup": of(GpuSetup, **{"requested.sharing": None, "mps": []}),
        **{"node_shared": False, "node_shared_reason": None},
        **{"machine": of(MachineFile), "position": of(Position)},
        "isolation": {"mode": "keepers only", "reason": "no background"},
        "host": {name: around[name] for name in (*host, "python", "tandem")},
        "git": {"": of(GitState), around["working_directory"]: of(GitState)},
    }
    return Outcome(**(usual | values))


def of(part: type[Part], /, **values: Any) -> Part:
    """Return an object of a record, such as a Window, with values by their paths."""
    kind: Any = part
    made: Part = json.loads(_example(kind))
    put(made, **values)
    return made


def put(place: Any, /, **values: Any) -> None:
    """Put values into an object by their paths, `windows[0].load.coverage` is one."""
    for path, value in values.items():
        *way, last = (int(step) if step.isdigit() else step for step in _steps(path))
        inner = reduce(getitem, way, place)
        keys = inner if isinstance(inner, dict) else range(len(inner))
        assert last in keys or (way and way[-1] in _FREE), f"there is no {path}"
        inner[last] = value


def _steps(path: str) -> list[str]:
    return re.findall(r"[^.\[\]]+", path)


def write_run(run: Path, *records: Record | tuple[Record, Interference | None]) -> Path:
    """Write records, and figures of interference beside them, into the folder of a run."""
    for each in records:
        made, figures = each if isinstance(each, tuple) else (each, None)
        folder = run / made["experiment_id"]
        folder.mkdir(parents=True)
        write_record(made, folder)
        if figures:
            own = {made["experiment_id"]: sha256_of(folder / NAME)}
            write_interference({**figures, "records": own}, folder)
    return run


# -- the schemas -----------------------------------------------------------------------


def flaws(value: Mapping[str, Any], name: str = "record") -> list[str]:
    """Return what is wrong with a record, each with its place; [] if nothing is."""
    shape = schema(name)
    errors = jsonschema.Draft202012Validator(shape).iter_errors(value)
    wrong = [f"{error.json_path}: {error.message}" for error in errors]
    return wrong + [f"{place} is missing" for place in missing(value, shape)]


def missing(value: Any, shape: Mapping[str, Any], place: str = "$") -> Iterator[str]:
    """Yield the place of each key that the schema names and an object in the value lacks.

    The schema of a record has no `required`: every object in a record has all its keys.
    """
    if isinstance(value, dict):
        for key, inner in shape.get("properties", {}).items():
            if key in value:
                yield from missing(value[key], inner, f"{place}.{key}")
            else:
                yield f"{place}.{key}"
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from missing(item, shape.get("items", {}), f"{place}[{index}]")


def parts(kind: Any, shape: Mapping[str, Any]) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """Yield each TypedDict of a type, its own first, with the object of the schema that it is."""
    if is_typeddict(kind):
        yield kind, shape
        for key, inner in get_type_hints(kind).items():
            if key in shape.get("properties", {}):
                yield from parts(inner, shape["properties"][key])
    elif get_origin(kind) is list:
        yield from parts(get_args(kind)[0], shape.get("items", {}))
    elif get_origin(kind) is dict:
        free = shape.get("additionalProperties")
        for inner in [*shape.get("properties", {}).values(), *([free] if free else [])]:
            yield from parts(get_args(kind)[1], inner)
    elif get_origin(kind) is UnionType:
        for each in get_args(kind):
            yield from parts(each, shape)


@cache
def _example(part: Any) -> str:
    """Return the first example of an object that a schema has, as JSON."""
    for whole, name in _ROOTS.items():
        shapes = dict(reversed([*parts(whole, schema(name))]))
        if part in shapes:
            found = next(_instances(whole, example_of(schema(name)), part), None)
            return json.dumps(example_of(shapes[part]) if found is None else found)
    raise TypeError(f"{part} is no object of a record")


def example_of(shape: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object of which each key has its last example: the first may be null."""
    return {
        key: inner["examples"][-1] if "examples" in inner else example_of(inner)
        for key, inner in shape["properties"].items()
    }


def _instances(kind: Any, value: Any, part: Any) -> Iterator[Any]:
    """Yield the objects of one kind in a value."""
    if isinstance(value, dict) and kind is part:
        yield value
    elif isinstance(value, dict) and is_typeddict(kind):
        for key, inner in get_type_hints(kind).items():
            yield from _instances(inner, value[key], part)
    elif isinstance(value, (dict, list)) and get_origin(kind) in (dict, list):
        every: Sequence[Any] = value if isinstance(value, list) else list(value.values())
        for each in every:
            yield from _instances(get_args(kind)[-1], each, part)
    elif get_origin(kind) is UnionType:
        for each in get_args(kind):
            yield from _instances(each, value, part)
