"""A project, and designs of it to plan: what tests of designs have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tandem.config.problems import problem_lines
from tandem.plan.model import Experiment, Plan
from tandem.plan.planner import PlanReading

REGISTRY: dict[str, Any] = {
    "models": {
        "vision": {
            "path": "repos/vision",
            "train_script": "./train.sh",
            "models": ["small", "large"],
            "model_flag": "-n",
            "safe_to_share": True,
            "supported_hyperparams": {
                "epochs": {"flag": "-e", "type": "int", "default": 10, "range": [5, 15]},
                "learning_rate": {
                    "flag": "--lr",
                    "type": "float",
                    "default": 0.1,
                    "range": [0.05, 0.2],
                    "distribution": "log_uniform",
                },
                "dropout": {"flag": "--dropout", "type": "float", "default": 0.2},
                "width": {"flag": "-w", "type": "int", "default": 64, "choices": [32, 64, 128]},
                "amp": {"flag": "--amp", "type": "switch", "default": False},
                "cache": {"flag": "--cache", "type": "switch", "default": True},
                "seed": {"flag": "--seed", "type": "int", "default": 1, "range": [0, 9999]},
                "fold": {"flag": "--fold", "type": "int", "default": 1, "range": [1, 3]},
                "tag": {"flag": "--tag", "type": "str"},
            },
            "performance_metrics": {"log_patterns": {"accuracy": "acc ([0-9.]+)"}},
        },
        "text": {
            "path": "repos/text",
            "train_script": "train.sh",
            "models": ["default"],
            "safe_to_share": True,
            "supported_hyperparams": {
                "folds": {"flag": "--folds", "type": "int", "default": 4, "range": [2, 5]}
            },
            "performance_metrics": {"log_patterns": {"loss": "loss ([0-9.]+)"}},
        },
    }
}
SMALL = {"repo": "vision", "model": "small"}
LARGE = {"repo": "vision", "model": "large"}
TEXT = {"repo": "text", "model": "default"}
DRAW = {"draw": True}

Reader = Callable[..., PlanReading]


def values(*listed: Any) -> dict[str, Any]:
    return {"values": list(listed)}


def foreground(base: dict[str, str] = SMALL, **hyperparameters: Any) -> dict[str, Any]:
    return base | {"hyperparameters": hyperparameters}


def text(folds: Any, **others: Any) -> dict[str, Any]:
    return TEXT | {"hyperparameters": {"folds": folds}} | others


def plan_of(reading: PlanReading) -> Plan:
    assert reading.plan, problem_lines(reading.problems, "error")
    return reading.plan


def experiments(reading: PlanReading) -> tuple[Experiment, ...]:
    return plan_of(reading).experiments


def errors(reading: PlanReading) -> list[tuple[str, str]]:
    return [(it.path, it.message) for it in reading.problems if it.severity == "error"]


def ids(reading: PlanReading) -> list[str]:
    return [each.id for each in experiments(reading)]


def place_of(experiment: Experiment) -> Any:
    assert experiment.place
    return experiment.place


def configs(reading: PlanReading) -> dict[int, dict[str, Any]]:
    """The values of each configuration in the first block."""
    return {
        place_of(each).config: dict(each.foreground.hyperparameters)
        for each in sorted(experiments(reading), key=lambda it: place_of(it).config)
        if place_of(each).block == 1
    }
