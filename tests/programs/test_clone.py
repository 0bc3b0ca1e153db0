"""make repos: clones from a local repository, at the commit and not the newest, or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.gitbox import git
from tandem.base.makers import mark
from tandem.base.paths import ROOT

pytestmark = pytest.mark.usefixtures("plain_git")


@pytest.fixture
def upstream(tmp_path: Path) -> tuple[Path, list[str]]:
    """Somebody's repository with two commits, and what they are called, oldest first."""
    folder = tmp_path / "up stream"
    folder.mkdir()
    git(folder, "init", "--quiet")
    commits = []
    for version in ("one", "two"):
        (folder / "train.py").write_text(f"print('{version}')\n")
        git(folder, "add", ".")
        git(folder, "commit", "--quiet", "-m", version)
        commits.append(git(folder, "rev-parse", "HEAD"))
    return folder, commits


def registry(folder: Path, **entries: dict[str, Any]) -> None:
    usual: dict[str, Any] = {"train_command": [sys.executable, "train.py"], "models": ["m"]}
    usual["performance_metrics"] = {"log_patterns": {"version": "([0-9]+)"}}
    models = {name: {**usual, "path": f"repos/{name}", **raw} for name, raw in entries.items()}
    (folder / "registry.json").write_text(json.dumps({"models": models}))


def driver(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "driver.py"), *arguments]
    places = ["--registry", str(folder / "registry.json"), "--root", str(folder)]
    return subprocess.run(
        [*command, *places], capture_output=True, text=True, check=False, timeout=120
    )


def test_what_is_missing_is_cloned_at_the_commit_and_not_the_newest(
    tmp_path: Path, upstream: tuple[Path, list[str]]
) -> None:
    source, (old, _) = upstream
    known = {"url": source.as_uri(), "commit": old}
    registry(tmp_path, one=known, without={"url": str(source)}, unpinned={}, there=known)
    there = tmp_path / "repos" / "there"
    there.mkdir(parents=True)
    done = driver(tmp_path, "repos")
    one = tmp_path / "repos" / "one"
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"one: cloning {source.as_uri()} ...",
        f"one: at {old} in {one}",
        f"there: is there: {there}",
    ]
    assert (one / "train.py").read_text() == "print('one')\n"
    assert git(one, "rev-parse", "HEAD") == old
    assert git(one, "status", "--porcelain") == ""
    assert sorted(os.listdir(tmp_path / "repos")) == ["one", "there"]
    assert list(there.iterdir()) == []
    (one / "train.py").write_text("mine\n")
    assert f"one: is there: {one}" in driver(tmp_path, "repos").stdout
    assert (one / "train.py").read_text() == "mine\n"


def test_what_cannot_be_had_leaves_nothing_and_the_others_come(
    tmp_path: Path, upstream: tuple[Path, list[str]]
) -> None:
    source, (old, new) = upstream
    registry(
        tmp_path,
        lost={"url": str(tmp_path / "nowhere"), "commit": new},
        wrong={"url": str(source), "commit": "f" * 40},
        holed={"url": str(source), "commit": old},
        one={"url": str(source), "commit": new},
    )
    blob = git(source, "rev-parse", f"{old}:train.py")
    (source / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    done = driver(tmp_path, "repos")
    assert done.returncode == 1
    assert "lost: not cloned: fatal: " in done.stdout
    assert "wrong: not cloned: " in done.stdout
    assert "holed: not cloned: not all of its files could be had" in done.stdout
    assert "Traceback" not in done.stderr
    assert os.listdir(tmp_path / "repos") == ["one"]


def test_the_half_of_a_killed_clone_is_no_repository_and_is_replaced(
    tmp_path: Path, upstream: tuple[Path, list[str]]
) -> None:
    """A git that kills whoever started it half-way stands for whatever kills a clone."""
    source, (old, _) = upstream
    registry(tmp_path, one={"url": str(source), "commit": old})
    programs = tmp_path / "programs"
    programs.mkdir()
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout
    (programs / "git").write_text(
        f'#!/bin/sh\n{real.strip()} "$@"\n[ "$1" != clone ] || kill -KILL $PPID\n'
    )
    (programs / "git").chmod(0o755)
    path = os.environ["PATH"]
    os.environ["PATH"] = f"{programs}:{path}"
    try:
        assert driver(tmp_path, "repos").returncode == -9
    finally:
        os.environ["PATH"] = path
    [left] = os.listdir(tmp_path / "repos")
    assert left.startswith(".one.") and left.endswith(".partial")
    elsewhere = f".one.{'-'.join(['00c0ffee', *mark().split('-')[1:]])}.partial"
    (tmp_path / "repos" / elsewhere).mkdir()  # by another machine, which is at it just now
    assert driver(tmp_path, "repos").returncode == 0
    assert sorted(os.listdir(tmp_path / "repos")) == [elsewhere, "one"]


def test_two_do_not_clone_into_one_folder(tmp_path: Path, upstream: tuple[Path, list[str]]) -> None:
    source, (old, _) = upstream
    registry(tmp_path, one={"url": str(source), "commit": old})
    (tmp_path / "repos").mkdir()
    descriptor = os.open(tmp_path / "repos", os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        done = driver(tmp_path, "repos")
    finally:
        os.close(descriptor)
    assert (done.returncode, os.listdir(tmp_path / "repos")) == (75, [])
    assert "another `make repos` clones into" in done.stderr


def test_a_registry_with_errors_clones_nothing(tmp_path: Path) -> None:
    registry(tmp_path, one={"url": str(tmp_path), "commit": "master"})
    done = driver(tmp_path, "repos")
    assert (done.returncode, done.stdout) == (2, "")
    assert "models.one.commit" in done.stderr
