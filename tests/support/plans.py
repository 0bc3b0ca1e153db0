"""Plans for tests, made by hand: experiments of a repository "vision"."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tandem.config.options import Dose
from tandem.log.rules import LogRules
from tandem.plan.model import Background, Experiment, Plan, Training


def training(**changes: Any) -> Training:
    values: dict[str, Any] = {
        "repo": "vision",
        "model": "resnet20",
        "hyperparameters": {"rate": 1e-7},
        "mutated": ("rate",),
        "command": ("./train.sh", "--lr", "1e-07", "a b"),
        "work_dir": Path("/data/my repos"),
        "log": LogRules({}),
    }
    return Training(**values | changes)


def load() -> Training:
    bare = {"hyperparameters": {}, "mutated": (), "command": ("./load.sh",)}
    return training(**bare, environment={"THREADS": "a b"})


def experiment(**changes: Any) -> Experiment:
    values: dict[str, Any] = {
        "number": 1,
        "id": "vision_resnet20_001_parallel",
        "foreground": training(),
        "backgrounds": (Background(load(), Dose()),),
        "foreground_mode": "mutation",
        "source_path": "experiments[0]",
        "source_entry": {},
    }
    return Experiment(**values | changes)


def plan(*experiments: Experiment) -> Plan:
    return Plan("night", Path("/s.json"), Path("/r.json"), Path("/root"), 7, experiments)
