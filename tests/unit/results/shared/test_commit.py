"""The commit of a try: one stands, and a lost answer changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tandem.results.shared.commit import commit, committed, standing_try, take_away


def attempt(run: Path, worker: str) -> Path:
    folder = run / "workers" / worker / "x"
    folder.mkdir(parents=True)
    return folder


def test_the_first_try_stands_and_the_second_does_not(tmp_path: Path) -> None:
    first, second = attempt(tmp_path, "a"), attempt(tmp_path, "b")
    assert commit(first, tmp_path)
    assert not commit(second, tmp_path)
    assert standing_try(tmp_path, "x") == "workers/a/x"
    assert committed(tmp_path) == {"x", "workers"}
    assert commit(first, tmp_path), "asking again is harmless"


def test_a_lost_answer_is_no_loss(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = attempt(tmp_path, "a")
    symlink = os.symlink

    def asked_twice(target: str, name: Path) -> None:
        symlink(target, name)
        symlink(target, name)

    monkeypatch.setattr(os, "symlink", asked_twice)
    assert commit(folder, tmp_path)


def test_what_cannot_be_made_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(_target: str, name: Path) -> None:
        raise OSError(5, "Input/output error", str(name))

    monkeypatch.setattr(os, "symlink", refused)
    with pytest.raises(OSError, match="Input/output error"):
        commit(attempt(tmp_path, "a"), tmp_path)


# -- a try that is of no use ---------------------------------------------------------------


def test_what_was_judged_stands_no_longer_and_its_files_stay(tmp_path: Path) -> None:
    folder = attempt(tmp_path, "a")
    commit(folder, tmp_path)
    assert take_away(tmp_path, "x", "workers/a/x") == "workers/a/x"
    assert folder.is_dir()
    assert [each.name for each in tmp_path.iterdir()] == ["workers"]
    assert take_away(tmp_path, "x", "workers/a/x") is None


def test_another_try_that_was_committed_meanwhile_remains(tmp_path: Path) -> None:
    commit(attempt(tmp_path, "b"), tmp_path)
    assert take_away(tmp_path, "x", "workers/a/x") is None
    assert standing_try(tmp_path, "x") == "workers/b/x"


def test_a_folder_without_workers_goes_to_what_was_cut_off(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    assert take_away(tmp_path, "x", "") == "cut_off/x.1"
    (tmp_path / "x").mkdir()
    assert take_away(tmp_path, "x", "") == "cut_off/x.2"
    commit(attempt(tmp_path, "b"), tmp_path)
    assert take_away(tmp_path, "x", "") is None
    assert standing_try(tmp_path, "x") == "workers/b/x"


@pytest.mark.parametrize("error", [FileNotFoundError(2, "gone"), OSError(5, "I/O error")])
def test_a_lost_answer_to_a_rename_is_no_loss(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    commit(attempt(tmp_path, "a"), tmp_path)
    rename = os.rename

    def answer_is_lost(source: Path, target: str) -> None:
        rename(source, target)
        raise error

    monkeypatch.setattr(os, "rename", answer_is_lost)
    assert take_away(tmp_path, "x", "workers/a/x") == "workers/a/x"
    assert standing_try(tmp_path, "x") is None
