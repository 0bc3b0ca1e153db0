"""A record counts only if nothing that was seen speaks against it; each reason names what was."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest
from support import records
from support.records import of, put
from tandem.base.clock import Moment
from tandem.config.options import Validity
from tandem.experiment.validity.verdict import invalid_reasons, warnings_of
from tandem.results.record import (
    Attempt,
    BackgroundPart,
    DoseInWindow,
    GpuNow,
    Lingering,
    Load,
    LoadPart,
    Process,
    Record,
    Round,
    Stop,
    Stranger,
    Window,
    WindowGpu,
    foreground_window,
)

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


def test_a_monitor_that_died_is_a_reason_where_there_are_gpus() -> None:
    seen = record(**{"census.before.gpus": [of(GpuNow)]})
    assert invalid_reasons(seen, "the monitor ended") == ["the monitor ended"]
    without = record(**{"census.before.gpus": None})
    assert invalid_reasons(without, "the monitor ended") == []


def test_who_survived_is_named() -> None:
    people = [of(Process, pid=pid, name="worker") for pid in range(1, 8)]
    stopped = {"stop.strays_killed": people[:2], "stop.left": people[1:]}
    assert reasons(record(**stopped)) == [
        "processes outlived their keepers and were killed: worker 1",
        "processes are still alive: worker 2, worker 3, worker 4, worker 5, worker 6 and 1 more",
    ]


def left(*names: str, helper: str = "wandb-core") -> list[Lingering]:
    return [
        of(Lingering, pid=pid, name=name, is_helper=name == helper)
        for pid, name in enumerate(names, start=1)
    ]


@pytest.mark.parametrize(
    ("took_s", "stop", "reason", "warning"),
    [
        (9.0, {"lingered_seconds": 0.2}, "", ""),
        (9.0, {"lingered_seconds": 0.4, "lingered": left("tee")}, "", ""),
        (
            *(9.0, {"lingered_seconds": 0.9, "lingered": left("tee")}, ""),
            "the foreground's last process ended 0.9 s after the foreground itself",
        ),
        (9.0, {"lingered_seconds": 0.9, "lingered": left("wandb-core")}, "", ""),
        (
            *(0.1, {"lingered_seconds": 0.9, "lingered": left("train.py")}),
            *("the foreground ended after 0.1 s, its processes went on for 0.9 s", ""),
        ),
        (0.1, {"lingered_seconds": 0.9, "lingered": left("wandb-core")}, "", ""),
        (
            *(9.0, {"lingered_seconds": 1.0, "lingered": left("a"), "went_on": left("a")}),
            *(
                f"the foreground started a process that went on: a 1 {MAY}",
                "",
            ),
        ),
        (
            9.0,
            {
                "lingered_seconds": 1.0,
                "lingered": left("wandb-core", "a"),
                "went_on": left("wandb-core"),
            },
            *("", ""),
        ),
        (
            9.0,
            {"went_on": left("wandb-core", "a", "b"), "lingered": left("wandb-core", "a", "b")},
            *(
                f"the foreground started a process that went on: a 2, b 3 {MAY}",
                "",
            ),
        ),
    ],
)
def test_who_is_left_of_a_foreground_counts_by_time_and_name(
    took_s: float, stop: Any, reason: str, warning: str
) -> None:
    clean = {"lingered_seconds": 0.0, "lingered": [], "went_on": []}
    attempt = of(Attempt, duration_seconds=took_s, stop=of(Stop, **clean | stop))
    seen = record(attempts=[attempt])
    assert reasons(seen) == [reason] * bool(reason)
    assert warnings_of(seen) == [warning] * bool(warning)


def test_a_foreground_that_was_stopped_is_not_valid() -> None:
    seen = record(attempts=[of(Attempt, pauses=1, paused_seconds=3.25)])
    assert reasons(seen) == ["the foreground was stopped (SIGSTOP) for 3.25 s"]
    put(seen, **{"attempts[0].paused_seconds": None})
    assert reasons(seen) == ["the foreground was stopped (SIGSTOP)"]


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
    dose = of(DoseInWindow, target=50.0, sm_avg_percent=used, reason="MPS")
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
    dose = of(DoseInWindow, mode="intensity", target=0.5, duty_mean=duty)
    dosed = window(gpu(), parts=[load_part(dose=dose, rounds_completed=rounds)])
    put(dosed, duration_seconds=duration_s)
    found = reasons(record(windows=[dosed]))
    why = f"the background ran for {100 * duty:.1f} % of the time instead of 50 %"
    assert found == ([] if is_kept else [why])


def test_an_intensity_of_which_nothing_is_known_is_a_reason() -> None:
    why = "the controller did not run in 60.0 s of the window"
    dose = of(DoseInWindow, mode="intensity", target=0.05, duty_mean=None, reason=why)
    assert reasons(record(windows=[window(gpu(), parts=[load_part(dose=dose)])])) == [
        f"whether the background ran for 5 % of the time is not known: {why}"
    ]


@pytest.mark.parametrize("set_by_s", [0.0, -7200.0, 7200.0])
@pytest.mark.parametrize(
    ("ended_s", "completed", "failed", "is_reason"),
    [
        (BEGIN_S - 0.1, 1, 2, True),  # the success was before the window
        (BEGIN_S + 0.1, 1, 2, False),  # in it, though begun before
        (BEGIN_S + 0.1, 0, 2, True),
        (BEGIN_S - 0.1, 1, 0, False),  # none has ended
    ],
)
def test_a_background_must_not_fail_beside_the_foreground_alone(
    ended_s: float, completed: int, failed: int, is_reason: bool, set_by_s: float
) -> None:
    """That rounds have succeeded in the warm-up says nothing of what there was later.

    Nor does it matter whether the clock was set since: that moves what is shown alone.
    """
    clock = Moment(0.0, 1.8e9 + set_by_s)
    rounds = [
        of(Round, completed=completed, end_boottime_s=ended_s, ended=clock.iso_at(ended_s)),
        of(Round, completed=0, end_boottime_s=None, ended=None),
    ]
    unseen = {"gpu_memory.max_mib": None, "gpu_memory.sm_max_percent": None}
    unseen |= {"gpu_memory.used_at": None, "gpu_memory.used_boottime_s": None}
    parts = [part(rounds=rounds, rounds_completed=1, rounds_failed=failed, **unseen)]
    failing = window(gpu(), parts=[load_part(rounds_failed=failed)])
    put(failing, started=Moment(0.0, 1.8e9).iso_at(BEGIN_S))
    found = reasons(record(**{"background.parts": parts}, windows=[failing]))
    why = f"no background round succeeded beside the foreground ({failed} failed)"
    assert found == ([why] if is_reason else [])


def test_each_background_must_have_been_seen_to_use_the_gpu() -> None:
    memory = {"gpu_memory.max_mib": 1000.0, "gpu_memory.sm_max_percent": 0.0}
    seen = part(name="background 2", **memory)
    told = record(**{"background.parts": [seen]})
    assert reasons(told) == ["the background 2 held GPU memory and was never seen to use the GPU"]
    seen["gpu_memory"]["sm_max_percent"] = None
    assert reasons(told) == []


@pytest.mark.parametrize(
    ("used_s", "duration_s", "expected"),
    [
        (BEGIN_S - 0.1, 5.0, ["background 2"]),
        (BEGIN_S + 0.1, 5.0, []),
        (BEGIN_S - 0.1, 4.9, []),
        (None, 5.0, []),
    ],
)
def test_each_of_several_must_have_used_the_gpu_beside_the_foreground(
    used_s: float | None, duration_s: float, expected: list[str]
) -> None:
    """When it was, is shown in UTC too: of that nothing counts."""
    parts = [
        part(name=f"background {number}", **{"gpu_memory.used_boottime_s": when_s})
        for number, when_s in enumerate((BEGIN_S + 600, used_s), start=1)
    ]
    timed = window(gpu(), parts=[load_part(), load_part()])
    put(timed, duration_seconds=duration_s)
    found = reasons(record(**{"background.parts": parts}, windows=[timed]))
    assert found == [f"the {n} was not seen to use the GPU beside the foreground" for n in expected]


# -- a quiet machine ---------------------------------------------------------------------


def beside(**values: Any) -> Record:
    """Return the record of a foreground with values in its window and an idle window before it."""
    window = of(Window, name="foreground", **{"machine.others_cpu_percent": 10.0})
    window["gpus"][0]["throttled_percent"] = {"power": 5.0}
    idle = of(Window, name="idle", attempt=None)
    found = record(windows=[idle, window])
    put(found, **values)
    return found


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("windows[1].machine.others_cpu_percent", 10.5,
         "others used 10.5 % of all CPUs beside the foreground"),
        ("windows[0].machine.others_cpu_percent", 99.0,
         "others used 99.0 % of all CPUs in the idle window"),
        ("windows[1].machine.steal_percent", 11.0,
         "other virtual machines took 11.0 % of all CPUs beside the foreground"),
        ("windows[1].machine.swapped_in_mib", 0.004,
         "0.004 MiB came back from swap beside the foreground"),
        ("windows[1].gpus[0].throttled_percent", {"power": 1.0, "thermal": 5.5},
         "GPU 0: thermal held the clocks down for 5.5 % of the time beside the foreground"),
    ],
)  # fmt: skip
def test_what_may_disturb_is_warned_of(place: str, value: Any, said: str) -> None:
    assert reasons(beside()) == warnings_of(beside()) == []
    found = beside(**{place: value})
    assert reasons(found) == []
    assert warnings_of(found) == [said]


@pytest.mark.parametrize(
    ("limit", "place", "value", "said"),
    [
        ("max_others_cpu_percent", "windows[1].machine.others_cpu_percent", 2.5,
         "others used 2.5 % of all CPUs beside the foreground"),
        ("max_others_cpu_percent", "windows[1].machine.steal_percent", 2.5,
         "other virtual machines took 2.5 % of all CPUs beside the foreground"),
        ("max_others_cpu_percent", "windows[1].machine.others_cpu_percent", None,
         "how much others used the CPUs beside the foreground is not known: too short"),
        ("max_throttled_percent", "windows[1].gpus[0].throttled_percent", {"power": 2.5},
         "GPU 0: power held the clocks down for 2.5 % of the time beside the foreground"),
        ("max_throttled_percent", "windows[1].gpus[0].throttled_percent", {},
         "whether the clocks of GPU 0 were held down beside the foreground is not reported"),
    ],
)  # fmt: skip
def test_with_a_limit_it_counts(limit: str, place: str, value: Any, said: str) -> None:
    """What is not known may be beyond it. Without a limit that is no fault."""
    calm: dict[str, Any] = {"windows[1].machine.others_cpu_percent": 2.0}
    calm |= {f"windows[{number}].machine.others_cpu_reason": "too short" for number in (0, 1)}
    calm |= {f"windows[{n}].gpus[0].throttled_percent": {"power": 2.0} for n in (0, 1)}
    assert reasons(beside(**calm), **{limit: 2.0}) == []
    found = beside(**calm)
    put(found, **{place: value})
    assert reasons(found) == warnings_of(found) == []
    assert reasons(found, **{limit: 2.0}) == [said]
    assert warnings_of(found) == []
