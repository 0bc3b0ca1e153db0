"""plan.json: the plan of a run as it was decided, to go on from whatever happens meanwhile.

What all runs of an entry have in common stands once, in `entries`; a line an experiment has the
rest, and the number of its entry. Dataclasses stand under the names of their fields, options under
their settings keys. The file's first lines hold a digest of all the others: what is run by
hand-made values would have a record that says something else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import is_dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from tandem.base.changed import changed
from tandem.base.errors import UsageError
from tandem.base.files import read_regular, write_whole
from tandem.config.options import OPTIONS, as_settings, read_options
from tandem.config.problems import Problem
from tandem.plan.model import Experiment, Place, Plan

NAME = "plan.json"
SETTINGS, REGISTRY = "settings.json", "registry.json"  # beside it: what it was made from
VERSION = 5

# What each experiment has of its own; its foreground has values and command.
_OWN = ("number", "id", "twin")
_OF_DESIGNS = ("place", "course")  # not there in plans of settings of version 1
_NOT_PLANNED = "try_number"
_OWN_OF_FOREGROUND = ("hyperparameters", "command")
_FURTHER = ("experiments",)
_SELDOM = "earlier_registries"  # not there where the registry is one file


def write_plan(plan: Plan, folder: Path) -> None:
    """Write plan.json into the folder of a run, whole; OSError: it could not be written."""
    text = _layout(as_json(plan))
    data = f"{text}\n".encode(errors="backslashreplace").split(b"\n", 2)[-1]
    write_whole(str(folder / NAME), _before(data) + data)


def read_plan_file(folder: Path) -> Plan:
    """Return the plan of the run in a folder; UsageError: there is none that can be read."""
    path = folder / NAME
    try:
        data = read_regular(path)
    except FileNotFoundError:
        hint = "name the folder of a run, results/run_..."
        raise UsageError(f"{folder}: holds no {NAME}: nothing to go on with ({hint})") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    rest = data.split(b"\n", 3)[-1]
    if data != _before(rest) + rest:
        raise UsageError(
            f"{path}: not as this version of Tandem wrote it (put it back, or start a new run)"
        )
    return _plan(json.loads(data))


def text_of_reading(plan: Plan | None, problems: Sequence[Problem]) -> str:
    """Return JSON of the problems and, laid out as in plan.json, of the plan; null without one."""
    return _layout({"problems": list(problems), "plan": plan and as_json(plan)})


def _before(data: bytes) -> bytes:
    """The first lines of the file, by what comes after them."""
    digest = hashlib.sha256(data).hexdigest()
    return f'{{\n"plan_version": {VERSION},\n"sha256_of_the_rest": "{digest}",\n'.encode()


def as_json(plan: Plan) -> dict[str, Any]:
    """Return the plan as plan.json has it, of what `_line` turns into JSON."""
    entries: dict[Any, tuple[int, dict[str, Any]]] = {}
    experiments = []
    for experiment in plan.experiments:
        place = experiment.place
        level = place and (place.foreground_number, place.background_number)
        key = experiment.source_path, experiment.control, level, experiment.gpu_setup
        if key not in entries:
            common = _without(experiment, (*_OWN, *_OF_DESIGNS, _NOT_PLANNED))
            common |= {"course": experiment.course} if place else {}
            common["foreground"] = _without(experiment.foreground, _OWN_OF_FOREGROUND)
            entries[key] = len(entries), common
        own = {name: getattr(experiment, name) for name in _OWN}
        own["entry"] = entries[key][0]
        own |= {"place": place} if place else {}
        own |= {name: getattr(experiment.foreground, name) for name in _OWN_OF_FOREGROUND}
        experiments.append(own)
    return {
        "plan_version": VERSION,
        **_without(plan, _FURTHER if plan.earlier_registries else (*_FURTHER, _SELDOM)),
        "entries": [common for _, common in entries.values()],
        "experiments": experiments,
    }


def _without(value: Any, names: Sequence[str]) -> dict[str, Any]:
    return {name: item for name, item in vars(value).items() if name not in names}


def _layout(value: Any) -> str:
    """Return JSON with a line for each key of the outer objects and each object of their lists."""
    if isinstance(value, dict):
        lines = (f"{_line(key)}: {_layout(item)}" for key, item in value.items())
        return "{\n" + ",\n".join(lines) + "\n}"
    if isinstance(value, list) and value:
        return "[\n" + ",\n".join(map(_line, value)) + "\n]"
    return _line(value)


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_plain)


def _plain(value: Any) -> Any:
    """Return what JSON has instead of a value that it does not have."""
    if isinstance(value, OPTIONS):
        return as_settings(value)
    if isinstance(value, Path):
        return str(value)
    return dict(value if isinstance(value, Mapping) else vars(value))


def _plan(value: Mapping[str, Any]) -> Plan:
    entries = [_entry(common) for common in value["entries"]]
    experiments = tuple(_experiment(own, entries) for own in value["experiments"])
    plan: Plan = _reader(Plan)({_SELDOM: (), **value, "experiments": ()})
    return replace(plan, experiments=experiments)


def _entry(common: Mapping[str, Any]) -> Experiment:
    """The experiment of an entry, without what is each one's own."""
    foreground = {**common["foreground"], "hyperparameters": {}, "command": ()}
    own = {"number": 0, "id": "", "twin": None, "place": None, "foreground": foreground}
    own |= {"course": common.get("course", {}), _NOT_PLANNED: 1}
    experiment: Experiment = _reader(Experiment)({**common, **own})
    return experiment


def _experiment(own: Mapping[str, Any], entries: Sequence[Experiment]) -> Experiment:
    entry = entries[own["entry"]]
    foreground = changed(
        entry.foreground, hyperparameters=own["hyperparameters"], command=tuple(own["command"])
    )
    place = Place(**own["place"]) if "place" in own else None
    first = {name: own[name] for name in _OWN}
    experiment: Experiment = changed(entry, **first, place=place, foreground=foreground)
    return experiment


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Return what makes a value of a field's type, or of a dataclass, of its JSON."""
    if kind in OPTIONS:
        return partial(read_options, kind)
    if is_dataclass(kind):
        readers = {name: _reader(of) for name, of in get_type_hints(kind).items()}
        return partial(_read_fields, kind, readers)
    if kind is Path:
        return Path
    if get_origin(kind) is tuple:
        each = _reader(get_args(kind)[0])
        return lambda items: tuple(map(each, items))
    if Path in get_args(kind):
        return lambda text: None if text is None else Path(text)
    return lambda value: value


def _read_fields(kind: Any, readers: Mapping[str, Callable[[Any], Any]], value: Any) -> Any:
    return kind(**{name: read(value[name]) for name, read in readers.items()})
