"""plan.json: what is read is what was planned, and a file that is none says so."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tandem.base.errors import UsageError
from tandem.config.problems import Problem
from tandem.plan.file import NAME, VERSION, read_plan_file, text_of_reading, write_plan
from tandem.plan.model import Plan
from tandem.plan.planner import read_plan

ODD = "a 'b' \"c\" $(d)\n\\e ü \u2028"
REPOSITORY: dict[str, Any] = {
    "train_script": "./train.sh",
    "models": ["default", "other"],
    "model_flag": "-n",
    "supported_hyperparams": {
        "rate": {"flag": "--rate", "type": "float", "range": [1e-7, 1e-3]},
        "folds": {"flag": "--folds", "type": "int", "default": 4, "range": [2, 500]},
        "note": {"flag": "--note", "type": "str"},
    },
    "performance_metrics": {"log_patterns": {"accuracy": "Accuracy: ([0-9.]+)"}},
    "required_metrics": ["accuracy"],
    "env": {"GIVEN": ODD},
}
FRONT = {"repo": "front", "model": "default"}
ENTRIES = [
    {**FRONT, "mutate": ["rate", "folds"], "runs_per_config": 3, "timeout_seconds": 1.5},
    {**FRONT, "mode": "default", "hyperparameters": {"note": ODD, "rate": 1e-7}},
    {
        "mode": "parallel",
        "foreground": {**FRONT, "mutate": ["rate"]},
        "background": [
            {"repo": "back", "model": "other", "hyperparameters": {"folds": 3}, "gpus": [0, 1]},
            {"repo": "back", "model": "other", "max_rounds": 2, "target_gpu_utilization": 20},
        ],
        "controls": {"solo": True, "idle_seconds": 2},
        "validity": {"min_coverage": 0.5},
        "runs_per_config": 2,
    },
    {**FRONT, "mode": "default", "cooldown_seconds": 9, "unknown": ODD},
]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    models = {name: {**REPOSITORY, "path": f"repos/{name}"} for name in ("front", "back")}
    for name in models:
        script = tmp_path / "repos" / name / "train.sh"
        script.parent.mkdir(parents=True)
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
    (tmp_path / "registry.json").write_text(json.dumps({"models": models}))
    settings = {"experiments": ENTRIES, "governor": "performance", "experiment_name": ODD}
    (tmp_path / "settings.json").write_text(json.dumps(settings))
    reading = read_plan(tmp_path / "settings.json", tmp_path / "registry.json", root=tmp_path)
    assert reading.plan, reading.problems
    return reading.plan


def test_what_is_read_is_what_was_planned(plan: Plan, tmp_path: Path) -> None:
    assert len(plan.experiments) == 3 + 1 + 4 + 1
    write_plan(plan, tmp_path)
    assert read_plan_file(tmp_path) == plan
    assert [path.name for path in tmp_path.glob("*plan*")] == [NAME]


def test_what_all_runs_of_an_entry_share_stands_once(plan: Plan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path)
    value = json.loads((tmp_path / NAME).read_text())
    assert len(value["entries"]) == 5  # the pair's two differ
    assert [each["entry"] for each in value["experiments"]] == [0, 0, 0, 1, 3, 2, 2, 3, 4] or [
        each["entry"] for each in value["experiments"]
    ] == [0, 0, 0, 1, 2, 3, 3, 2, 4]


def test_a_plan_as_it_is_written(plan: Plan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path)
    value = json.loads((tmp_path / NAME).read_text())
    [parallel] = [each for each in value["entries"] if each["backgrounds"]]
    assert parallel["controls"] == {
        "idle_seconds": 2.0,
        "idle_context_seconds": 0.0,
        "background_seconds": 0.0,
        "solo": True,
        "order": "alternate",
    }
    assert parallel["validity"]["min_coverage"] == 0.5
    assert parallel["limits"]["ready_timeout_seconds"] == 60.0
    assert [each["dose"]["max_rounds"] for each in parallel["backgrounds"]] == [None, 2]
    assert [each["dose"]["target_gpu_utilization"] for each in parallel["backgrounds"]] == [
        None,
        20,
    ]
    first = parallel["backgrounds"][0]["training"]
    assert first["environment"] == {"GIVEN": ODD, "CUDA_VISIBLE_DEVICES": "0,1"}
    assert first["work_dir"] == str(tmp_path / "repos" / "back")
    assert first["command"] == ["./train.sh", "-n", "other", "--folds", "3"]
    given = value["experiments"][3]
    assert given["hyperparameters"] == {"note": ODD, "rate": 1e-7}
    assert (given["number"], given["id"], given["twin"]) == (4, "front_default_004", None)


def test_what_check_prints_is_the_plan_as_it_is_written(plan: Plan, tmp_path: Path) -> None:
    write_plan(plan, tmp_path)
    problem = Problem("warning", "governor", ODD, "s.json")
    text = text_of_reading(plan, [problem])
    written = json.loads((tmp_path / NAME).read_text())
    del written["sha256_of_the_rest"]
    problems = json.loads(json.dumps([vars(problem)]))
    assert json.loads(text) == {"problems": problems, "plan": written}
    assert text.endswith((tmp_path / NAME).read_text().split("\n", 3)[3] + "}")
    assert json.loads(text_of_reading(None, [])) == {"problems": [], "plan": None}


def test_names_that_are_no_text_come_back(plan: Plan, tmp_path: Path) -> None:
    odd = Path(b"/a/\xff".decode(errors="surrogateescape"))
    plan = Plan(**{**vars(plan), "root": odd})
    write_plan(plan, tmp_path)
    assert read_plan_file(tmp_path).root == odd


def test_a_folder_without_a_plan_says_so(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"holds no plan\.json"):
        read_plan_file(tmp_path)
    (tmp_path / NAME).mkdir()
    with pytest.raises(UsageError, match=r"cannot be read: not a regular file"):
        read_plan_file(tmp_path)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b"\xff", b"{\n\n\n\n}", b"[" * 100_000])
def test_a_file_that_is_none_says_so(tmp_path: Path, text: bytes) -> None:
    (tmp_path / NAME).write_bytes(text)
    with pytest.raises(UsageError, match="not as this version of Tandem wrote it"):
        read_plan_file(tmp_path)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"id": "front_default_001"', '"id": "../../front_default_001"'),
        (f'"plan_version": {VERSION}', '"plan_version": 2'),
        ('"max_retries": 2', '"max_retries": 3'),
        ("}\n]\n}\n", "}\n]\n}\n\n"),
    ],
)
def test_a_plan_that_was_changed_by_hand_is_refused(
    plan: Plan, tmp_path: Path, old: str, new: str
) -> None:
    write_plan(plan, tmp_path)
    text = (tmp_path / NAME).read_text()
    assert old in text
    (tmp_path / NAME).write_text(text.replace(old, new, 1))
    with pytest.raises(UsageError, match="not as this version of Tandem wrote it"):
        read_plan_file(tmp_path)
