"""Under sudo: which of the earlier runs are given to the caller at a start."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tandem.base import sudo
from tandem.results.journal import Journal
from tandem.run.run import give_what_was_left

USER = 54321

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


def make_run(folder: Path, owner: int) -> Path:
    """Make a run whose folder belongs to `owner`, and in which a log belongs to root."""
    folder.mkdir(parents=True)
    for name in ("plan.json", "training.log"):
        (folder / name).touch()
    os.chown(folder, owner, owner)
    return folder


def owners(folder: Path) -> list[int]:
    return [path.stat().st_uid for path in (folder, folder / "training.log")]


def test_only_what_a_killed_run_left_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUDO_UID", str(USER))
    monkeypatch.setenv("SUDO_GID", str(USER))
    given = make_run(tmp_path / "run_1", USER)
    left = make_run(tmp_path / "run_2", 0)
    active = make_run(tmp_path / "run_3", 0)
    other = make_run(tmp_path / "other", 0)
    journal = Journal(active)
    walked: list[Path] = []

    def give(path: Path) -> None:
        walked.append(path)
        sudo.give_to_caller(path)

    monkeypatch.setattr("tandem.run.run.give_to_caller", give)
    give_what_was_left(tmp_path)
    assert walked == [left]
    assert owners(left) == [USER, USER]
    assert owners(given) == [USER, 0]  # not looked into: that takes long where there are many
    assert owners(active) == owners(other) == [0, 0]
    journal.close()
    give_what_was_left(tmp_path)
    assert owners(active) == [USER, USER]


def test_without_sudo_nothing_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_UID", raising=False)
    left = make_run(tmp_path / "run_1", 0)
    give_what_was_left(tmp_path)
    assert owners(left) == [0, 0]
