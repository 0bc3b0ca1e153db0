"""Who is at work in a run that several workers drain, by their files alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from support.shared_runs import HERE, at, write_worker
from tandem.results.owner import this_process
from tandem.results.shared.workers_at_work import at_work_in, workers_in


def test_a_run_without_workers_has_none(tmp_path: Path) -> None:
    assert workers_in(tmp_path) == []


def test_a_worker_here_is_looked_for_and_one_elsewhere_is_heard_of(tmp_path: Path) -> None:
    write_worker(tmp_path, f"{HERE}_1_r0", **at("x"))
    gone = replace(this_process(), started_ticks=1)
    write_worker(tmp_path, f"{HERE}_2_r0", owner=gone, **at("y"))
    write_worker(tmp_path, "far_3_r0", age_s=5.0, **at("z"))
    found = {each.name: (each.standing, each.experiment) for each in workers_in(tmp_path)}
    assert found == {
        f"{HERE}_1_r0": ("running", "x"),
        f"{HERE}_2_r0": ("not running", None),
        "far_3_r0": ("running", "z"),
    }
    assert at_work_in(tmp_path) == 2


def test_what_was_silent_for_a_minute_is_stale_here_and_elsewhere(tmp_path: Path) -> None:
    write_worker(tmp_path, f"{HERE}_1_r0", age_s=90.0)  # stopped, or its disk hangs
    write_worker(tmp_path, "far_2_r0", age_s=90.0)
    here, far = sorted(workers_in(tmp_path), key=lambda each: each.host != HERE)
    assert (here.standing, far.standing) == ("running", "not known")
    assert here.is_stale
    assert far.is_stale
    assert at_work_in(tmp_path) == 0


def test_a_worker_that_was_started_again_is_gone(tmp_path: Path) -> None:
    write_worker(tmp_path, "n1_77-0_r0", age_s=5.0)
    write_worker(tmp_path, "n1_77-0.2_r0", age_s=5.0)  # the second worker of that job
    write_worker(tmp_path, "n2_77-0_r1", age_s=1.0)
    write_worker(tmp_path, "n1_77-1_r0", age_s=1.0)
    found = {each.name: (each.standing, each.why) for each in workers_in(tmp_path)}
    again = ("not running", "started again as n2_77-0_r1")
    assert found["n1_77-0_r0"] == found["n1_77-0.2_r0"] == again
    assert found["n2_77-0_r1"] == found["n1_77-1_r0"] == ("running", None)


def test_a_worker_that_ended_says_how(tmp_path: Path) -> None:
    write_worker(tmp_path, "n1_1_r0", age_s=900.0, status="stopped", why="by SIGTERM")
    [only] = workers_in(tmp_path)
    assert (only.standing, only.why, only.is_stale) == ("stopped", "by SIGTERM", False)


def test_without_a_state_its_host_says_whether_it_can_be_looked_for(tmp_path: Path) -> None:
    write_worker(tmp_path, f"{HERE}_1_r0", has_state=False)
    write_worker(tmp_path, "n_1_of_9_8_r0", has_state=False)
    found = {each.host: each.standing for each in workers_in(tmp_path)}
    assert found == {HERE: "not running", "n_1_of_9": "not known"}
