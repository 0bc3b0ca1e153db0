"""What git says of a folder, asked of real repositories."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from support.gitbox import git
from tandem.base.git import git_state

pytestmark = pytest.mark.usefixtures("plain_git")


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """One commit: train.sh and part/model.py; ignored/ and *.log do not count."""
    folder = tmp_path / "a repository"
    (folder / "part").mkdir(parents=True)
    (folder / "train.sh").write_text("one\n")
    (folder / "part" / "model.py").write_text("one\n")
    (folder / ".gitignore").write_text("ignored/\n*.log\n")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "one")
    (folder / "ignored").mkdir()
    (folder / "ignored" / "file").touch()
    (folder / "part" / "x.log").touch()
    return folder


def test_a_clean_repository(repository: Path) -> None:
    expected = {"commit": git(repository, "rev-parse", "HEAD"), "dirty": False, "reason": None}
    assert git_state(repository) == expected
    assert git_state(repository / "part") == expected


@pytest.mark.parametrize("name", ["part/model.py", "part/new.py", "part/new folder/file"])
def test_dirty_only_where_the_change_is(repository: Path, name: str) -> None:
    other = repository / "other"
    other.mkdir()
    (repository / name).parent.mkdir(exist_ok=True)
    (repository / name).write_text("two\n")
    assert git_state(repository)["dirty"] is True
    assert git_state(repository / "part")["dirty"] is True
    assert git_state(other)["dirty"] is False


def test_a_staged_or_deleted_file_is_dirty(repository: Path) -> None:
    (repository / "train.sh").unlink()
    assert git_state(repository)["dirty"] is True
    git(repository, "add", "--all")
    assert git_state(repository)["dirty"] is True


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    assert git_state(tmp_path) == {
        "commit": None,
        "dirty": False,
        "reason": "the repository has no commit yet",
    }


@pytest.mark.parametrize("name", ["ignored", "ignored/deep"])
def test_an_ignored_folder_is_not_described_by_the_repository_above(
    repository: Path, name: str
) -> None:
    (repository / name).mkdir(exist_ok=True)
    reason = "the repository above ignores this folder"
    assert git_state(repository / name) == {"commit": None, "dirty": None, "reason": reason}


def test_why_git_cannot_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(git_state(tmp_path)["reason"]).startswith("not a git repository")
    assert "No such file" in str(git_state(tmp_path / "absent")["reason"])
    monkeypatch.setenv("PATH", str(tmp_path))
    expected = {"commit": None, "dirty": None, "reason": "git is not installed"}
    assert git_state(tmp_path) == expected


def test_a_git_that_hangs_or_only_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program = tmp_path / "git"
    program.write_text("#!/bin/sh\nexec sleep 600\n")
    program.chmod(0o755)
    assert git_state(tmp_path, timeout_s=0.05)["reason"] == "git did not answer within 0.05 s"
    program.write_text("#!/bin/sh\nexit 9\n")
    assert git_state(tmp_path)["reason"] == "git ended with status 9"
    program.chmod(0o644)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_state(tmp_path)["reason"] == "git cannot be started: Permission denied"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to somebody else")
def test_git_refuses_somebody_elses_repository(repository: Path) -> None:
    for path in (repository, *repository.rglob("*")):
        os.lchown(path, 65534, 65534)
    answer = git_state(repository)
    assert answer["commit"] is None
    assert "dubious ownership" in str(answer["reason"])


def test_a_git_hook_around_us_does_not_answer(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = git(repository, "rev-parse", "HEAD")
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert git_state(repository)["commit"] == commit


def test_the_index_of_a_git_hook_around_us_does_not_count(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "an index that holds nothing"))
    assert git(repository, "status", "--porcelain") != ""
    assert git_state(repository)["dirty"] is False


def test_reading_changes_nothing_and_starts_no_program(repository: Path, tmp_path: Path) -> None:
    witness = tmp_path / "was here"
    monitor = tmp_path / "monitor"
    monitor.write_text(f"#!/bin/sh\ntouch '{witness}'\n")
    monitor.chmod(0o755)
    git(repository, "config", "core.fsmonitor", str(monitor))
    (repository / ".git" / "hooks" / "post-index-change").symlink_to(monitor)
    index = repository / ".git" / "index"
    os.utime(repository / "train.sh", (1, 1))
    before = index.stat()
    assert git_state(repository)["dirty"] is False
    after = index.stat()  # git reads it, which sets when it was read
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert not witness.exists()
