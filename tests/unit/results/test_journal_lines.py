"""Lines of the journal on a disk that fails: each is there once and whole, whatever failed when."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tandem.results.journal import NAME, Journal
from tandem.results.shared.disk import Disk


class Again(Disk):
    """A disk that is good again at once: what fails is done again."""

    def patient(self, action: Any) -> Any:
        for _ in range(3):
            try:
                return action()
            except OSError:
                continue
        return action()


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    made = Journal(tmp_path, "worker", Again())
    made.add("started", experiment="a")
    yield made
    made.close()


def events(tmp_path: Path) -> list[str]:
    lines = (tmp_path / NAME).read_text().splitlines()
    return [json.loads(line)["event"] for line in lines]


class Failing:
    """The calls of a journal; each kind fails as often as `times` says, a write half done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **times: int) -> None:
        self.times = times
        for name in times:
            real = getattr(os, name)

            def call(*words: Any, name: str = name, real: Any = real, **more: Any) -> Any:
                self.times[name] -= 1
                if self.times[name] < 0:
                    return real(*words, **more)
                if name == "write":
                    real(words[0], words[1][:5])
                raise OSError(errno.EIO, "Input/output error")

            monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize(
    "times",
    [
        {"write": 1},
        {"fsync": 1},
        {"write": 1, "ftruncate": 1},
        {"fsync": 2, "ftruncate": 1},
        {"write": 1, "open": 2},
        {"fsync": 1, "fstat": 1},
    ],
    ids=str,
)
def test_a_line_is_there_once_and_whole(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, times: dict[str, int]
) -> None:
    failing = Failing(monkeypatch, **times)
    journal.add("ended", experiment="a", duration_s=1.0)
    journal.add("run_ended")
    assert all(left < 0 for left in failing.times.values()), "each has failed, and been done again"
    assert events(tmp_path) == ["started", "ended", "run_ended"]


def test_a_short_write_is_cut_off(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = os.write, [0]

    def write(file: int, data: bytes) -> int:
        calls[0] += 1
        return real(file, data[:9] if calls[0] == 1 else data)

    monkeypatch.setattr(os, "write", write)
    journal.add("ended", experiment="a")
    assert events(tmp_path) == ["started", "ended"]


def test_a_run_on_one_machine_fails_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)
    journal.add("started", experiment="a")
    Failing(monkeypatch, write=1)
    with pytest.raises(OSError):
        journal.add("ended", experiment="a")
    journal.add("interrupted", experiment="a")
    assert events(tmp_path) == ["started", "interrupted"]
    journal.close()


def test_lines_that_were_there_and_are_not(
    journal: Journal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that came back without what it had said it has: nothing is written behind that."""
    Failing(monkeypatch, fsync=9)
    with pytest.raises(OSError):
        journal.add("ended", experiment="a")
    monkeypatch.undo()
    (tmp_path / NAME).write_text("")
    with pytest.raises(OSError, match="lines are missing"):
        journal.add("ended", experiment="a")


@pytest.mark.parametrize("worker", [None, "worker"])
def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worker: str | None
) -> None:
    """The folder of a worker is its own; a run that has no worker needs its lock."""

    def flock(_file: int, _how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    if worker is None:
        with pytest.raises(OSError, match="No locks available"):
            Journal(tmp_path)
        return
    journal = Journal(tmp_path, worker)
    journal.add("started", experiment="a")
    journal.close()
    assert events(tmp_path) == ["started"]
