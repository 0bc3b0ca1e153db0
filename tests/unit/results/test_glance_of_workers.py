"""A run that several workers drain, at a glance: counts of the whole, what is next, how long."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import plans
from support.shared_runs import at, commit_try, write_worker
from tandem.plan.file import write_plan
from tandem.report.live.status import status_lines
from tandem.results.glance import Watched
from tandem.results.state import Counts

NAMES = "abcdef"


def ended(name: str, **facts: Any) -> dict[str, Any]:
    utc = "2026-01-31T12:00:00.000+00:00"
    found = {"experiment": name, "status": "finished", "duration_s": 60.0, "valid": True}
    return {"event": "ended", "utc": utc, **found, **facts}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    each = (plans.experiment(number=n, id=name) for n, name in enumerate(NAMES, 1))
    write_plan(plans.plan(*each), tmp_path)
    return tmp_path


def test_counts_are_of_all_workers_and_next_is_what_nobody_is_at(run: Path) -> None:
    commit_try(write_worker(run, "n1_1_r0", ended("a"), **at("c")), "a")
    commit_try(write_worker(run, "n2_2_r0", ended("b", valid=False), **at("d")), "b")
    found = Watched(run, 10).look()
    assert (found.standing, found.host, found.state) == ("running", None, None)
    assert found.counts == Counts(1, 1, 4)
    assert found.next == ("e", "f")
    assert {each.id: each.worker for each in found.ended} == {"a": "n1_1_r0", "b": "n2_2_r0"}
    assert [each.name for each in found.workers] == ["n1_1_r0", "n2_2_r0"]


def test_a_group_before_which_a_worker_warms_up_is_not_next(run: Path) -> None:
    added = {"event": "added", "as": "warm_up", "experiments": {"a_warm_up1": "a"}}
    write_worker(run, "n1_1_r0", added, **at("a_warm_up1"))
    assert Watched(run, 10).look().next == ("b", "c", "d")


def test_what_others_start_too_has_ended_all_the_same(run: Path) -> None:
    commit_try(write_worker(run, "n1_1_r0", ended("a")), "a")
    again = {"event": "started", "utc": "2026-01-31T13:00:00.000+00:00", "experiment": "a"}
    write_worker(run, "n2_2_r0", again)
    found = Watched(run, 10).look()
    assert (found.counts, [each.id for each in found.ended]) == (Counts(1, 0, 5), ["a"])


def test_all_that_is_left_is_shared_by_those_at_work(run: Path) -> None:
    """Of six of a minute each one has ended, and two run that take half a minute more each."""
    first = write_worker(run, "n1_1_r0", ended("a"), **at("b", left_s=30.0))
    commit_try(first, "a")
    write_worker(run, "n2_2_r0", **at("c", left_s=30.0))
    write_worker(run, "n3_3_r0", age_s=900.0, **at("d", left_s=30.0))
    assert Watched(run, 10).look().run_left_s == (30 + 30 + 3 * 60) / 2


def test_a_run_whose_workers_are_gone_is_not_running(run: Path) -> None:
    write_worker(run, "n1_1_r0", status="ended", phase="ended")
    found = Watched(run, 10).look()
    assert (found.standing, found.run_left_s) == ("not running", None)


def test_a_run_whose_last_worker_is_silent_is_not_known(run: Path) -> None:
    write_worker(run, "n1_1_r0", status="ended", phase="ended")
    write_worker(run, "n2_2_r0", age_s=240.0)
    assert Watched(run, 10).look().standing == "not known"


def test_where_nothing_is_missing_a_silent_worker_matters_to_nobody(run: Path) -> None:
    worker = write_worker(run, "n1_1_r0", *map(ended, NAMES), age_s=240.0)
    for name in NAMES:
        commit_try(worker, name)
    assert Watched(run, 10).look().standing == "ended"


def test_a_new_try_that_stands_is_seen_though_no_journal_tells_of_it(run: Path) -> None:
    worker = write_worker(run, "n1_1_r0", ended("a"), status="stopped", why="by SIGKILL")
    watched = Watched(run, 10)
    assert watched.look().counts == Counts(0, 0, 6)
    commit_try(worker, "a")
    assert watched.look().counts == Counts(1, 0, 5)


def test_groups_that_failed_twice_on_a_host_are_named_until_another_begins_them(run: Path) -> None:
    left = [{"event": "left_to_others", "group": name, "host": "n1"} for name in "abb"]
    first = {"event": "started", "experiment": "b"}
    write_worker(run, "n1_1_r0", first, *left, status="ended", phase="ended")
    assert Watched(run, 10).look().left_to_others == {"n1": ("a", "b")}
    write_worker(run, "n2_2_r0", {"event": "started", "experiment": "a"})
    found = Watched(run, 10).look()
    assert found.left_to_others == {"n1": ("b",)}
    line = "failed twice on n1, and left to other hosts: b"
    assert line in status_lines(found, 120, "make resume")
