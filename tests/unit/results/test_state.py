"""state.json: whole or not there, read as it was written, and who is still alive by it."""

from __future__ import annotations

import errno
import json
import os
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from support.states import state
from tandem.config.schema import schema
from tandem.results import state as module
from tandem.results.state import (
    Board,
    Newest,
    Owner,
    Rounds,
    State,
    StateFile,
    Use,
    liveness,
    read_state,
    this_process,
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


def test_this_process_is_alive_and_its_predecessor_is_not() -> None:
    mine = state(owner=this_process())
    assert liveness(mine, age_s=1e9) == "running"
    earlier = replace(mine.owner, started_ticks=mine.owner.started_ticks - 1)
    assert liveness(replace(mine, owner=earlier), age_s=0) == "not running"


@pytest.mark.parametrize(
    "owner",
    [replace(this_process(), boot_id="another"), replace(this_process(), pid_namespace="pid:[1]")],
)
def test_elsewhere_the_age_of_the_state_decides(owner: Owner) -> None:
    other = state(owner=owner)
    assert liveness(other, age_s=59) == "running"
    assert liveness(other, age_s=61) == "unknown"


def test_a_run_from_before_the_machine_started_again_is_not_running(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = state(owner=replace(this_process(), boot_id="another"))
    monkeypatch.setattr(module, "boottime_s", lambda: 20.0)
    assert liveness(before, age_s=30) == "not running"
    assert liveness(before, age_s=10) == "running"  # then it is another machine of that name
    there = state(owner=replace(before.owner, host="far"))
    assert liveness(there, age_s=30) == "running"
    assert liveness(there, age_s=90) == "unknown"


def test_whose_processes_cannot_be_seen_is_judged_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = state(owner=this_process())
    monkeypatch.setattr(module, "stat", lambda _pid: [])
    assert liveness(mine, age_s=1) == "running"
    assert liveness(mine, age_s=61) == "unknown"


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
