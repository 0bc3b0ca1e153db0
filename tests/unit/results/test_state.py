"""state.json: whole or not there, read as it was written, and who is still alive by it."""

from __future__ import annotations

import errno
import json
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.states import state
from tandem.config.schema import schema
from tandem.results.state import (
    Board,
    Newest,
    Rounds,
    State,
    StateFile,
    Use,
    read_state,
)

USE = Use(43.9, 205.2)
FULL = state(
    why="by SIGINT",
    epoch=7,
    epochs=20,
    rounds=Rounds(3, failed=1),
    coverage_so_far=0.998,
    newest=Newest(0.7, (Board("GPU 0", 212.5, 97.0, 5120.0, USE, Use(None, None)),), USE, USE),
    elapsed_s=35.2,
    left_s=12.1,
    run_left_s=720.0,
    ends="2026-01-31T12:12:00+00:00",
)


def written(path: Path, **changes: Any) -> None:
    value = {**asdict(FULL), **changes}
    (path / "state.json").write_text(json.dumps(value))


@pytest.mark.parametrize("made", [FULL, state(), state(experiment=None)])
def test_a_state_reads_back_as_it_was_and_fits_its_schema(tmp_path: Path, made: State) -> None:
    StateFile(tmp_path).write(made)
    assert read_state(tmp_path) == made
    assert os.listdir(tmp_path) == ["state.json"]
    jsonschema.validate(json.loads((tmp_path / "state.json").read_text()), schema("state"))


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"epoch": "7"},
        {"epoch": 7.5},
        {"epoch": True},
        {"status": "asleep"},
        {"counts": None},
        {"counts": {"valid": 1}},
        {"owner": []},
        {"newest": {"age_s": 1, "gpus": [None]}},
        {"left_s": "soon"},
        {"written": "soon"},
        {"written": "2026-01-31T12:00:00"},
    ],
)
def test_what_is_no_state_is_not_read(tmp_path: Path, changes: dict[str, Any]) -> None:
    written(tmp_path)
    assert read_state(tmp_path) == FULL
    written(tmp_path, **changes)
    assert read_state(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 100000, '{"version": 1}', "\0" * 99])
def test_a_damaged_file_is_not_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    assert read_state(tmp_path) is None


def test_a_later_version_may_say_more(tmp_path: Path) -> None:
    written(tmp_path, mood="good")
    assert read_state(tmp_path) == FULL


def test_a_full_disk_leaves_the_older_state_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = StateFile(tmp_path)
    file.write(FULL)

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "rename", refuse)
    file.write(state())
    assert read_state(tmp_path) == FULL
    assert os.listdir(tmp_path) == ["state.json"]


def test_a_folder_that_is_gone_harms_nobody(tmp_path: Path) -> None:
    StateFile(tmp_path / "gone").write(FULL)


def test_a_disk_that_was_silent_for_long_is_a_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now_s, file, real = [0.0], StateFile(tmp_path), os.rename

    def rename(*names: str) -> None:
        now_s[0] += 63.0
        real(*names)

    monkeypatch.setattr(time, "monotonic", lambda: now_s[0])
    file.write(state())
    assert file.problem is None
    monkeypatch.setattr(os, "rename", rename)
    file.write(state())
    assert file.problem and file.problem.strerror == "no answer for 63 s"
    monkeypatch.undo()
    file.write(state())
    assert file.problem is None


def test_why_it_could_not_be_written(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "gone")
    file.write(state())
    assert isinstance(file.problem, FileNotFoundError)
