"""The commit of a try: one stands, and a lost answer changes nothing."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tandem.results.commit import commit, committed, standing_try


def attempt(run: Path, worker: str) -> Path:
    folder = run / "workers" / worker / "x"
    folder.mkdir(parents=True)
    return folder


def test_the_first_try_stands_and_the_second_does_not(tmp_path: Path) -> None:
    first, second = attempt(tmp_path, "a"), attempt(tmp_path, "b")
    assert commit(first, tmp_path)
    assert not commit(second, tmp_path)
    assert standing_try(tmp_path, "x") == "workers/a/x"
    assert committed(tmp_path) == {"x"}
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
