"""The workers of a run on a terminal of any width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from support.shared_runs import at, worker_state
from tandem.report.live.status import status_json, status_lines
from tandem.report.live.workers import worker_lines
from tandem.results.glance import Ended, Glance
from tandem.results.shared.workers_at_work import Worker
from tandem.results.state import Counts, OwnBoard

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=timezone.utc)
LONG = "neighbours_by_dose_c07_b2_r3_parallel"


def worker(name: str, standing: Any = "running", age_s: float = 1.0, **facts: Any) -> Worker:
    host, why = name.rsplit("_", 2)[0], facts.pop("why", None)
    return Worker(name, standing, why, host, age_s, worker_state(host, age_s=age_s, **facts))


def glance(*workers: Worker, standing: Any = "running", **facts: Any) -> Glance:
    ended = Ended("first", True, "2026-01-31T11:59:00+00:00", 17.0, None, None, "n1_1_r0")
    past = Counts(1, 0, 7), (ended,), 1, ("x", "y")
    made = Glance(Path("run_1"), standing, None, None, 1.0, None, *past)
    return replace(made, workers=workers, run_left_s=3600.0, **facts)


def text(*workers: Worker, columns: int = 120) -> str:
    return "\n".join(worker_lines(workers, columns, NOW))


def test_each_worker_has_its_line_and_the_whole_run_its_counts() -> None:
    first = worker("n1_1_r0", **at("a", left_s=7.0, elapsed_s=4.0))
    second = worker("n2_2_r0", board=1, phase="cooling down", **at("b"))
    assert status_lines(glance(first, second), 120, "make resume", NOW) == [
        "run_1: running: 2 workers on 2 hosts",
        "8 experiments: 1 valid, 7 missing",
        "all done 13:00, in 60 min, with these 2 workers",
        "next: x, y",
        "  worker  GPU  experiment  now",
        "  n1      0    a           training, epoch 3 of 45, 7 s left",
        "  n2      1    b           cooling down, epoch 3 of 45",
        "ended, the newest first:",
        "  first: valid, 11:59, took 17 s, on n1",
    ]


def test_a_silent_worker_stands_first_and_says_since_when() -> None:
    silent = worker("n2_2_r0", "not known", 250.0, **at("b"))
    stopped_here = worker("n3_3_r0", "running", 3 * 3600.0, **at("c"))
    rows = text(worker("n1_1_r0", **at("a")), silent, stopped_here).splitlines()
    assert "not heard of for 4 min (then: training, epoch 3 of 45)" in rows[1]
    assert "not heard of for 3.0 h" in rows[2]
    assert rows[3].startswith("  n1 ")


def test_two_of_a_host_that_see_one_board_each_are_told_apart() -> None:
    boards = [(OwnBoard(0, f"GPU-{each}0000000-1", "A100"),) for each in "ab"]
    both = [worker(f"n1_{n}_r0", boards=each) for n, each in enumerate(boards)]
    assert "GPU-a0000000" in text(*both)
    assert "GPU-b0000000" in text(*both)
    no_board = [worker(f"n1_{number}_r0", boards=()) for number in range(2)]
    assert "n1_0_r0" in text(*no_board)
    assert "GPU" not in text(*no_board)


def test_many_that_are_gone_are_counted_and_the_newest_named_with_why() -> None:
    ended = [worker(f"n1_{n}_r0", "ended", status="ended") for n in range(60)]
    failed = [
        worker(f"n2_{n}_r0", "failed", 3600.0 - n, status="failed", why=f"why {n}")
        for n in range(100, 109)
    ]
    lines = text(*ended, *failed, worker("n3_5_r0", "not running", 10.0)).splitlines()
    assert lines[0] == "70 workers no longer at work: 60 ended, 9 failed, 1 gone"
    assert lines[1].startswith("  n3_5_r0: gone ")
    assert lines[1].endswith(": its process is gone")
    assert lines[2].startswith("  n2_108_r0: failed ")
    assert lines[2].endswith(": why 108")
    assert lines[-1] == "  and 5 before"
    assert len(lines) == 7


@pytest.mark.parametrize("columns", [20, 40, 80, 120])
def test_sixty_four_workers_fit_any_terminal(columns: int) -> None:
    every = [
        worker(f"node{n // 8:03}_99-{n}_r0", board=n % 8, **at(LONG, left_s=61.0))
        for n in range(64)
    ]
    lines = status_lines(glance(*every), columns, "make resume", NOW)
    assert max(map(len, lines)) <= columns
    found = [line for line in lines if line.split()[:1] and line.split()[0].startswith("node0")]
    assert len(found) == 64
    if columns >= 80:
        assert len(lines) <= 64 * (1 if columns >= 120 else 2) + 8


@pytest.mark.parametrize(
    ("workers", "standing", "expected"),
    [
        ([worker("n1_1_r0", "ended", status="ended")], "not running", "no worker is at work"),
        ([worker("n1_1_r0", "not known", 90.0)], "not known", "1 worker on n1 not heard of"),
        ([worker("n1_1_r0", "ended", status="ended")], "ended", "run_1: ended"),
    ],
)
def test_the_heading_says_how_the_run_stands(
    workers: Sequence[Worker], standing: Any, expected: str
) -> None:
    found = status_lines(glance(*workers, standing=standing), 120, "go on", NOW)
    assert expected in found[0]
    assert found[1] == "to go on: go on"


def test_json_has_the_workers_as_a_list() -> None:
    found = status_json(glance(worker("n1_1_r0", **at("a"))), "make resume")
    [only] = found["workers"]
    assert (only["name"], only["host"], only["standing"]) == ("n1_1_r0", "n1", "running")
    assert only["state"]["experiment"]["id"] == "a"
    assert only["state"]["boards"][0]["uuid"] == "GPU-n1-0"
    assert (found["standing"], found["state"], found["run_left_s"]) == ("running", None, 3600.0)


def test_odd_names_move_no_cursor() -> None:
    odd = worker("n1_1_r0", why="\x1b[2J", standing="failed", status="failed")
    assert "\x1b" not in text(odd, replace(worker("n\x1b2_1_r0", **at("a\tb")), host="n\x1b2"))
