"""A record counts only if nothing that was seen speaks against it; each reason names what was."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tandem.config.options import Validity
from tandem.experiment.attempt import Attempt
from tandem.experiment.experiment import Outcome
from tandem.experiment.validity import invalid_reasons
from tandem.results.record import foreground_window


def outcome(**changes: Any) -> Outcome:
    report = {"reason": "ended", "exit_code": 0, "signal": None, "error": None}
    attempt = Attempt(None, 1, Path(), report=report)  # type: ignore[arg-type]
    return Outcome(**{"attempts": [attempt], **changes})


def stranger(**changes: Any) -> dict[str, Any]:
    return {
        "pid": 4711,
        "kind": "compute",
        "user": "anna",
        "name": "python",
        "memory_mib": 5400.0,
        "sm_percent": 0.0,
        "identified": True,
        **changes,
    }


def gpu(*strangers: dict[str, Any], **changes: Any) -> dict[str, Any]:
    values = {"index": 0, "processes_mapped": True, "strangers_reason": None}
    return {**values, "sampling_coverage": 1.0, "strangers": list(strangers), **changes}


def window(*gpus: dict[str, Any], name: str = "foreground", **load: Any) -> dict[str, Any]:
    used = {"sm_avg_percent": 60.0, "memory_max_mib": 3000.0, "parts": [load_part()], **load}
    times = {"started": "2026-01-02T03:04:05+00:00", "duration_seconds": 4.0}
    return {"name": name, "attempt": 1, "gpus": list(gpus), "load": used, **times}


def load_part(**changes: Any) -> dict[str, Any]:
    return {"dose": None, "rounds_completed": 0, "rounds_failed": 0, **changes}


def record(**changes: Any) -> dict[str, Any]:
    background = {"problems": [], "coverage": 0.99, **changes.pop("background", {})}
    memory = {"max_mib": 3000.0, "sm_max_percent": 70.0, "used_at": None}
    part = {
        **{"name": "background", "rounds_failed": 0, "rounds_completed": 3, "rounds": []},
        "gpu_memory": memory,
    }
    census: dict[str, Any] = {"before": {"busy": [], "gpus": None}, "after": {"gpus": None}}
    return {
        "performance_metrics": {"accuracy": 97.5},
        "required_metrics": [],
        "attempts": [{}],
        "control": None,
        "background": {"parts": [part], **background},
        "windows": [window(gpu())],
        "stop": {"left": [], "strays_killed": []} | changes.pop("stop", {}),
        "census": census,
        **changes,
    }


def reasons(record: dict[str, Any], **limits: float) -> list[str]:
    validity = Validity(**limits)
    return invalid_reasons(record | {"validity": asdict(validity)}, outcome(), validity)


def test_a_clean_record_is_valid() -> None:
    assert reasons(record()) == []
    assert reasons(record(), min_background_sm_percent=60, min_sampling_coverage=1) == []


@pytest.mark.parametrize(
    ("least", "coverage", "expected"),
    [
        (0.95, 0.95, []),
        (0.95, 0.9499, ["coverage 94.9% is below 95%"]),
        (0.5, 0.6, []),
        (0.0, None, ["coverage unknown"]),
    ],
)
def test_coverage_has_a_threshold(
    least: float, coverage: float | None, expected: list[str]
) -> None:
    assert reasons(record(background={"coverage": coverage}), min_coverage=least) == expected


def test_a_stranger_is_named() -> None:
    assert reasons(record(windows=[window(gpu(stranger()))])) == [
        "GPU 0 was used by process 4711 (python, user anna, 5400 MiB)"
    ]


@pytest.mark.parametrize(
    ("seen", "limits", "counts"),
    [
        ({}, {}, True),
        ({"kind": "graphics"}, {}, False),
        ({"kind": "graphics", "sm_percent": 10.0}, {}, False),
        ({"kind": "graphics", "sm_percent": 11.0}, {}, True),
        ({"kind": "graphics", "sm_percent": 90.0}, {"max_strangers_sm_percent": 90}, False),
        ({"memory_mib": None, "sm_percent": None}, {}, True),
        ({"memory_mib": None, "sm_percent": 3.0}, {"max_strangers_sm_percent": 3}, False),
        ({"memory_mib": None, "sm_percent": 3.1}, {"max_strangers_sm_percent": 3}, True),
        ({"memory_mib": 200.0}, {"max_strangers_memory_mib": 200}, False),
        ({"memory_mib": 201.0}, {"max_strangers_memory_mib": 200}, True),
        ({"identified": False, "name": "?"}, {}, True),
        ({"identified": False, "name": "?", "memory_mib": None, "sm_percent": 80.0}, {}, False),
    ],
)
def test_which_strangers_count(
    seen: dict[str, Any], limits: dict[str, float], counts: bool
) -> None:
    assert bool(reasons(record(windows=[window(gpu(stranger(**seen)))]), **limits)) == counts


@pytest.mark.parametrize(
    ("hidden_mib", "most_mib", "expected"),
    [
        (None, 0.0, []),
        (1024.0, 0.0, []),
        (5000.0, 0.0, ["GPU 0: 5000 MiB were held by nobody to be seen"]),
        (5000.0, 5000.0, []),
    ],
)
def test_memory_held_by_nobody_to_be_seen_counts(
    hidden_mib: float | None, most_mib: float, expected: list[str]
) -> None:
    windows = [window(gpu(hidden_memory_mib=hidden_mib))]
    found = reasons(record(windows=windows), max_strangers_memory_mib=most_mib)
    assert found == expected


def test_an_unnamed_process_may_be_ours_where_our_own_are_not_found() -> None:
    unnamed = gpu(stranger(identified=False, name="?"), processes_mapped=None)
    assert reasons(record(windows=[window(unnamed)])) == []


def test_only_the_last_attempt_at_the_foreground_counts() -> None:
    windows = [window(gpu(stranger())), window(gpu()), window(gpu(stranger()), name="idle")]
    windows[1]["attempt"] = 2
    twice = record(windows=windows, attempts=[{}, {}])
    assert foreground_window(twice) is windows[1]
    assert reasons(twice) == []
    assert foreground_window(record(windows=windows, attempts=[{}, {}, {}])) is None
    assert foreground_window(record(windows=windows, control="solo")) is None


def test_where_nobody_can_say_who_was_there_that_is_a_reason() -> None:
    assert reasons(record(windows=[window(gpu(strangers_reason="NVML: No Permission"))])) == [
        "who used GPU 0 is not known: NVML: No Permission"
    ]


def test_the_background_must_use_the_gpu_where_that_is_asked_for() -> None:
    low = [window(gpu(), sm_avg_percent=4.0)]
    assert reasons(record(windows=low)) == []
    assert reasons(record(windows=low), min_background_sm_percent=5) == [
        "the background used 4.0 % of the GPU, less than 5 %"
    ]
    idle = [window(gpu(), sm_avg_percent=0.0)]
    assert reasons(record(windows=idle)) == [
        "the background held GPU memory and did not use the GPU"
    ]
    assert reasons(record(windows=[window(gpu(), sm_avg_percent=0.0, memory_max_mib=None)])) == []
    unknown = record(windows=[window(gpu(), sm_avg_percent=None)])
    assert reasons(unknown, min_background_sm_percent=5) == [
        "the background's use of the GPU is unknown"
    ]


@pytest.mark.parametrize(
    ("coverage", "expected"),
    [
        (0.9, []),
        (0.89, ["GPU 0: sampling coverage 89.0% is below 90%"]),
        (None, []),
    ],
)
def test_gaps_in_the_sampling_have_a_threshold(coverage: float | None, expected: list[str]) -> None:
    windows = [window(gpu(sampling_coverage=coverage))]
    assert reasons(record(windows=windows)) == []
    assert reasons(record(windows=windows), min_sampling_coverage=0.9) == expected


def test_what_was_busy_and_memory_that_did_not_come_back_count() -> None:
    before = {"busy": ["GPU 0: 87 % used"], "gpus": [{"uuid": "a", "memory_used_mib": 600.0}]}
    after = {"gpus": [{"uuid": "a", "index": 0, "memory_used_mib": 6000.0}]}
    assert reasons(record(census={"before": before, "after": after})) == [
        "busy at the start: GPU 0: 87 % used",
        "GPU 0 has 5400 MiB more in use than before",
    ]
    unknown = {"gpus": [{"uuid": "a", "index": 0, "memory_used_mib": None}]}
    before["busy"] = []
    assert reasons(record(census={"before": before, "after": unknown})) == []


def test_a_monitor_that_died_is_a_reason_where_there_are_gpus() -> None:
    died = outcome(monitor_problem="the monitor ended", gpus_before=[object()])
    limits = {"validity": asdict(Validity())}
    assert invalid_reasons(record() | limits, died, Validity()) == ["the monitor ended"]
    without = outcome(monitor_problem="the monitor ended", gpus_before=None)
    assert invalid_reasons(record() | limits, without, Validity()) == []


def test_who_survived_is_named() -> None:
    people = [{"pid": pid, "name": "worker"} for pid in range(1, 8)]
    assert reasons(record(stop={"strays_killed": people[:2], "left": people[1:]})) == [
        "processes outlived their keepers and were killed: worker 1",
        "processes are still alive: worker 2, worker 3, worker 4, worker 5, worker 6 and 1 more",
    ]


@pytest.mark.parametrize(
    ("used", "expected"),
    [
        (52.0, []),
        (55.1, ["the background used 55.1 % of the GPU instead of 50 %"]),
        (4.0, ["the background used 4.0 % of the GPU instead of 50 %"]),
        (None, ["whether the background was held at 50 % is not known: MPS"]),
    ],
)
def test_a_target_that_was_missed_is_a_reason(used: float | None, expected: list[str]) -> None:
    dose = {"mode": "target", "target": 50.0, "sm_avg_percent": used, "reason": "MPS"}
    assert reasons(record(windows=[window(gpu(), parts=[load_part(dose=dose)])])) == expected


@pytest.mark.parametrize(
    ("duty", "duration_s", "rounds", "is_kept"),
    [
        *((0.5, 100, 0, True), (0.54, 100, 0, True), (0.46, 100, 0, True)),
        *((0.56, 100, 0, False), (0.44, 100, 0, False), (1.0, 100, 0, False)),
        # Of a window or of rounds of a few periods no more can be said.
        *((0.62, 2, 0, True), (0.85, 2, 0, False), (1.0, 2, 0, False), (1.0, 0.5, 0, True)),
        *((0.58, 100, 20, True), (0.7, 100, 20, False)),
    ],
)
def test_an_intensity_that_was_not_kept_is_a_reason(
    duty: float, duration_s: float, rounds: int, is_kept: bool
) -> None:
    dose = {"mode": "intensity", "target": 0.5, "duty_mean": duty, "reason": None}
    dosed = window(gpu(), parts=[load_part(dose=dose, rounds_completed=rounds)])
    found = reasons(record(windows=[dosed | {"duration_seconds": duration_s}]))
    why = f"the background ran for {100 * duty:.1f} % of the time instead of 50 %"
    assert found == ([] if is_kept else [why])


def test_an_intensity_of_which_nothing_is_known_is_a_reason() -> None:
    why = "the controller did not run in 60.0 s of the window"
    dose = {"mode": "intensity", "target": 0.05, "duty_mean": None, "reason": why}
    assert reasons(record(windows=[window(gpu(), parts=[load_part(dose=dose)])])) == [
        f"whether the background ran for 5 % of the time is not known: {why}"
    ]


@pytest.mark.parametrize(
    ("ended", "completed", "failed", "is_reason"),
    [
        ("03:04:04.9", 1, 2, True),  # the success was before the window
        ("03:04:05.1", 1, 2, False),  # in it, though begun before
        ("03:04:05.1", 0, 2, True),
        ("03:04:04.9", 1, 0, False),  # none has ended
    ],
)
def test_a_background_must_not_fail_beside_the_foreground_alone(
    ended: str, completed: int, failed: int, is_reason: bool
) -> None:
    """That rounds have succeeded in the warm-up says nothing of what there was later."""
    rounds = [
        {"completed": completed, "ended": f"2026-01-02T{ended}+00:00"},
        {"completed": 0, "ended": None},
    ]
    memory = {"max_mib": None, "sm_max_percent": None, "used_at": None}
    part = {"name": "background", "rounds_completed": 1, "rounds_failed": failed}
    parts = [{**part, "rounds": rounds, "gpu_memory": memory}]
    failing = window(gpu(), parts=[load_part(rounds_failed=failed)])
    found = reasons(record(background={"parts": parts}, windows=[failing]))
    why = f"no background round succeeded beside the foreground ({failed} failed)"
    assert found == ([why] if is_reason else [])


def test_each_background_must_have_been_seen_to_use_the_gpu() -> None:
    part = {"name": "background 2", "rounds_failed": 0, "rounds_completed": 3, "rounds": []}
    memory: dict[str, float | None] = {"max_mib": 1000.0, "sm_max_percent": 0.0}
    told = record(background={"parts": [{**part, "gpu_memory": memory}]})
    assert reasons(told) == ["the background 2 held GPU memory and was never seen to use the GPU"]
    memory["sm_max_percent"] = None
    assert reasons(told) == []


@pytest.mark.parametrize(
    ("used_at", "duration_s", "expected"),
    [
        ("2026-01-02T03:04:04.9+00:00", 5.0, ["background 2"]),
        ("2026-01-02T03:04:05.1+00:00", 5.0, []),
        ("2026-01-02T03:04:04.9+00:00", 4.9, []),
        (None, 5.0, []),
    ],
)
def test_each_of_several_must_have_used_the_gpu_beside_the_foreground(
    used_at: str | None, duration_s: float, expected: list[str]
) -> None:
    part = {"rounds_failed": 0, "rounds_completed": 3, "rounds": []}
    memory = {"max_mib": 1000.0, "sm_max_percent": 50.0}
    times = ("2026-01-02T03:14:00+00:00", used_at)
    parts = [
        {**part, "name": f"background {n}", "gpu_memory": {**memory, "used_at": when}}
        for n, when in enumerate(times, start=1)
    ]
    timed = window(gpu(), parts=[load_part()] * 2)
    timed |= {"started": "2026-01-02T03:04:05+00:00", "duration_seconds": duration_s}
    found = reasons(record(background={"parts": parts}, windows=[timed]))
    assert found == [f"the {n} was not seen to use the GPU beside the foreground" for n in expected]
