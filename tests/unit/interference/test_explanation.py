"""Where a slowdown comes from: what lower clocks can explain at most, and when nobody knows."""

from __future__ import annotations

from typing import Any

import pytest
from support import records
from support.records import flaws, of, put
from tandem.interference.explanation import NO_COUNTERS
from tandem.interference.figures import interference
from tandem.measure.windows.clocks import NO_WORK
from tandem.results.record import Attempt, Record, foreground_window
from tandem.results.record_window import Load, Stranger, Window, WindowGpu

SOLO_MHZ, PARALLEL_MHZ = 1980.0, 1800.0


def clocks(gpu: WindowGpu, sm_mhz: float, **more: Any) -> None:
    gpu["clocks_at_work"].update({"sm_mhz": sm_mhz, "sm_uncertainty_mhz": 3.0, **more})  # type: ignore[typeddict-item]


def gpu_of(record: Record, name: str | None = None) -> Any:
    windows = [each for each in record["windows"] if each["name"] == name]
    window = windows[0] if windows else foreground_window(record)
    assert window
    return window["gpus"][0]


def made(own_id: str, twin: str, control: str | None, seconds: float) -> Record:
    return records.record(
        experiment_id=own_id,
        twin=twin,
        control=control,
        attempts=[of(Attempt, number=1)],
        duration_seconds=seconds,
        windows=[window(control or "foreground", seconds)],
    )


def window(name: str, seconds: float) -> Window:
    attempt = None if name == "background" else 1
    board = of(WindowGpu, uuid="GPU-1", index=0)
    return of(
        Window,
        name=name,
        attempt=attempt,
        duration_seconds=seconds,
        gpus=[board],
        load=of(Load, coverage=1.0),
        warnings=[],
        **{"gpus_used.foreground.gpus": None},
    )


def pair(parallel_mhz: float = PARALLEL_MHZ) -> tuple[Record, Record]:
    """A slowdown of 1.25, with an SM clock that is lower beside the background."""
    parallel = made("digits_mlp_001_parallel", "digits_mlp_002_solo", None, 125.0)
    solo = made("digits_mlp_002_solo", "digits_mlp_001_parallel", "solo", 100.0)
    parallel["windows"] = [window("background", 60.0), *parallel["windows"]]
    solo["background"] = None
    clocks(gpu_of(solo), SOLO_MHZ)
    clocks(gpu_of(parallel), parallel_mhz)
    return parallel, solo


def explained(parallel: Record, solo: Record | None) -> Any:
    found = interference(parallel, solo, {})
    assert flaws(found, "interference") == []
    return found["explanation"]


def bounds(parallel: Record, solo: Record | None) -> tuple[Any, Any]:
    found = explained(parallel, solo)
    return found["slowdown_by_clocks_at_most"], found["slowdown_by_the_rest_at_least"]


def test_lower_clocks_explain_their_ratio_and_the_rest_is_what_is_left() -> None:
    clock, rest = bounds(*pair())
    assert clock["value"] == pytest.approx(1.1)
    assert clock["clock_uncertainty"] == pytest.approx(1.1 * 3 * (1980**-2 + 1800**-2) ** 0.5)
    assert rest["value"] == pytest.approx(1.25 / 1.1)
    assert rest["clock_uncertainty"] > 0
    assert {clock["label"], rest["label"]} == {"derived"}
    assert clock["reason"] is rest["reason"] is None


@pytest.mark.parametrize("at_work", [0.0, 0.3, 0.7, 1.0])
@pytest.mark.parametrize("loss", [1.0, 1.1, 1.4])
def test_a_training_that_loses_clock_is_slowed_down_by_no_more_than_the_bound(
    at_work: float, loss: float
) -> None:
    """Whatever the share of its time in which a training computes, the rest is what was made."""
    parallel, solo = pair(SOLO_MHZ / loss)
    contention = 1.2
    seconds = contention * (1 - at_work + at_work * loss) * (solo["duration_seconds"] or 0.0)
    parallel["duration_seconds"] = seconds
    clock, rest = bounds(parallel, solo)
    slowdown = contention * (1 - at_work + at_work * loss)
    assert clock["value"] >= slowdown / contention - 1e-9
    assert rest["value"] <= contention + 1e-9
    if at_work == 1.0:
        assert (clock["value"], rest["value"]) == pytest.approx((loss, contention))


def test_higher_clocks_explain_nothing() -> None:
    clock, rest = bounds(*pair(2100.0))
    assert (clock["value"], rest["value"]) == (1.0, pytest.approx(1.25))


def test_a_lower_memory_clock_counts_too() -> None:
    parallel, solo = pair()
    gpu_of(parallel)["clocks_at_work"]["memory_mhz"] = 2619.0 / 1.2
    assert bounds(parallel, solo)[0]["value"] == pytest.approx(1.2)


def test_without_the_memory_clock_nothing_is_said_at_most() -> None:
    """It may have fallen further than that of the SMs."""
    parallel, solo = pair(1800.0)
    gpu_of(parallel)["clocks_at_work"]["memory_mhz"] = None
    clock, rest = bounds(parallel, solo)
    assert clock["value"] is rest["value"] is None
    assert "parallel: the memory clock was not reported" in clock["reason"]


def test_clocks_that_explain_more_than_there_was_leave_no_rest() -> None:
    assert bounds(*pair(1320.0))[1]["value"] == pytest.approx(1.25 / 1.5)


def test_of_several_boards_the_slowest_counts() -> None:
    parallel, solo = pair()
    for record, mhz in ((parallel, 1500.0), (solo, SOLO_MHZ)):
        window = foreground_window(record)
        assert window
        other: Any = of(WindowGpu, uuid="GPU-2", index=1, energy_joules=1.0)
        clocks(other, mhz)
        window["gpus"] = [*window["gpus"], other]
        put(window, **{"gpus_used.foreground.gpus": None})
    found = explained(parallel, solo)
    assert [board["sm_clock"]["ratio"] for board in found["boards"]] == pytest.approx([1.1, 1.32])
    assert found["slowdown_by_clocks_at_most"]["value"] == pytest.approx(1.32)
    used = [{"index": 0, "uuid": "GPU-1", "measured": True}]
    window = foreground_window(parallel)
    assert window
    put(window, **{"gpus_used.foreground.gpus": used})
    assert bounds(parallel, solo)[0]["value"] == pytest.approx(1.1)


def test_a_board_that_nobody_worked_on_takes_no_bound_away() -> None:
    parallel, solo = pair()
    for record in (parallel, solo):
        window = foreground_window(record)
        assert window
        idle: Any = of(WindowGpu, uuid="GPU-2", index=1)
        idle["clocks_at_work"].update({"of": None, "sm_mhz": None, "reason": NO_WORK})
        window["gpus"] = [*window["gpus"], idle]
        put(window, **{"gpus_used.foreground.gpus": None})
    found = explained(parallel, solo)
    assert [board["index"] for board in found["boards"]] == [0]
    assert found["slowdown_by_clocks_at_most"]["value"] == pytest.approx(1.1)


def test_what_held_the_clocks_down_is_told_by_limit() -> None:
    parallel, solo = pair()
    gpu_of(parallel)["throttled_percent"] = {"power": 71.5, "thermal": 0.0}
    gpu_of(solo).update(throttled_percent={}, throttled_by=None)
    [board] = explained(parallel, solo)["boards"]
    held = {"by_limit_percent": {"power": 71.5}, "known_by": "counters"}
    assert board["throttled"] == {"solo": None, "parallel": held}


# -- what is not known -----------------------------------------------------------------


def test_without_a_twin_there_is_no_bound() -> None:
    parallel, _ = pair()
    parallel["twin"] = None
    found = explained(parallel, None)
    assert found["slowdown_by_clocks_at_most"]["value"] is None
    assert found["slowdown_by_the_rest_at_least"]["reason"] == found["boards_reason"]
    assert "no solo control" in found["boards_reason"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"mig": True}, "GPU 0: solo: a MIG slice does not report when it computes"),
        ({"clocks_at_work.sm_mhz": None}, "GPU 0: solo: the sm clock was not reported"),
        ({"clocks_at_work.sm_mhz": None, "clocks_at_work.reason": "x"}, "GPU 0: solo: x"),
    ],
)
def test_a_clock_that_is_not_known_is_null_with_its_reason(
    change: dict[str, Any], reason: str
) -> None:
    parallel, solo = pair()
    put(gpu_of(solo), **change)
    for figure in bounds(parallel, solo):
        assert (figure["value"], figure["reason"]) == (None, reason)


def test_twins_on_different_boards_say_nothing() -> None:
    parallel, solo = pair()
    gpu_of(solo)["uuid"] = "GPU-9"
    clock, rest = bounds(parallel, solo)
    assert clock["value"] is rest["value"] is None
    assert "different GPUs" in clock["reason"]


def test_a_window_with_a_stranger_says_nothing() -> None:
    parallel, solo = pair()
    gpu_of(parallel)["strangers"] = [of(Stranger, sm_percent=20.0)]
    clock, _ = bounds(parallel, solo)
    assert clock["value"] is None and clock["reason"].startswith("foreground window: ")


def test_a_training_without_a_gpu_has_no_boards_to_tell_of() -> None:
    parallel, solo = pair()
    for record in (parallel, solo):
        window = foreground_window(record)
        assert window
        window["gpus"], window["gpus_reason"] = [], "no GPU was asked for"
    found = explained(parallel, solo)
    assert found["boards"] == [] and found["boards_reason"]
    assert found["slowdown_by_clocks_at_most"]["value"] is None


def test_few_samples_leave_the_uncertainty_open() -> None:
    parallel, solo = pair()
    gpu_of(parallel)["clocks_at_work"]["sm_uncertainty_mhz"] = None
    clock, rest = bounds(parallel, solo)
    assert (clock["value"], clock["clock_uncertainty"]) == (pytest.approx(1.1), None)
    assert rest["clock_uncertainty"] is None
    assert "fewer than two samples" in clock["reason"] and rest["reason"] == clock["reason"]


def test_poor_coverage_and_foreign_work_are_warned_of() -> None:
    parallel, solo = pair()
    gpu_of(parallel)["clocks_at_work"].update(known_percent=80.0, of="board")
    first, second = explained(parallel, solo)["warnings"]
    assert first == "GPU 0: clocks are known of 80 % of parallel"
    assert "use by process is not reported" in second


# -- what each used alone --------------------------------------------------------------


def counters(gpu: Any, sm: float | None, dram: float | None) -> None:
    gpu["counters"] = {"sm_active_percent_mean": sm, "dram_active_percent_mean": dram}


def test_what_both_used_alone_is_added_up() -> None:
    parallel, solo = pair()
    counters(gpu_of(solo), 81.0, 30.0)
    counters(gpu_of(parallel, "background"), 44.0, 21.0)
    [board] = explained(parallel, solo)["boards"]
    assert board["sm_active"] == {
        "foreground_percent": 81.0,
        "background_percent": 44.0,
        "sum_percent": 125.0,
        "reason": None,
    }
    assert board["dram_active"]["sum_percent"] == 51.0


def test_without_counters_or_a_background_window_there_is_no_sum() -> None:
    parallel, solo = pair()
    for record, name in ((solo, None), (parallel, "background")):
        gpu_of(record, name).update(counters=None, counters_reason=None)
    [board] = explained(parallel, solo)["boards"]
    assert (board["sm_active"]["sum_percent"], board["sm_active"]["reason"]) == (None, NO_COUNTERS)
    counters(gpu_of(solo), 81.0, None)
    gpu_of(parallel, "background")["counters_reason"] = "an A100 has none"
    [board] = explained(parallel, solo)["boards"]
    assert board["sm_active"]["foreground_percent"] == 81.0
    assert board["sm_active"]["reason"] == "an A100 has none"
    parallel["windows"] = [each for each in parallel["windows"] if each["name"] != "background"]
    [board] = explained(parallel, solo)["boards"]
    assert "no background window" in board["dram_active"]["reason"]
