"""Which run --continue goes on with, and what it says where it begins anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tandem.config.jsonfile import read_json
from tandem.config.registry import load_registry
from tandem.plan.planner import read_plan
from tandem.results.folder import make_run_folder
from tandem.run.continued import Sought

SETTINGS: dict[str, Any] = {"mode": "default", "experiments": [{"repo": "one", "model": "m"}]}
REPOSITORY: dict[str, Any] = {
    "path": "repos/one",
    "train_script": "./train.sh",
    "models": ["m"],
    "supported_hyperparams": {"note": {"flag": "-n", "type": "str"}},
    "performance_metrics": {"log_patterns": {"loss": "loss ([0-9.]+)"}},
}


class Project:
    """A folder with settings, a registry and a repository, in which runs are planned."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "s.json"
        self.registry = folder / "config" / "r.json"
        self.more: list[Path] = []
        script = folder / "repos" / "one" / "train.sh"
        for each in (script, self.registry):
            each.parent.mkdir(parents=True)
        script.write_text("#!/bin/sh\n")
        script.chmod(0o755)
        self.set(SETTINGS, REPOSITORY)

    def set(self, settings: Any = SETTINGS, repository: Any = REPOSITORY) -> None:
        self.settings.write_text(json.dumps(settings))
        self.registry.write_text(json.dumps({"models": {"one": repository}}))

    def plan(self, seed: int | None = None) -> Path:
        reading = read_plan(self.settings, self.registry, *self.more, seed=seed)
        assert reading.plan, reading.problems
        return make_run_folder(self.folder / "results", reading.plan, reading.copies)

    def sought(self, seed: int | None = None, root: Path | None = None) -> Sought:
        registry = load_registry(self.registry, *self.more, root=root)
        return Sought(self.folder / "results", read_json(self.settings), registry, seed)

    def found(self, **options: Any) -> Path | None:
        found = self.sought(**options).found()
        return found and found[0]

    def changes(self, **options: Any) -> list[str]:
        return self.sought(**options).changes()[1:]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_change_of_words_alone_goes_on(project: Project) -> None:
    assert (project.found(), project.sought().changes()) == (None, [])
    run = project.plan()
    assert (run / "settings.json").read_bytes() == project.settings.read_bytes()
    assert (run / "registry.json").read_bytes() == project.registry.read_bytes()
    assert project.found() == run
    words = {"description": "x", **SETTINGS, "experiments": [{"_": 1}, *SETTINGS["experiments"]]}
    project.set(words, REPOSITORY | {"comment": "y"})
    assert (project.found(), project.changes()) == (run, [])


def test_any_other_change_is_said_with_its_file(project: Project) -> None:
    run = project.plan(seed=5)
    project.set(SETTINGS | {"max_retries": 3}, REPOSITORY | {"models": ["m", "n"]})
    assert project.found() is None
    assert project.sought(seed=6).changes() == [
        f"a new run begins: what {run} was planned from has changed",
        f"{project.settings}: max_retries: not there -> 3",
        f'{project.registry}: models.one.models: ["m"] -> ["m", "n"]',
        "--seed: 5 -> 6",
    ]
    project.set()
    assert (project.found(), project.found(seed=5), project.found(seed=6)) == (run, run, None)
    assert project.changes(root=project.folder / "x") == [
        f"--root: {project.folder} -> {project.folder / 'x'}"
    ]


def test_of_two_runs_the_newest_that_means_the_same_goes_on(project: Project) -> None:
    first = project.plan()
    project.set(SETTINGS | {"max_retries": 3})
    second = project.plan()
    assert project.found() == second
    project.set()
    assert project.found() == first
    project.set(SETTINGS | {"max_retries": 4})
    assert project.changes() == [f"{project.settings}: max_retries: 3 -> 4"]


def test_a_run_without_copies_goes_by_its_digests(project: Project) -> None:
    run = project.plan()
    for name in ("settings.json", "registry.json"):
        (run / name).write_text("{}")  # not what it was planned from
    assert project.found() == run
    project.settings.write_text(json.dumps(SETTINGS, indent=1))
    assert project.found() is None
    assert project.changes() == [
        f"{project.settings}: it has changed, and that run kept no copy that could say where"
    ]


def test_the_entries_of_several_registries_are_compared_as_they_count(project: Project) -> None:
    run = project.plan()
    mine = project.folder / "config" / "mine.json"
    project.more = [mine]
    mine.write_text(json.dumps({"models": {"one": REPOSITORY | {"_": "the same"}}}))
    assert project.found() == run
    mine.write_text(json.dumps({"models": {"one": REPOSITORY | {"device": "gpu"}}}))
    assert project.changes() == [f'{mine}: models.one.device: not there -> "gpu"']
    again = project.plan()
    assert project.found() == again


def test_many_changes_are_cut(project: Project) -> None:
    project.set(SETTINGS | {"experiments": SETTINGS["experiments"] * 30})
    project.plan()
    project.set()
    assert project.changes()[9:] == [
        f'{project.settings}: experiments[10]: {{"model": "m", "repo": "one"}} -> not there',
        "and 19 more",
    ]
