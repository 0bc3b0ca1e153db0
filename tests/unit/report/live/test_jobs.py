"""What Slurm says of a run's jobs, as status prints it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tandem.report.live.jobs import jobs_lines
from tandem.report.live.status import status_json, status_lines
from tandem.results.glance import Glance
from tandem.results.shared.jobs import Queue, Started, Waiting
from tandem.results.state import Counts

PENDING = (Waiting("7_2", "Resources"), Waiting("7_3", "Resources"))
RUNNING = (Started("7_0", "n1"), Started("7_1", "n2"))


@pytest.mark.parametrize(
    ("queue", "expected"),
    [
        (
            Queue(PENDING, RUNNING, age_s=20.0),
            "jobs: 2 pending (Resources), 2 running (n1, n2), as squeue said 20 s ago",
        ),
        (Queue(age_s=1.0), "jobs: none is pending or running, as squeue said 1 s ago"),
        (Queue(reason="there is no squeue on this machine"), "jobs: not known: there is no squeue"),
        (
            Queue(PENDING, reason="Socket timed out", age_s=300.0),
            "as squeue said 5 min ago; no newer answer: Socket timed out",
        ),
        (Queue((Waiting("7_0", "\x1b[2J"),), age_s=1.0), "1 pending (\\x1b[2J)"),
    ],
)
def test_the_line_of_the_jobs(queue: Queue, expected: str) -> None:
    [line] = jobs_lines(queue, 200)
    assert expected in line


def test_without_jobs_nothing_is_said_and_a_narrow_terminal_holds_them() -> None:
    assert jobs_lines(None, 80) == []
    assert max(map(len, jobs_lines(Queue(PENDING, RUNNING, age_s=20.0), 40))) <= 40


def test_jobs_that_will_never_start_are_told_apart() -> None:
    stuck = (*PENDING, Waiting("8_1", "PartitionTimeLimit"))
    first, second = jobs_lines(Queue(stuck, age_s=1.0), 300)
    assert "3 pending (Resources, PartitionTimeLimit)" in first
    assert "1 of them will not start (PartitionTimeLimit)" in second
    assert "`scontrol show job 8_1`" in second
    assert "Resources" not in second
    for reason in ("Priority", "Dependency", "BeginTime", "ReqNodeNotAvail"):
        assert len(jobs_lines(Queue((Waiting("8_1", reason),), age_s=1.0), 300)) == 1
    for reason in ("JobHeldUser", "AccountNotAllowed", "launch failed requeued held"):
        assert len(jobs_lines(Queue((Waiting("8_1", reason),), age_s=1.0), 300)) == 2


def test_a_run_of_which_nothing_was_begun_has_lost_no_process() -> None:
    begun = replace(glance("not running"), host="lab3")
    assert status_lines(begun, 80, "")[0] == "run_1: not running: its process is gone"
    planned = status_lines(glance("not running"), 80, "make resume")
    assert planned[:2] == ["run_1: not running: nothing has run yet", "to go on: make resume"]


def glance(standing: Any) -> Glance:
    return Glance(Path("run_1"), standing, None, None, None, None, Counts(0, 0, 2), (), 0, ("a",))


def test_a_run_waits_while_slurm_has_a_worker_for_it() -> None:
    idle = glance("not running")
    waiting = idle.with_jobs(Queue(PENDING, age_s=1.0))
    assert (waiting.standing, waiting.is_on) == ("waiting", True)
    lines = status_lines(waiting, 80, "make resume")
    assert lines[0] == "run_1: waiting: no worker is at work yet"
    assert not any(line.startswith("to go on") for line in lines)
    assert status_json(waiting, "make resume")["resume"] is None
    gone = idle.with_jobs(Queue(age_s=1.0))
    assert (gone.standing, gone.is_on) == ("not running", False)
    assert status_lines(gone, 80, "make resume")[1] == "to go on: make resume"
    assert idle.with_jobs(None) == idle


def test_what_is_not_known_goes_on_unless_slurm_knows_of_no_worker() -> None:
    silent = glance("not known")
    assert silent.is_on
    assert silent.with_jobs(Queue(reason="no squeue here")).is_on
    assert silent.with_jobs(Queue(running=RUNNING, age_s=1.0)).is_on
    assert not silent.with_jobs(Queue(age_s=1.0)).is_on
    assert not replace(silent, standing="ended").with_jobs(Queue(PENDING, age_s=1.0)).is_on
