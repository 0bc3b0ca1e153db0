"""Why a training was slower beside another, in words: what is derived, and no more than that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tandem.base.text import two_digits
from tandem.interference.compare.why import why_of, whys
from tandem.report.compare.wording import number
from tandem.results.record_pair import ClockRatio, Explanation, Figure

Facts = Mapping[str, Any]
Row = tuple[str, str]

LIMITS = {
    "power": "the power limit",
    "thermal": "heat",
    "sync_boost": "another board (sync boost)",
    "board_limit": "a limit of the board",
    "reliability": "the voltage (reliability)",
    "sw_power_cap": "the power limit",
    "hw_slowdown": "the hardware",
    "sw_thermal_slowdown": "heat",
    "hw_thermal_slowdown": "heat (hardware)",
    "hw_power_brake_slowdown": "the power brake",
}
PARTS = {"sm_active": "SMs", "dram_active": "DRAM bandwidth"}
LEGEND = (
    "Derived, not measured: at most so much by lower clocks, which is tight for compute-bound"
    " kernels and far too much for those that wait for memory, launches or the host; at least so"
    " much by the rest. docs/sharing.md has the argument."
)
WORTH_PERCENT = 1.0  # a limit that held the clocks down for less is not named in a short line
NOTHING = 1.005  # a bound that is shown as 1


def short_why(found: Facts) -> str | None:
    """Return one line on a comparison's `explanation`; None where nobody knows anything."""
    texts = [*_bounds(found), *_held(found["held_percent_at_most"]), *_sums(found)]
    return f"why (derived): {'; '.join(texts)}" if texts else None


def short_why_of(explanation: Explanation) -> str | None:
    """Return the same of one experiment."""
    return short_why(whys([why_of(explanation)]))


def _bounds(found: Facts) -> Iterator[str]:
    clocks, rest = (
        found[f"slowdown_by_{what}"] for what in ("clocks_at_most", "the_rest_at_least")
    )
    if clocks is None:
        return
    middle = f" (median of {found['pairs']})" if found["pairs"] > 1 else ""
    if clocks < NOTHING:
        yield f"clocks were not lower beside the background{middle}"
    else:
        yield f"lower clocks make it slower by a factor of {number(clocks)} at most{middle}"
    if rest is not None:
        yield _rest(rest, clocks)


def _rest(rest: float, clocks: float) -> str:
    if rest < NOTHING:
        return "there was no slowdown" if clocks < NOTHING else "that can be all of it"
    return f"contention or waiting by {number(rest)} at least"


def _held(percents: Mapping[str, float]) -> Iterator[str]:
    for limit, percent in percents.items():
        if percent >= WORTH_PERCENT:
            yield f"held down by {limit_name(limit)} for up to {number(percent)} % of the time"


def _sums(found: Facts) -> Iterator[str]:
    for name, what in PARTS.items():
        if (total := found[f"{name}_sum_percent"]) is not None:
            yield f"{what}: {_sum_text(total)}"


def _sum_text(total: float) -> str:
    text = f"both alone use {number(total)} % together"
    return f"{text}, more than there is" if total > 100.0 else text


def limit_name(limit: str) -> str:
    return LIMITS.get(limit, limit)


# -- one experiment, whole -------------------------------------------------------------


def rows_of_why(explanation: Explanation) -> Iterator[Row]:
    """Yield what explains one slowdown, each a label and a text; the unknown with its reason."""
    clocks = explanation["slowdown_by_clocks_at_most"]
    rest = explanation["slowdown_by_the_rest_at_least"]
    yield "lower clocks", _bound_text(clocks, "a factor of {} at most")
    if clocks["value"] is not None or rest["reason"] != clocks["reason"]:
        yield "contention, waiting", _bound_text(rest, "a factor of {} at least")
    for board in explanation["boards"]:
        gpu = f"GPU {board['index']}"
        for name, ratio in (("SM", board["sm_clock"]), ("memory", board["memory_clock"])):
            if ratio["ratio"] is not None:
                yield f"{gpu} {name} clock", _clock_text(ratio)
        for window, held in (("alone", "solo"), ("beside it", "parallel")):
            yield from _held_rows(f"{gpu} {window}", board["throttled"][held])  # type: ignore[literal-required]
        for part, what in PARTS.items():
            yield f"{gpu} {what}", _activity_text(board[part])  # type: ignore[literal-required]
    yield from (("warning", text) for text in explanation["warnings"])


def _bound_text(figure: Figure, words: str) -> str:
    if figure["value"] is None:
        return f"not known: {figure['reason']}"
    beside = figure["clock_uncertainty"]
    spread = f" ± {two_digits(beside)}" if beside else ""
    return words.format(number(figure["value"]) + spread)


def _clock_text(ratio: ClockRatio) -> str:
    return (
        f"{number(ratio['solo_mhz'])} MHz alone, {number(ratio['parallel_mhz'])} MHz beside the"
        f" background: ratio {number(ratio['ratio'])}"
    )


def _held_rows(where: str, held: Facts | None) -> Iterator[Row]:
    if held is None:
        yield where, "whether its clocks were held down is not reported"
        return
    for limit, share in held["by_limit_percent"].items():
        yield where, f"held down by {limit_name(limit)} for {number(share)} % of the time"


def _activity_text(activity: Facts) -> str:
    if activity["sum_percent"] is None:
        return f"not known: {activity['reason']}"
    parts = f"{number(activity['foreground_percent'])} + {number(activity['background_percent'])} %"
    return f"{parts} busy alone: {_sum_text(activity['sum_percent'])}"
