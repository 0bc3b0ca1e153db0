"""Registries of several files: what counts, what paths begin at, and what is wrong with which."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tandem.base.paths import REGISTRY as DEFAULT
from tandem.config.problems import ProblemsError, line_of, problem_lines
from tandem.config.registry import Registry, load_registry


def entry(path: str = "repos/one", **keys: Any) -> dict[str, Any]:
    metrics = {"log_patterns": {"loss": "loss ([0-9.]+)"}}
    fixed = {"train_script": "./train.sh", "models": ["default"], "performance_metrics": metrics}
    return {"path": path, **fixed, **keys}


def write(path: Path, models: Any, **keys: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**keys, "models": models}), encoding="utf-8")
    return path


def refusal(*paths: Path) -> str:
    with pytest.raises(ProblemsError) as caught:
        load_registry(*paths)
    return str(caught.value)


def folders(registry: Registry) -> dict[str, str]:
    return {name: str(registry.root / it.path) for name, it in registry.repos.items()}


def test_a_later_file_replaces_an_entry_whole_and_paths_begin_at_their_own_file(
    tmp_path: Path,
) -> None:
    first = entry(env={"A": "1"}, unknown=1)
    one = write(tmp_path / "a" / "config" / "one.json", {"x": first, "y": first})
    two = write(tmp_path / "b" / "config" / "two.json", {"y": entry(), "z": entry("/far/z")})
    registry = load_registry(one, two)
    assert folders(registry) == {
        "x": f"{tmp_path}/a/repos/one",
        "y": f"{tmp_path}/b/repos/one",
        "z": "/far/z",
    }
    assert (registry.repos["x"].environment, registry.repos["y"].environment) == ({"A": "1"}, {})
    assert registry.file_of == {"x": one, "y": two, "z": two}
    assert (registry.files, registry.root) == ((one, two), tmp_path / "b")
    assert problem_lines(registry.problems, "warning") == [
        f"{one}: models.x.unknown: IGNORED: unknown key"
    ]
    assert problem_lines(registry.problems, "remark") == [
        f"{two}: models.y: counts in place of that in {one}"
    ]
    both = load_registry(one, two, root=tmp_path / "c")
    assert folders(both)["x"] == folders(both)["y"] == f"{tmp_path}/c/repos/one"


def test_one_file_alone_means_what_it_meant(tmp_path: Path) -> None:
    one = write(tmp_path / "config" / "one.json", {"x": entry()})
    registry = load_registry(one)
    assert (registry.repos["x"].path, registry.root) == ("repos/one", tmp_path)
    assert registry.copy == one.read_bytes()


def test_a_broken_entry_that_is_replaced_is_no_problem_and_one_that_replaces_is(
    tmp_path: Path,
) -> None:
    broken = write(tmp_path / "broken.json", {"x": {"path": 1}})
    whole = write(tmp_path / "whole.json", {"x": entry()})
    assert problem_lines(load_registry(broken, whole).problems, "error") == []
    registry = load_registry(whole, broken)
    assert (registry.repos, registry.broken) == ({}, ("x",))
    assert {it.file for it in registry.problems if it.severity == "error"} == {str(broken)}


def test_extends_is_relative_to_its_file_and_read_before_it(tmp_path: Path) -> None:
    base = write(tmp_path / "base" / "config" / "r.json", {"x": entry(), "y": entry()})
    middle = write(tmp_path / "m.json", {"y": entry("mine")}, extends="base/config/r.json")
    mine = write(tmp_path / "b" / "config" / "mine.json", {"z": entry()}, extends="../../m.json")
    registry = load_registry(mine)
    assert registry.files == (base, middle, mine)
    assert folders(registry) == {
        "x": f"{tmp_path}/base/repos/one",
        "y": f"{tmp_path.parent}/mine",
        "z": f"{tmp_path}/b/repos/one",
    }
    copy = json.loads(registry.copy)
    assert {name: each["path"] for name, each in copy["models"].items()} == folders(registry)
    kept = tmp_path / "kept.json"
    kept.write_bytes(registry.copy)
    again = load_registry(kept)  # the copy is a registry itself
    assert (again.problems, folders(again)) == ((), folders(registry))


def test_the_default_registry_can_be_extended_from_anywhere(tmp_path: Path) -> None:
    mine = write(tmp_path / "r.json", {"x": entry()}, extends="{tandem}/config/models_config.json")
    registry = load_registry(mine)
    assert folders(registry).items() > folders(load_registry(DEFAULT)).items()
    assert "x" in registry.repos


def test_what_several_extend_is_read_once_and_what_is_named_last_counts(tmp_path: Path) -> None:
    base = write(tmp_path / "base.json", {"x": entry("base")})
    one = write(tmp_path / "one.json", {"x": entry("one")}, extends="base.json")
    two = write(tmp_path / "two.json", {"y": entry("two")}, extends="./base.json")
    assert load_registry(one, two).repos["x"].path == "one"
    assert load_registry(one, base).repos["x"].path == "base"
    assert load_registry(base, one, two, one).files == (base, two, one)


def test_files_that_extend_each_other_are_named(tmp_path: Path) -> None:
    one = write(tmp_path / "one.json", {"x": entry()}, extends="two.json")
    two = write(tmp_path / "two.json", {"x": entry()}, extends="one.json")
    circle = f"goes round in a circle: {one} extends {two} extends {one} (remove one of them)"
    assert refusal(one) == f"{two}: extends: {circle}"
    self = write(tmp_path / "self.json", {"x": entry()}, extends="self.json")
    assert refusal(self).startswith(f"{self}: extends: goes round in a circle: {self} extends")
    (tmp_path / "here").symlink_to(".")
    endless = write(tmp_path / "endless.json", {"x": entry()}, extends="here/endless.json")
    assert "goes round in a circle" in refusal(endless)


def test_each_fault_names_its_file(tmp_path: Path) -> None:
    one = write(tmp_path / "one.json", {"x": entry()}, extends="no.json")
    gone = f'"{tmp_path / "no.json"}" does not exist (fix the path)'
    assert refusal(one) == f"{one}: extends: {gone}"
    assert refusal(tmp_path / "no.json") == f"{tmp_path / 'no.json'}: no such file (check the path)"
    (tmp_path / "no.json").write_text("{")
    assert refusal(one).startswith(f"{tmp_path / 'no.json'}: not JSON at line 1")
    (tmp_path / "no.json").write_text("[]")
    assert refusal(one) == f"{tmp_path / 'no.json'}: must be an object, not a list"
    wrong = write(tmp_path / "wrong.json", {"x": entry()}, extends=["one.json"])
    lines = [line_of(it) for it in load_registry(wrong).problems]
    assert lines == [f"{wrong}: extends: must be text, not a list"]
