"""Temporary names: no two processes of any host have the same, and none of a living one goes."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from tandem.base import makers
from tandem.base.files import sweep, temporary_name, write_whole

DAY_S = 86400


def a_file(folder: Path, maker: str, age_s: float = 0.0) -> Path:
    file = folder / f".summary.csv.{maker}.tmp"
    file.write_text("half a table\n")
    os.utime(file, (time.time() - age_s,) * 2)
    return file


def of_ended_process() -> str:
    """Return the mark of a process that has ended, and whose pid this process has now."""
    *place, pid, started = makers.mark().split("-")
    return "-".join([*place, pid, str(int(started) - 1)])


def elsewhere(maker: str) -> str:
    """Return the mark of a process of another host that has the same pid and start."""
    words = maker.split("-")
    return "-".join(["00c0ffee", *words[1:]])


# The same in all processes that run tests: they have to agree on the names of all.
ELSEWHERE = pytest.param(elsewhere(makers.mark()), id="of another host")


def test_this_process_lives() -> None:
    assert makers.has_ended(makers.mark()) is False


def test_a_process_that_has_ended() -> None:
    assert makers.has_ended(of_ended_process()) is True


def test_a_pid_that_nobody_has() -> None:
    *place, _, started = makers.mark().split("-")
    assert makers.has_ended("-".join([*place, "4194305", started])) is True  # above the highest


@pytest.mark.parametrize("maker", [ELSEWHERE, "4711", "", "a-b-c-d", "1-2-3-4-5"])
def test_what_cannot_be_told(maker: str) -> None:
    assert makers.has_ended(maker) is None


def test_two_hosts_never_write_the_same_file(monkeypatch: pytest.MonkeyPatch) -> None:
    here = temporary_name("/shared/summary.csv")
    monkeypatch.setattr(makers, "_here", lambda: ["00c0ffee", "4026531836"])
    there = temporary_name("/shared/summary.csv")
    assert here != there
    assert Path(here).parent == Path(there).parent == Path("/shared")


def test_a_sweep_removes_what_killed_writers_left(tmp_path: Path) -> None:
    left = a_file(tmp_path, of_ended_process())
    living = a_file(tmp_path, makers.mark())
    of_other_host = a_file(tmp_path, elsewhere(makers.mark()))
    other = tmp_path / ".bashrc"
    other.touch()
    sweep(str(tmp_path))
    assert not left.exists()
    assert living.exists() and of_other_host.exists() and other.exists()


@pytest.mark.parametrize("maker", [ELSEWHERE, "4711"])
def test_what_nobody_here_can_tell_of_goes_after_a_day(tmp_path: Path, maker: str) -> None:
    old, young = a_file(tmp_path, maker, DAY_S + 3600), a_file(tmp_path, f"x.{maker}", DAY_S - 3600)
    sweep(str(tmp_path))
    assert not old.exists() and young.exists()


def test_a_sweep_of_one_file_leaves_others(tmp_path: Path) -> None:
    left = a_file(tmp_path, of_ended_process())
    sweep(str(tmp_path), "experiment.json")
    assert left.exists()
    sweep(str(tmp_path), "summary.csv")
    assert not left.exists()


def test_a_file_is_there_whole_and_nothing_else(tmp_path: Path) -> None:
    write_whole(str(tmp_path / "plan.json"), b"{}\n")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]
