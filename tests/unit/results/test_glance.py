"""A run at a glance, from its files alone, whatever is missing or damaged in them."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support import plans
from support.states import state
from tandem.plan.file import write_plan
from tandem.results.glance import Ended, Glance, Watched
from tandem.results.journal import Journal
from tandem.results.newest import read_newest
from tandem.results.owner import this_process
from tandem.results.state import Counts, StateFile

HOST = os.uname().nodename


def journal(run: Path, *events: dict[str, Any]) -> None:
    lines = [{"event": "run_started", "utc": "2026-01-31T11:00:00+00:00", "host": HOST}, *events]
    (run / "journal.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def ended(name: str, **facts: Any) -> dict[str, Any]:
    utc = "2026-01-31T12:00:00.000+00:00"
    return {"event": "ended", "utc": utc, "experiment": name, "duration_s": 12.3, **facts}


def look(run: Path) -> Glance:
    return Watched(run, most=10).look()


def test_of_an_empty_journal_nothing_is_known_but_that_nobody_works_there(tmp_path: Path) -> None:
    journal(tmp_path)
    found = look(tmp_path)
    assert (found.standing, found.host, found.counts) == ("not running", HOST, None)
    assert found.ended == ()


def test_without_a_state_the_lock_of_the_journal_says_that_it_runs(tmp_path: Path) -> None:
    journal(tmp_path)
    held = Journal(tmp_path)
    assert look(tmp_path).standing == "running"
    held.close()
    assert look(tmp_path).standing == "not running"


def test_without_a_state_nothing_is_known_of_another_host(tmp_path: Path) -> None:
    journal(tmp_path, {"event": "resumed", "host": "elsewhere"})
    assert look(tmp_path).standing == "not known"


def test_the_newest_that_ended_come_first_and_a_lost_record_is_told(tmp_path: Path) -> None:
    both = ended("a", valid=True), ended("b", valid=False)
    journal(tmp_path, *both, {"event": "started", "experiment": "a"})
    [only] = look(tmp_path).ended
    why = "its record is missing or damaged"
    assert only == Ended("b", False, "2026-01-31T12:00:00.000+00:00", 12.3, why)


ODD = ("", "[]\n{}\n", '{"event": "ended"}\n', "\0" * 50, '{"event": "ended", "experiment": 7}\n')


@pytest.mark.parametrize("text", ODD)
def test_a_damaged_journal_is_no_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "journal.jsonl").write_text(text)
    assert look(tmp_path).ended == ()


def test_a_state_says_how_the_run_ended(tmp_path: Path) -> None:
    journal(tmp_path)
    StateFile(tmp_path).write(state(status="stopped", why="by SIGINT"))
    found = look(tmp_path)
    assert (found.standing, found.why) == ("stopped", "by SIGINT")
    assert found.counts == Counts(0, 0, 2)  # the state's: there is no plan


def test_what_has_lost_its_record_is_missing_in_the_counts(tmp_path: Path) -> None:
    plan = plans.plan(*(plans.experiment(number=n, id=name) for n, name in enumerate("ab", 1)))
    write_plan(plan, tmp_path)
    journal(tmp_path, ended("a", valid=True), ended("b", valid=True))
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "experiment.json").write_text("{}")
    found = look(tmp_path)
    assert (found.counts, found.next) == (Counts(1, 0, 1), ("b",))


def test_a_killed_run_is_not_running(tmp_path: Path) -> None:
    mine = this_process()
    StateFile(tmp_path).write(state(owner=mine))
    assert look(tmp_path).standing == "running"
    StateFile(tmp_path).write(state(owner=replace(mine, started_ticks=1)))
    assert look(tmp_path).standing == "not running"


def test_a_plan_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "journal.jsonl").touch()
    (tmp_path / "plan.json").write_text("{}")
    assert "plan.json: not as this version" in (look(tmp_path).plan_problem or "")


def test_a_killed_run_with_nothing_missing_has_ended(tmp_path: Path) -> None:
    owner = replace(this_process(), started_ticks=1)
    StateFile(tmp_path).write(state(owner=owner, counts=Counts(2, 0, 0)))
    assert look(tmp_path).standing == "ended"


def test_an_old_state_of_another_host_is_not_known(tmp_path: Path) -> None:
    there = replace(this_process(), boot_id="another", host="far")
    StateFile(tmp_path).write(state(owner=there, written="2026-01-31T12:00:00+00:00"))
    found = look(tmp_path)
    assert (found.standing, found.host) == ("not known", "far")
    assert found.age_s is not None
    assert found.age_s > 60


@pytest.mark.parametrize("name", ["journal.jsonl", "state.json", "plan.json"])
def test_a_pipe_in_place_of_a_file_keeps_nobody_waiting(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    assert look(tmp_path).counts is None


def test_what_has_changed_is_read_again(tmp_path: Path) -> None:
    journal(tmp_path)
    watched = Watched(tmp_path, most=10)
    assert watched.look().ended_count == 0
    journal(tmp_path, ended("a", valid=True))
    assert watched.look().ended_count == 1


# -- the newest rows of the monitor ------------------------------------------------------

CPU = ",".join(
    [
        *("boottime_s", "kind", "suspended_s", "foreground_cpu_s", "foreground_pss_mib"),
        *("background_cpu_s", "background_pss_mib\n"),
    ]
)
GPU = ",".join(
    [
        *("boottime_s", "kind", "power_mean_w", "sm_percent", "memory_used_mib"),
        *("foreground_sm_percent", "foreground_memory_mib\n"),
    ]
)


def test_the_newest_whole_rows_are_taken(tmp_path: Path) -> None:
    boards = ("100,,80,50,900,30,", "101,,85.5,97,1000,40,700", "102,,9")
    sides = ("99,,0,5,10,1,", "100.5,mark,0,6,,1.2,20", "101,,0,6.5,,,\n")
    (tmp_path / "gpu_0.csv").write_text(GPU + "\n".join(boards))
    (tmp_path / "cpu.csv").write_text(CPU + "\n".join(sides))
    found = read_newest(tmp_path, now_s=101.5)
    assert found is not None
    [board] = found.gpus
    assert (found.age_s, found.power_w) == (0.5, 85.5)
    assert (board.name, board.percent, board.memory_mib) == ("GPU 0", 97, 1000)
    assert (board.foreground.percent, board.foreground.memory_mib) == (40, 700)
    assert board.background.percent is None
    assert (found.foreground_cpu.percent, found.foreground_cpu.memory_mib) == (75, 10)
    assert (found.background_cpu.percent, found.background_cpu.memory_mib) == (13.3, 20)


def test_old_rows_say_nothing_of_now(tmp_path: Path) -> None:
    (tmp_path / "gpu_0.csv").write_text(f"{GPU}100,,80,50,900,30,1\n")
    (tmp_path / "gpu_1.csv").write_text(f"{GPU}120,,80,50,900,30,1\n")
    assert read_newest(tmp_path, now_s=131) is None
    found = read_newest(tmp_path, now_s=121)
    assert found is not None
    assert [each.power_w for each in found.gpus] == [None, 80]
    assert found.power_w is None  # that of both is not known


def test_without_a_monitor_there_is_nothing(tmp_path: Path) -> None:
    assert read_newest(tmp_path / "gone", now_s=1) is None
    (tmp_path / "cpu.csv").write_text(CPU)
    assert read_newest(tmp_path, now_s=1) is None


def test_only_the_end_of_a_file_is_read(tmp_path: Path) -> None:
    rows = "".join(f"{second},,0,{second / 2},7,0,\n" for second in range(5000))
    (tmp_path / "cpu.csv").write_text(CPU + rows)
    found = read_newest(tmp_path, now_s=5000)
    assert found is not None
    assert found.foreground_cpu.percent == 50
