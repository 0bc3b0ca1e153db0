"""A record counts only if nothing that was seen speaks against it; each reason names what was."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from support import records
from support.records import of, put
from tandem.config.options import Validity
from tandem.experiment.validity.verdict import invalid_reasons, may_pass, warnings_of
from tandem.results.record import Attempt, Record, foreground_window
from tandem.results.record_background import BackgroundPart
from tandem.results.record_process import GpuNow
from tandem.results.record_window import Load, LoadPart, Stranger, Window, WindowGpu

MAY = "(the registry's helpers name who may)"
BEGIN_S = 5012.25  # of every window here


def stranger(**changes: Any) -> Stranger:
    return of(Stranger, **{"sm_percent": 0.0, **changes})


def gpu(*strangers: Stranger, **changes: Any) -> WindowGpu:
    return of(WindowGpu, strangers=list(strangers), **changes)


def window(*gpus: WindowGpu, name: str = "foreground", **load: Any) -> Window:
    times = {"start_boottime_s": BEGIN_S, "end_boottime_s": BEGIN_S + 4, "duration_seconds": 4.0}
    used = {"sm_avg_percent": 60.0, "memory_max_mib": 3000.0, "parts": [load_part()], **load}
    return of(Window, name=name, gpus=list(gpus), load=of(Load, **used), warnings=[], **times)


def load_part(**changes: Any) -> LoadPart:
    return of(LoadPart, **{"rounds_completed": 0, **changes})


def part(**changes: Any) -> BackgroundPart:
    return of(BackgroundPart, **{"rounds": [], **changes})


def record(**changes: Any) -> Record:
    return records.record(**{"windows": [window(gpu())], "background.parts": [part()], **changes})


def reasons(record: Record, **limits: float) -> list[str]:
    put(record, validity=asdict(Validity(**limits)))
    return invalid_reasons(record, None)


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
    assert reasons(record(**{"background.coverage": coverage}), min_coverage=least) == expected


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
        (5000.0, 0.0, ["GPU 0: 5000 MiB were held by no visible process"]),
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
    last = of(Attempt, number=2, start_boottime_s=BEGIN_S + 90)
    twice = record(windows=windows, attempts=[of(Attempt), last])
    assert foreground_window(twice) is windows[1]
    assert reasons(twice) == []
    thrice = record(windows=windows, attempts=[of(Attempt)] * 3)
    assert foreground_window(thrice) is None
    assert foreground_window(record(windows=windows, control="solo")) is None


def test_an_earlier_attempt_that_was_still_running_is_a_reason() -> None:
    first, last = (of(Attempt, number=number) for number in (1, 2))
    first["end_boottime_s"] = last["start_boottime_s"] = BEGIN_S
    found = record(attempts=[first, last], windows=[])
    assert reasons(found) == []
    first["end_boottime_s"] = BEGIN_S + 0.001
    assert reasons(found) == ["attempt 1 was still running when attempt 2 began"]


def test_a_machine_that_was_suspended_beside_the_foreground_is_a_reason() -> None:
    found = record(**{"attempts[0].suspended_seconds": 20.0})
    assert reasons(found) == ["the machine was suspended for 20 s beside the foreground"]


@pytest.mark.parametrize(
    ("suspended_s", "said"), [(0.0, None), (None, None), (0.25, "0.25 s"), (3600.0, "3600 s")]
)
def test_a_machine_that_was_suspended_in_another_window_is_a_reason(
    suspended_s: float | None, said: str | None
) -> None:
    """In that of an attempt the attempt itself says so."""
    idle = of(Window, name="idle", attempt=None, suspended_seconds=suspended_s)
    found = record(windows=[idle, of(Window, suspended_seconds=3600.0)])
    expected = [f"the machine was suspended for {said} in the idle window"] if said else []
    assert reasons(found) == expected


def test_a_suspension_in_an_attempt_that_failed_is_a_warning() -> None:
    tries = [of(Attempt, number=1, suspended_seconds=20.0), of(Attempt, number=2)]
    for number, each in enumerate(tries):
        each["start_boottime_s"], each["end_boottime_s"] = 100.0 * number, 100.0 * number + 50
    found = record(attempts=tries)
    assert reasons(found) == []
    said = "the machine was suspended for 20 s in attempt 1, which does not count"
    assert warnings_of(found) == [said]


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
    before, after, unknown = (
        [of(GpuNow, memory_used_mib=used_mib)] for used_mib in (600.0, 6000.0, None)
    )
    seen = record(**{"census.before.gpus": before, "census.after.gpus": after})
    put(seen, **{"census.before.busy": ["GPU 0: 87 % used"]})
    assert reasons(seen) == [
        "busy at the start: GPU 0: 87 % used",
        "GPU 0 has 5400 MiB more in use than before",
    ]
    seen = record(**{"census.before.gpus": before, "census.after.gpus": unknown})
    assert reasons(seen) == []


def test_a_monitor_that_was_lost_may_pass() -> None:
    made = record(**{"census.before.gpus": [of(GpuNow)]})
    made["invalid_reasons"], made["valid"] = invalid_reasons(made, "the monitor ended"), False
    assert made["invalid_reasons"] == ["the monitor ended"]
    assert may_pass(made)
