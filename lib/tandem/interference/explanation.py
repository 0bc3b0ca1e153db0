"""Where a slowdown can come from: at most so much from lower clocks, the rest from something else.

The bound. A kernel that waits for nothing but the SMs needs a fixed number W of their cycles, and
gets `f t` of them in a time t at a clock f: `W = f_s K_s = f_p K_p`, so its time grows by
`K_p / K_s = f_s / f_p`. Whatever else a kernel waits for (DRAM, PCIe, a launch, the host) does not
take longer at a lower SM clock; what waits for DRAM takes longer by the ratio of the memory clocks
at most. So of a foreground that computes for a share k of its time alone, lower clocks make

    1 - k + k f_s / f_p  <=  max(1, f_s / f_p, m_s / m_p)

with f the clock of the SMs, m that of the memory, s alone and p beside the background. The bound
is tight where k is 1 and the kernels are compute bound (large matrix products, convolutions). It
is far too much where they are memory bound, where launches are what takes the time, or where the
GPU waits for the host: then lower clocks cost little, and the rest is larger than is said here. Of
several boards the largest ratio counts, since the slowest board holds up all others.

The mean. What counts are cycles, the integral of f over the time at work, so f is the arithmetic
mean weighted by time, `W = mean(f) K`. The harmonic mean is that of clocks weighted by work: of
samples one per step, not one per second. Time at work only, since a board that waits may lower its
clocks, and a training alone waits at other moments than a board that a background keeps busy: see
the module clocks of measure/windows. Not covered: clocks that are lower just when the foreground
computes where use by process is not reported, and a rhythm of about a second, as the samples have.

The rest is the slowdown over the bound, at least: contention for SMs, caches, DRAM and PCIe,
waiting for turns on the GPU, for CPUs, or for data. Where the clocks alone can explain everything
it is 1 or less.

Beside it, from NVML's GPM counters where a run has them (settings: "counters"), what foreground and
background used each alone of the SMs and of DRAM. A sum above 100 % cannot be served at once, so
one has to wait for the other. A sum below does not say the opposite: these are means over windows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from tandem.interference.quantity import Quantity, Reading, Values, propagated
from tandem.interference.usable import disturbance, weak_load
from tandem.measure.windows.clocks import FOREGROUND, NO_WORK
from tandem.measure.windows.places import absence
from tandem.results.record import Record, foreground_window
from tandem.results.record_pair import (
    ActivitySum,
    BoardExplained,
    ClockRatio,
    Explanation,
    Figure,
    Throttled,
)
from tandem.results.record_window import Window, WindowGpu, last_window, used_by

LABEL = "derived"
ENOUGH_KNOWN_PERCENT = 95.0
NO_COUNTERS = 'no counters were read (set "counters": "gpm")'
NO_BACKGROUND = "no background window (set controls.background_seconds)"
NO_SAMPLES = "fewer than two samples of a clock: its uncertainty is not known"


def explained(
    parallel: Record, solo: Record | None, slowdown: Figure, readings: Mapping[str, Reading]
) -> Explanation:
    """Return what lower clocks can explain of a slowdown at most, and what each used alone."""
    boards, why = boards_of(parallel, solo, readings)
    ratios = [ratio for board in boards for ratio in (board["sm_clock"], board["memory_clock"])]
    clocks = bound_of(boards) if boards else str(why)
    return {
        "label": LABEL,
        "slowdown_by_clocks_at_most": figure_of(clocks),
        "slowdown_by_the_rest_at_least": figure_of(rest_of(slowdown, clocks)),
        "boards": boards,
        "boards_reason": why,
        "warnings": list(dict.fromkeys(text for ratio in ratios for text in ratio["warnings"])),
    }


def bound_of(boards: Sequence[BoardExplained]) -> Reading:
    """Return max(1, f_s / f_p, m_s / m_p) over the boards, or why one of them does not say."""
    largest = Quantity(0.0, None)
    for board in boards:
        for clock in (board["sm_clock"], board["memory_clock"]):
            if (ratio := clock["ratio"]) is None:
                return f"GPU {board['index']}: {clock['reason']}"
            if ratio > largest.value:
                reason = None if clock["uncertainty"] is not None else NO_SAMPLES
                largest = Quantity(ratio, clock["uncertainty"], reason)
    return Quantity(max(1.0, largest.value), largest.uncertainty, largest.reason)


def rest_of(slowdown: Figure, clocks: Reading) -> Reading:
    """Return the slowdown over what clocks can explain, as unsure as both are."""
    value, uncertainty = slowdown["value"], slowdown["clock_uncertainty"]
    if value is None or isinstance(clocks, str):
        return slowdown["reason"] or "" if value is None else str(clocks)
    whole = Quantity(value, uncertainty, slowdown["reason"])
    if whole.uncertainty is None or clocks.uncertainty is None:
        return Quantity(value / clocks.value, None, whole.reason or clocks.reason)
    both = {"over": whole, "under": clocks}
    return Quantity(value / clocks.value, propagated(_quotient, both))


def _quotient(x: Values) -> float:
    return x["over"] / x["under"]


def figure_of(reading: Reading) -> Figure:
    if isinstance(reading, str):
        return {"value": None, "clock_uncertainty": None, "label": LABEL, "reason": reading}
    return {
        "value": reading.value,
        "clock_uncertainty": reading.uncertainty,
        "label": LABEL,
        "reason": reading.reason,
    }


# -- boards ----------------------------------------------------------------------------


def boards_of(
    parallel: Record, solo: Record | None, readings: Mapping[str, Reading]
) -> tuple[list[BoardExplained], str | None]:
    """Return what each board of the foreground says; of none, why."""
    for name in ("parallel_s", "solo_s"):
        if isinstance(reading := readings[name], str):
            return [], reading
    beside, alone = foreground_window(parallel), solo and foreground_window(solo)
    if problem := absence(beside, FOREGROUND):
        return [], problem
    if not beside or not alone or not beside["gpus"]:
        return [], (beside and beside["gpus_reason"]) or "no GPU was measured"
    theirs = {gpu["uuid"]: gpu for gpu in alone["gpus"]}
    background = last_window(parallel["windows"], "background")
    others, why = boards_alone(parallel, background)
    found = [
        board_of(gpu, theirs.get(gpu["uuid"]), others.get(gpu["uuid"]), why)
        for gpu in in_use(beside)
    ]
    return found, None


def in_use(window: Window) -> list[WindowGpu]:
    """Return the boards on which the foreground was seen; if unknown, those on which anybody was.

    A board without any work held nobody up. Where no board is known to have worked: all of them.
    """
    used = {each["uuid"] for each in used_by(window, FOREGROUND) or ()}
    seen = [gpu for gpu in window["gpus"] if gpu["uuid"] in used]
    return seen or [gpu for gpu in window["gpus"] if not was_without_work(gpu)] or window["gpus"]


def was_without_work(gpu: WindowGpu) -> bool:
    at_work: Mapping[str, Any] = cast(Mapping[str, Any], gpu).get("clocks_at_work") or {}
    return at_work.get("reason") == NO_WORK


def boards_alone(
    parallel: Record, window: Window | None
) -> tuple[Mapping[str, WindowGpu], str | None]:
    """Return the boards under the background alone by UUID, or why its window does not count."""
    if window is None:
        return {}, NO_BACKGROUND
    if problem := disturbance(parallel, window) or weak_load(parallel, window):
        return {}, f"background window: {problem}"
    return {gpu["uuid"]: gpu for gpu in window["gpus"]}, None


def board_of(
    beside: WindowGpu, alone: WindowGpu | None, background: WindowGpu | None, why: str | None
) -> BoardExplained:
    """Return what one board did alone, beside, and under the background alone."""
    sums = (
        activity_of(metric, alone, background, why)
        for metric in ("sm_active_percent", "dram_active_percent")
    )
    sm, dram = sums
    return {
        "index": beside["index"],
        "uuid": beside["uuid"],
        "name": beside["name"],
        "sm_clock": ratio_of("sm", beside, alone),
        "memory_clock": ratio_of("memory", beside, alone),
        "throttled": {"solo": alone and held(alone), "parallel": held(beside)},
        "sm_active": sm,
        "dram_active": dram,
    }


def ratio_of(clock: str, beside: WindowGpu, alone: WindowGpu | None) -> ClockRatio:
    """Return a clock alone over that beside the background, both while kernels ran."""
    solo, solo_why = clock_in(alone, clock)
    parallel, parallel_why = clock_in(beside, clock)
    reasons = [f"{where}: {why}" for where, why in (("solo", solo_why), ("parallel", parallel_why))]
    ratio, uncertainty, reason = None, None, None
    if solo and parallel:
        known = {"over": solo, "under": parallel}
        ratio = solo.value / parallel.value
        is_sure = solo.uncertainty is not None and parallel.uncertainty is not None
        uncertainty = propagated(_quotient, known) if is_sure else None
    else:
        reason = "; ".join(text for text in reasons if not text.endswith(": None"))
    return {
        "solo_mhz": solo.value if solo else None,
        "parallel_mhz": parallel.value if parallel else None,
        "ratio": ratio,
        "uncertainty": uncertainty,
        "reason": reason,
        "warnings": warnings_of(beside, alone) if ratio else [],
    }


def clock_in(gpu: WindowGpu | None, clock: str) -> tuple[Quantity | None, str | None]:
    """Return the mean of a clock in a window while kernels ran, or why it is not known."""
    if gpu is None:
        return None, "another board was measured"
    if gpu["mig"]:
        return None, "a MIG slice does not report when it computes"
    at_work: Mapping[str, Any] = cast(Mapping[str, Any], gpu).get("clocks_at_work") or {}
    mhz = at_work.get(f"{clock}_mhz")
    if not mhz:
        return None, at_work.get("reason") or f"the {clock} clock was not reported"
    return Quantity(mhz, at_work.get(f"{clock}_uncertainty_mhz")), None


def warnings_of(beside: WindowGpu, alone: WindowGpu | None) -> list[str]:
    """Say what makes a ratio of clocks less sure than its uncertainty."""
    found = []
    for where, gpu in (("solo", alone), ("parallel", beside)):
        known = gpu["clocks_at_work"]["known_percent"] if gpu else 0.0
        if known < ENOUGH_KNOWN_PERCENT:
            found.append(f"GPU {beside['index']}: clocks are known of {known:.3g} % of {where}")
    if beside["clocks_at_work"]["of"] != FOREGROUND:
        found.append(
            f"GPU {beside['index']}: use by process is not reported: the clocks beside the"
            " background are those while either computed"
        )
    return found


def held(gpu: WindowGpu) -> Throttled | None:
    """Return for what share of a window limits held the clocks down; None: not reported."""
    if gpu["throttled_by"] is None:
        return None
    shares = {limit: share for limit, share in gpu["throttled_percent"].items() if share}
    return {"by_limit_percent": shares, "known_by": gpu["throttled_by"]}


def activity_of(
    metric: str, alone: WindowGpu | None, background: WindowGpu | None, why: str | None
) -> ActivitySum:
    """Return how active a part of a board was under each training alone, and the sum."""
    foreground, reason = mean_of(alone, metric, "another board was measured")
    other, other_reason = mean_of(background, metric, why or "no such board in its window")
    reasons = dict.fromkeys(filter(None, (reason, other_reason)))
    both = None if foreground is None or other is None else foreground + other
    return {
        "foreground_percent": foreground,
        "background_percent": other,
        "sum_percent": both,
        "reason": "; ".join(reasons) or None,
    }


def mean_of(gpu: WindowGpu | None, metric: str, otherwise: str) -> tuple[float | None, str | None]:
    """Return the mean of a counter in a window, or why there is none."""
    if gpu is None:
        return None, otherwise
    facts = cast(Mapping[str, Any], gpu)
    value = (facts.get("counters") or {}).get(f"{metric}_mean")
    if value is None:
        return None, facts.get("counters_reason") or NO_COUNTERS
    return float(value), None
