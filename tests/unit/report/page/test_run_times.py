"""When a run was at work, of one process and of several workers."""

from __future__ import annotations

from typing import Any

from tandem.report.page.run_times import times_of


def event(kind: str, minute: int, worker: str | None = None, **facts: Any) -> dict[str, Any]:
    own = {"worker": worker, "host": worker.partition("_")[0]} if worker else {}
    utc = f"2026-01-31T12:{minute:02}:00.000+00:00"
    return {
        "event": kind,
        "utc": utc,
        **facts,
        **(own if kind == "run_started" else {}),
        **({"worker": worker} if worker else {}),
    }


def test_a_resumed_run_has_parts_and_no_workers() -> None:
    kinds = [("run_started", 0), ("interrupted", 5), ("resumed", 20), ("run_ended", 30)]
    times = times_of(event(*each) for each in kinds)
    assert (len(times.parts), times.seconds) == (2, 15 * 60)
    assert (times.of_workers, times.worker_seconds, times.end) == ({}, None, None)


def test_workers_side_by_side_are_one_time_and_two_together() -> None:
    events = [
        event("run_started", 0, "a_1_r0"),
        event("run_started", 2, "b_2_r0"),
        event("run_ended", 10, "a_1_r0"),
        event("run_ended", 12, "b_2_r0"),
        event("run_started", 30, "a_3_r0"),
        event("run_ended", 40, "a_3_r0"),
    ]
    times = times_of(events)
    assert (len(times.parts), times.seconds) == (2, 22 * 60)
    assert times.worker_seconds == 30 * 60
    assert [*times.hosts] == ["a", "b"]
    assert times.end is None


def test_workers_that_did_not_end_by_themselves_are_counted() -> None:
    events = [
        *(event("run_started", 0, f"{name}_1_r0") for name in "abcd"),
        event("run_ended", 1, "a_1_r0"),
        event("stopped", 2, "b_1_r0", experiment="x", reason="until"),
        event("interrupted", 3, "c_1_r0", experiment="y"),
    ]
    end = times_of(events).end
    assert end == (
        "had 4 workers, of which not all ended by themselves: 1 stopped before an experiment,"
        " 1 stopped in the middle of an experiment, 1 still at work when this was made, or killed"
    )
