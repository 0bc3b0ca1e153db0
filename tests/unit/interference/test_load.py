"""A background that lives is not yet a load: it uses a core, or a GPU where that can be seen."""

from __future__ import annotations

from typing import Any

import pytest
from support import records
from support.records import of, put
from tandem.interference.load import no_load
from tandem.interference.readings import read
from tandem.results.record import Record
from tandem.results.record_background import BackgroundPart
from tandem.results.record_window import DoseInWindow, Load, LoadPart, Window

BEGIN_S, LONG_S = 5000.0, 100.0
UNSEEN = {"gpu_memory.sm_max_percent": None, "gpu_memory.used_boottime_s": None}


def gpu(sm_percent: float | None, memory_mib: float | None = 3000.0) -> dict[str, Any]:
    return {"sm_avg_percent": sm_percent, "memory_max_mib": memory_mib}


def record(
    *parts: dict[str, Any],
    cpu_s: float | None = None,
    gpus: list[dict[str, Any] | None] | None = None,
    has_gpu: bool | None = None,
    seconds: float = LONG_S,
) -> Record:
    """Return a record of backgrounds, each with what is known of it in the foreground's window.

    `gpus` is the background's use of each measured GPU; None: there is none to be measured.
    """
    made = records.record()
    plain = {"coverage": 1.0, "cpu_seconds": None, "rounds_completed": 0, "dose": None}
    loads = [of(LoadPart, **{**plain, **part}) for part in parts]
    measured = of(Window)["gpus"][0]
    window = of(
        Window,
        name="foreground",
        start_boottime_s=BEGIN_S,
        end_boottime_s=BEGIN_S + seconds,
        duration_seconds=seconds,
        gpus=[{**measured, "strangers": [], "background": use} for use in gpus or ()],
        has_gpu=bool(gpus) if has_gpu is None else has_gpu,
        load=of(Load, parts=loads, coverage=1.0),
        **{"cpu.background_cpu_seconds": cpu_s, "gpus_used.background.gpus": None},
    )
    made["windows"] = [window]
    assert made["background"]
    made["background"]["parts"] = [
        of(BackgroundPart, name=f"background {number}", rounds=[], **UNSEEN)
        for number in range(1, len(parts) + 1)
    ]
    return made


def why(made: Record) -> list[str]:
    return list(no_load(made, made["windows"][0]))


def dose(target: float, mode: str = "intensity", duty: float | None = None) -> dict[str, Any]:
    return {"dose": of(DoseInWindow, mode=mode, target=target, duty_mean=duty)}


@pytest.mark.parametrize(
    ("cpu_s", "own_s", "idles"),
    [
        (0.9, None, True),
        (1.1, None, False),
        (None, 0.9, True),
        (30.0, 0.9, True),  # keepers of quick rounds use more than the training
        (0.9, 300.0, True),  # what it used before the window was more
        (None, None, False),  # nobody knows
    ],
)
def test_less_than_a_hundredth_of_a_core_is_no_load(
    cpu_s: float | None, own_s: float | None, idles: bool
) -> None:
    found = why(record({"cpu_seconds": own_s}, cpu_s=cpu_s))
    assert found == ["the background 1 did next to nothing: at most 0.90 % of a core"] * idles


@pytest.mark.parametrize(
    ("gpus", "idles"),
    [
        ([gpu(60.0)], False),
        ([gpu(0.01)], False),
        ([gpu(0.0)], True),  # whatever memory it holds
        ([gpu(0.0, None)], True),
        ([gpu(0.0), gpu(3.0)], False),
        ([gpu(0.0), gpu(None)], False),  # the use of one is not reported
        ([None], False),
        ([gpu(None)], False),  # as under MPS
    ],
)
def test_who_uses_a_gpu_needs_no_core(gpus: list[dict[str, Any] | None], idles: bool) -> None:
    found = why(record({}, cpu_s=0.5, gpus=gpus))
    at_most = "at most 0.50 % of a core and no use of a GPU"
    assert found == [f"the background 1 did next to nothing: {at_most}"] * idles


@pytest.mark.parametrize(("has_gpu", "idles"), [(False, True), (True, False), (None, False)])
def test_a_gpu_that_nobody_measures_may_be_used(has_gpu: bool | None, idles: bool) -> None:
    made = record({}, cpu_s=0.5)
    made["windows"][0]["has_gpu"] = has_gpu
    assert bool(why(made)) is idles


def test_who_is_proven_to_be_on_no_gpu_uses_none() -> None:
    made = record({}, cpu_s=0.5, has_gpu=True)
    made["windows"][0]["gpus_used"]["background"]["gpus"] = []
    assert bool(why(made))


@pytest.mark.parametrize(
    ("dosed", "least_s"),
    [
        (dose(0.05), 0.05),
        (dose(0.5), 0.5),
        (dose(0.5, duty=0.2), 0.2),
        (dose(40, "target"), 0.4),
    ],
)
def test_a_dose_lowers_what_is_asked_of_it(dosed: dict[str, Any], least_s: float) -> None:
    assert why(record(dosed, cpu_s=1.01 * least_s)) == []
    assert len(why(record(dosed, cpu_s=0.99 * least_s))) == 1


def test_who_was_not_there_all_the_time_is_asked_for_less() -> None:
    """That its coverage is too low, if it is, is another reason."""
    assert why(record({"coverage": 0.1}, cpu_s=0.2)) == []
    assert why(record({"coverage": None}, cpu_s=0.0)) == []


def test_a_window_of_less_than_a_second_shows_nothing() -> None:
    assert why(record({}, cpu_s=0.0, seconds=0.9)) == []


def test_of_several_each_must_work() -> None:
    found = why(record({"cpu_seconds": 90.0}, {"cpu_seconds": 0.1}, cpu_s=95.0))
    assert found == ["the background 2 did next to nothing: at most 0.10 % of a core"]
    assert len(why(record({}, {}, cpu_s=0.1))) == 2


def test_of_several_on_a_gpu_each_is_looked_for() -> None:
    made = record({"cpu_seconds": 0.1}, {"cpu_seconds": 0.1}, cpu_s=0.2, gpus=[gpu(50.0)])
    assert made["background"]
    first, second = (part["gpu_memory"] for part in made["background"]["parts"])
    assert why(made) == []  # not reported whose use it was
    put(first, sm_max_percent=60.0, used_boottime_s=BEGIN_S + 9)
    put(second, sm_max_percent=60.0, used_boottime_s=BEGIN_S - 9)  # in its warm-up
    assert [each.split(":")[0] for each in why(made)] == ["the background 2 did next to nothing"]


def test_what_is_no_load_gives_no_figures() -> None:
    made = record({}, cpu_s=0.1)
    problem = "foreground window: the background 1 did next to nothing: at most 0.10 % of a core"
    readings = read(made, None)
    assert [readings[name] for name in ("parallel_s", "rounds_per_s", "parallel_j")] == [
        problem
    ] * 3


@pytest.mark.parametrize(
    ("whole", "beside", "ended_s", "expected"),
    [
        ((0, 2, 1), (2, 1), None, "no background 1 round succeeded (2 failed, 1 hollow)"),
        ((1, 0, 2), (0, 2), BEGIN_S - 1, "no background 1 round succeeded (2 hollow)"),
        ((1, 0, 2), (0, 2), BEGIN_S + 1, None),
        ((1, 0, 2), (0, 0), BEGIN_S - 1, None),  # none ended beside it
    ],
)
def test_rounds_that_all_failed_or_were_hollow_are_no_load(
    whole: tuple[int, int, int],
    beside: tuple[int, int],
    ended_s: float | None,
    expected: str | None,
) -> None:
    made = record({"rounds_failed": beside[0], "rounds_hollow": beside[1]})
    assert made["background"]
    (part,) = made["background"]["parts"]
    part["rounds_completed"], part["rounds_failed"], part["rounds_hollow"] = whole
    if ended_s:
        part["rounds"] = records.of(BackgroundPart)["rounds"][:1]
        put(part["rounds"][0], completed=1, end_boottime_s=ended_s)
    assert why(made) == ([expected] if expected else [])
