"""Sizes that are to be found, up to where they are tried: registry, settings, plan, messages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tandem.background.warmup import says_memory_is_full
from tandem.plan.file import read_plan_file, write_plan
from tandem.plan.planner import PlanReading, read_plan
from tandem.report.check.lines import text_of_lines

HYPERPARAMETERS: dict[str, Any] = {
    "batch_size": {"flag": "-b", "type": "int", "sizes": [16, 32.0, 128]},
    "width": {"flag": "-w", "type": "int", "sizes": [1, 2]},
    "epochs": {"flag": "-e", "type": "int"},
    "device": {"flag": "-d", "type": "str"},
}


def plan(
    folder: Path, background: dict[str, Any], foreground: Any = None, **sizes: Any
) -> PlanReading:
    repository = {"train_script": "./train.sh", "models": ["default"]}
    models = {
        name: {**repository, "path": name, "supported_hyperparams": {**HYPERPARAMETERS, **sizes}}
        for name in ("front", "back")
    }
    for name in models:
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "train.sh").write_text("#!/bin/sh\n")
        (folder / name / "train.sh").chmod(0o755)
    (folder / "registry.json").write_text(json.dumps({"models": models}))
    pair = {
        "foreground": {
            **{"repo": "front", "model": "default", "mode": "default"},
            "hyperparameters": foreground or {},
        },
        "background": {"repo": "back", "model": "default", "hyperparameters": background},
    }
    settings = {"mode": "parallel", "experiments": [pair]}
    (folder / "settings.json").write_text(json.dumps(settings))
    return read_plan(folder / "settings.json", folder / "registry.json", root=folder)


def errors(reading: PlanReading) -> list[tuple[str, str]]:
    return [(it.path, it.message) for it in reading.problems if it.severity == "error"]


def test_the_plan_has_every_size_and_its_command(tmp_path: Path) -> None:
    given = {"epochs": 3, "batch_size": "auto", "device": "auto"}
    decided = plan(tmp_path, given).plan
    assert decided
    [background] = decided.experiments[0].backgrounds
    assert [(each.name, each.value) for each in background.auto] == [
        ("batch_size", 128),
        ("batch_size", 32),
        ("batch_size", 16),
    ]
    assert background.auto[1].command == ("./train.sh", *["-b", "32", "-e", "3", "-d", "auto"])
    assert background.training.command == background.auto[0].command
    values = {"epochs": 3, "batch_size": 32, "device": "auto"}
    assert dict(background.at(background.auto[1]).hyperparameters) == values
    write_plan(decided, tmp_path)
    assert read_plan_file(tmp_path) == decided
    assert "    batch_size auto: 128, 32, 16" in text_of_lines(decided, ())


def test_without_auto_nothing_is_tried(tmp_path: Path) -> None:
    decided = plan(tmp_path, {"batch_size": 32}).plan
    assert decided
    assert decided.experiments[0].backgrounds[0].auto == ()
    assert " auto: " not in text_of_lines(decided, ())


@pytest.mark.parametrize(
    ("background", "foreground", "place", "message"),
    [
        ({"epochs": "auto"}, {}, "background", 'back lists no "sizes" for it'),
        ({}, {"batch_size": "auto"}, "foreground", '"auto" is for a background'),
        ({"batch_size": "auto", "width": "auto"}, {}, "background", "one can be found"),
    ],
)
def test_what_cannot_be_found_is_an_error(
    background: Any, foreground: Any, place: str, message: str, tmp_path: Path
) -> None:
    reading = plan(tmp_path, background, foreground)
    assert reading.plan is None
    [(path, why)] = errors(reading)
    name = list(background or foreground)[-1]
    assert path == f"experiments[0].{place}.hyperparameters.{name}"
    assert message in why


@pytest.mark.parametrize(
    ("flaw", "message"),
    [
        ({"sizes": [32, 16]}, "must ascend"),
        ({"sizes": [16, 16]}, "must ascend"),
        ({"sizes": [0, 16]}, "must be at least 1, not 0"),
        ({"sizes": []}, "must not be empty"),
        ({"sizes": [1.5]}, "must be a whole number, not 1.5"),
        ({"type": "float", "sizes": [16]}, '"type" must be "int"'),
    ],
)
def test_sizes_that_are_none(flaw: Any, message: str, tmp_path: Path) -> None:
    reading = plan(tmp_path, {}, batch_size={"flag": "-b", "type": "int", **flaw})
    assert any(
        "supported_hyperparams.batch_size.sizes" in path and message in why
        for path, why in errors(reading)
    )


@pytest.mark.parametrize(
    ("text", "is_full"),
    [
        ("torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB", True),
        ("ResourceExhaustedError: OOM when allocating tensor", True),
        ("RESOURCE_EXHAUSTED: failed to allocate", True),
        ("CUDA_ERROR_OUT_OF_MEMORY", True),
        ("cudaErrorMemoryAllocation", True),
        (f"Out Of Memory\n{'at some line of a traceback' * 1000}", True),
        ("the classroom has room for zoomed pictures", False),
        ("", False),
    ],
)
def test_what_says_that_the_memory_is_full(text: str, is_full: bool, tmp_path: Path) -> None:
    log = tmp_path / "run_1.log"
    log.write_text(text)
    assert says_memory_is_full(log) is is_full


def test_a_log_that_is_not_there_says_nothing(tmp_path: Path) -> None:
    assert says_memory_is_full(tmp_path / "run_1.log") is False
