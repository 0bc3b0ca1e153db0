"""plan.json: the plan of a run as it was decided, to go on from whatever happens meanwhile.

What all runs of an entry have in common stands once, in `entries`; a line an experiment has the
rest. Its first lines hold a digest of all the others: what is run by hand-made values would have a
record that says something else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from tandem.base.errors import UsageError
from tandem.base.files import write_whole
from tandem.config.options import Controls, Dose, Limits, Validity, as_settings, read_options
from tandem.plan.model import Background, Experiment, Plan, Size, Training

NAME = "plan.json"
VERSION = 3

_OWN = ("number", "id", "twin")  # beside the foreground's values and command


def write_plan(plan: Plan, folder: Path) -> None:
    """Write plan.json into the folder of a run, whole; OSError: it could not be written."""
    entries: dict[tuple[str, str | None], tuple[int, str]] = {}
    lines = []
    for experiment in plan.experiments:
        key = experiment.source_path, experiment.control
        if key not in entries:
            entries[key] = len(entries), _json(_common(experiment))
        lines.append(_json(_own(experiment, entries[key][0])))
    head = {
        "name": plan.name,
        "settings_file": plan.settings_file and str(plan.settings_file),
        "settings_sha256": plan.settings_sha256,
        "registry_file": str(plan.registry_file),
        "registry_sha256": plan.registry_sha256,
        "root": str(plan.root),
        "seed": plan.seed,
        "governor": plan.governor,
    }
    text = ",\n".join(f"{_json(name)}: {_json(value)}" for name, value in head.items())
    common = ",\n".join(entry for _, entry in entries.values())
    own = ",\n".join(lines)
    text = f'{text},\n"entries": [\n{common}\n],\n"experiments": [\n{own}\n]\n}}\n'
    data = text.encode(errors="backslashreplace")
    write_whole(str(folder / NAME), _before(data) + data)


def _before(data: bytes) -> bytes:
    """The first lines of the file, by what comes after them."""
    digest = hashlib.sha256(data).hexdigest()
    return f'{{\n"plan_version": {VERSION},\n"sha256_of_the_rest": "{digest}",\n'.encode()


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


def _own(experiment: Experiment, entry: int) -> dict[str, Any]:
    foreground = experiment.foreground
    return {
        **{name: getattr(experiment, name) for name in _OWN},
        "entry": entry,
        "hyperparameters": dict(foreground.hyperparameters),
        "command": foreground.command,
    }


def _common(experiment: Experiment) -> dict[str, Any]:
    bare = replace(experiment.foreground, hyperparameters={}, command=())
    common = {**vars(experiment), "foreground": _facts(bare)}
    common |= {
        "backgrounds": [
            {
                "training": _facts(each.training),
                "dose": as_settings(each.dose),
                "auto": [asdict(size) for size in each.auto],
            }
            for each in experiment.backgrounds
        ],
        "limits": as_settings(experiment.limits),
        "controls": as_settings(experiment.controls),
        "validity": as_settings(experiment.validity),
        "source_entry": dict(experiment.source_entry),
    }
    return {name: value for name, value in common.items() if name not in _OWN}


def _facts(training: Training) -> dict[str, Any]:
    return {
        **vars(training),
        "hyperparameters": dict(training.hyperparameters),
        "work_dir": str(training.work_dir),
        "log_patterns": dict(training.log_patterns),
        "environment": dict(training.environment),
    }


def read_plan_file(folder: Path) -> Plan:
    """Return the plan of the run in a folder; UsageError: there is none that can be read."""
    path = folder / NAME
    try:
        data = path.read_bytes()
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


def _plan(value: Mapping[str, Any]) -> Plan:
    entries = [_entry(common) for common in value["entries"]]
    settings_file = value["settings_file"]
    return Plan(
        name=value["name"],
        settings_file=None if settings_file is None else Path(settings_file),
        registry_file=Path(value["registry_file"]),
        root=Path(value["root"]),
        seed=value["seed"],
        experiments=tuple(_experiment(own, entries) for own in value["experiments"]),
        settings_sha256=value["settings_sha256"],
        registry_sha256=value["registry_sha256"],
        governor=value["governor"],
    )


def _entry(common: Mapping[str, Any]) -> Experiment:
    """The experiment of an entry, without what is each one's own."""
    parts = {
        "number": 0,
        "id": "",
        "foreground": _training(common["foreground"]),
        "backgrounds": tuple(map(_background, common["backgrounds"])),
        "limits": read_options(Limits, common["limits"]),
        "controls": read_options(Controls, common["controls"]),
        "validity": read_options(Validity, common["validity"]),
        "warnings": tuple(common["warnings"]),
    }
    return Experiment(**{**common, **parts})


def _background(facts: Mapping[str, Any]) -> Background:
    auto = (Size(**{**each, "command": tuple(each["command"])}) for each in facts.get("auto", ()))
    return Background(_training(facts["training"]), read_options(Dose, facts["dose"]), tuple(auto))


def _training(facts: Mapping[str, Any]) -> Training:
    parts = {
        "mutated": tuple(facts["mutated"]),
        "command": tuple(facts["command"]),
        "work_dir": Path(facts["work_dir"]),
        "required_metrics": tuple(facts.get("required_metrics", ())),
        "memory_limit": tuple(facts.get("memory_limit", ())),
    }
    return Training(**{**facts, **parts})


def _experiment(own: Mapping[str, Any], entries: list[Experiment]) -> Experiment:
    entry = entries[own["entry"]]
    foreground = replace(
        entry.foreground, hyperparameters=own["hyperparameters"], command=tuple(own["command"])
    )
    experiment: Experiment = replace(
        entry, number=own["number"], id=own["id"], twin=own["twin"], foreground=foreground
    )
    return experiment
