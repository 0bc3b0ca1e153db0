"""Repositories that know nothing of Tandem: what the registry says of them, up to the record."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from support.stage import Stage
from tandem.base.paths import REGISTRY as DEFAULT
from tandem.base.paths import ROOT
from tandem.config.registry import Registry, load_registry
from tandem.plan.command import training_command
from tandem.plan.planner import PlanReading, read_plan

ADAPTER = "{tandem}/adapters/person_reid.py"
FOREIGN: dict[str, Any] = {
    "path": "repos/one",
    "train_command": ["python3", ADAPTER, "-x"],
    "models": ["plain", "dense", "default"],
    "model_args": {"plain": [], "dense": ["--dense", "a b"], "default": ["--usual"]},
    "required_args": "--data ../d",
    "supported_hyperparams": {"rate": {"flag": "--lr", "type": "float"}},
    "env": {"GIVEN": "a; (b) c"},
    "required_metrics": ["rank"],
    "url": "https://example.org/one",
    "commit": "0123456789" * 4,
    "performance_metrics": {"log_patterns": {"rank": "Rank:([0-9.]+)", "map": "mAP:([0-9.]+)"}},
}


def load(folder: Path, **changes: Any) -> Registry:
    raw = {key: value for key, value in (FOREIGN | changes).items() if value != "absent"}
    path = folder / "registry.json"
    path.write_text(json.dumps({"models": {"one": raw}}), encoding="utf-8")
    return load_registry(path)


def told(registry: Registry, severity: str = "error") -> list[tuple[str, str]]:
    return [(it.path, it.message) for it in registry.problems if it.severity == severity]


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on PATH, with a `python3` in it."""
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "python3").write_text("#!/bin/sh\n")
    (folder / "python3").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return folder


def plan(folder: Path, **changes: Any) -> PlanReading:
    load(folder, **changes)
    entry = {"repo": "one", "model": "dense", "mode": "default", "hyperparameters": {"rate": 0.1}}
    (folder / "settings.json").write_text(json.dumps({"experiments": [entry]}))
    return read_plan(folder / "settings.json", folder / "registry.json", root=folder)


def errors(reading: PlanReading) -> list[str]:
    return [it.message for it in reading.problems if it.severity == "error"]


def test_everything_is_read(tmp_path: Path) -> None:
    registry = load(tmp_path)
    assert registry.problems == ()
    one = registry.repos["one"]
    assert (one.train_script, one.train_command) == (None, ("python3", ADAPTER, "-x"))
    assert one.model_args["dense"] == ("--dense", "a b")
    assert (one.environment, one.log.required) == ({"GIVEN": "a; (b) c"}, ("rank",))
    assert (one.url, one.commit, one.is_fetched) == (FOREIGN["url"], FOREIGN["commit"], True)
    assert not load(tmp_path, url="absent").repos["one"].is_fetched


def test_the_command_has_the_models_own_arguments_after_the_flag(
    tmp_path: Path, programs: Path
) -> None:
    start = (str(programs / "python3"), str(ROOT / "adapters/person_reid.py"), "-x", "--data")
    one = load(tmp_path).repos["one"]
    words = training_command(one, "dense", {"rate": 1e-7})
    assert words == (*start, "../d", "--dense", "a b", "--lr", "0.0000001")
    assert training_command(one, "default", {}) == (*start, "../d", "--usual")
    flagged = load(tmp_path, model_flag="-n").repos["one"]
    assert training_command(flagged, "dense", {}) == (
        *start,
        "../d",
        "-n",
        "dense",
        "--dense",
        "a b",
    )


def test_where_the_program_is(tmp_path: Path, programs: Path) -> None:
    def first(word: str, **changes: Any) -> str:
        return training_command(
            load(tmp_path, train_command=[word], **changes).repos["one"], "", {}
        )[0]

    assert first("./bin/train") == "./bin/train"
    assert first("../env/bin/python") == "../env/bin/python"
    assert first("/bin/sh") == "/bin/sh"
    assert first(ADAPTER) == str(ROOT / "adapters" / "person_reid.py")
    assert first("python3", env={"PATH": "/nowhere"}) == "python3"  # found in the training's PATH
    relative = os.path.relpath(programs)
    assert first("python3", env={"PATH": relative}) == str(programs / "python3")


@pytest.mark.parametrize(
    ("changes", "path", "sentence"),
    [
        ({"train_command": "absent"}, "", '"train_script" is missing (add it)'),
        ({"train_script": "./t.sh"}, ".train_command", 'stands beside "train_script"'),
        ({"train_command": []}, ".train_command", "must not be empty"),
        ({"train_command": [""]}, ".train_command[0]", "must not be empty"),
        ({"train_command": "python3"}, ".train_command", "must be a list, not text"),
        ({"train_command": ["p", "a\0"]}, ".train_command[1]", "has a NUL character"),
        (
            {"train_command": ["python3", "{tandem}/adapters/none.py"]},
            ".train_command[1]",
            f'"{ROOT}/adapters/none.py" does not exist',
        ),
        ({"model_args": {"dence": []}}, ".model_args.dence", 'did you mean "dense"?'),
        ({"model_args": {"dense": "-d"}}, ".model_args.dense", "must be a list, not text"),
        ({"env": {"1A": "x"}}, ".env.1A", "no name of a variable"),
        ({"env": {"A=B": "x"}}, '.env["A=B"]', "no name of a variable"),
        ({"env": {"A": 1}}, ".env.A", "must be text, not 1"),
        ({"env": {"TANDEM_COOKIE": "x"}}, ".env.TANDEM_COOKIE", "belongs to Tandem"),
        ({"required_metrics": ["rnk"]}, ".required_metrics[0]", 'did you mean "rank"?'),
        ({"commit": "abc"}, ".commit", "is not a whole commit"),
        ({"commit": "master"}, ".commit", "is not a whole commit"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(
    tmp_path: Path, changes: dict[str, Any], path: str, sentence: str
) -> None:
    registry = load(tmp_path, **changes)
    [(where, message)] = told(registry)
    assert where == f"models.one{path}"
    assert sentence in message
    assert registry.broken == ("one",)


def test_models_that_run_the_same_command_are_a_warning(tmp_path: Path) -> None:
    [(where, message)] = told(load(tmp_path, model_args={"dense": ["-d"]}), "warning")
    assert where == "models.one.model_args"
    assert message.startswith('the same for "plain", "default"')
    assert told(load(tmp_path, model_args={"dense": ["-d"]}, model_flag="-n"), "warning") == []


def test_a_missing_program_or_folder_is_an_error_of_the_plan(
    tmp_path: Path, programs: Path
) -> None:
    folder = tmp_path / "repos" / "one"
    [message] = errors(plan(tmp_path))
    assert message == f'its folder "{folder}" does not exist (`make repos` clones it)'
    [message] = errors(plan(tmp_path, commit="absent"))
    assert message.endswith("does not exist (check --root and the registry)")
    folder.mkdir(parents=True)
    assert errors(plan(tmp_path)) == []
    (programs / "python3").unlink()
    [message] = errors(plan(tmp_path))
    assert message == 'its program "python3" is not on PATH (install it, or write where it is)'
    [message] = errors(plan(tmp_path, train_command=["/no/such"]))
    assert message == 'its program "/no/such" does not exist (check the registry)'


def test_a_folder_at_another_commit_is_a_warning(
    tmp_path: Path, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "repos" / "one").mkdir(parents=True)
    state: dict[str, Any] = {"commit": FOREIGN["commit"], "dirty": True, "reason": None}
    monkeypatch.setattr("tandem.plan.folders.git_state", lambda _: state)
    assert plan(tmp_path).problems == ()
    state["commit"] = "f" * 40
    reading = plan(tmp_path)
    [problem] = reading.problems
    assert (problem.severity, problem.path) == ("warning", "experiments[0].repo")
    assert problem.message == (
        "its folder is at commit ffffffffffff, the registry names 012345678901"
    )
    assert reading.plan
    assert "ffffffffffff" in reading.plan.experiments[0].warnings[0]
    assert plan(tmp_path, commit="absent").problems == ()


def test_the_default_registry_is_without_a_flaw() -> None:
    assert load_registry(DEFAULT).problems == ()


# -- runs ----------------------------------------------------------------------------------


def run(stage: Stage, log: str, background: str, **changes: Any) -> dict[str, Any]:
    """Run a foreground that knows nothing of Tandem; return its record."""
    stage.build("exit 1", background)
    registry = json.loads((stage.folder / "registry.json").read_text())
    bash = {key: FOREIGN[key] for key in ("env", "performance_metrics", "required_metrics")}
    command = ["bash", "-c", f"sleep 0.3; {log}"]
    front = {"path": "repos/front", "models": ["default"], "train_command": command}
    registry["models"]["front"] = front | bash | changes
    (stage.folder / "registry.json").write_text(json.dumps(registry))
    done = stage.run()
    assert "Traceback" not in done.stdout
    return stage.record()


def test_variables_are_the_trainings_own_and_recorded(stage: Stage) -> None:
    background = 'echo "given: ${GIVEN-none}"; sleep 60'
    record = run(stage, 'echo "[$GIVEN] $TANDEM_OUT"; echo Rank:1', background)
    folder = stage.experiment
    log = (folder / "training.log").read_text()
    assert log == f"[a; (b) c] {folder}/attempts/1\nRank:1\n"
    assert (folder / "background_logs" / "run_1.log").read_text() == "given: none\n"
    assert record["valid"], record["invalid_reasons"]
    assert record["environment"]["env"] == {"GIVEN": "a; (b) c"}
    [background] = record["background"]["parts"]
    assert background["env"] == {}
    assert (record["environment"]["pin"], background["pin"]) == (None, None)


@pytest.mark.parametrize(
    ("required", "reasons"),
    [
        (["rank", "map"], ["required metrics not found in the foreground's log: map"]),
        (["rank"], []),
        ([], []),
    ],
)
def test_only_required_metrics_are_needed(
    stage: Stage, required: list[str], reasons: list[str]
) -> None:
    record = run(stage, "echo Rank:1", "echo load; sleep 60", required_metrics=required)
    assert (record["invalid_reasons"], record["required_metrics"]) == (reasons, required)
