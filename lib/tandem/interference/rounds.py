"""How fast a background's rounds followed each other in a window, and how sure that is."""

from __future__ import annotations

import math
from itertools import pairwise

from tandem.interference.quantity import Quantity, Reading, widening
from tandem.results.record import Record
from tandem.results.record_window import Window

STAMP_RESOLUTION_S = 0.001
ENOUGH_FREEDOM = 3


def rounds_per_s(
    record: Record, window: Window | None, other: Window | None, place: str
) -> Reading:
    """Return the rate of a window's whole rounds, or why it is none of the whole window."""
    load = window["load"] if window else None
    background = record["background"]
    if background and background["problems"]:
        return f"{place}: {background['problems'][0]}"
    if window is None or load is None:
        return f"{place}: no account of the background"
    if load["rounds_failed"]:
        return f"{place}: background rounds failed: {load['rounds_failed']}"
    if load["rounds_hollow"]:
        return f"{place}: background rounds were hollow: {load['rounds_hollow']}"
    per_s, completed = load["rounds_per_second"], load["rounds_completed"]
    if not per_s:
        return f"{place}: no rate of background rounds: {load['rate_reason']}"
    spread = spread_of_rounds(record, window, other)
    if spread is None:
        return Quantity(per_s, None, f"{place}: too few rounds to see how much they differ")
    stamps = STAMP_RESOLUTION_S * math.sqrt(2 / 12) * per_s / completed
    return Quantity(per_s, per_s * math.hypot(spread / math.sqrt(completed), stamps))


def spread_of_rounds(record: Record, window: Window, other: Window | None) -> float | None:
    """Return the standard deviation of a round's length, relative to the mean; None if unknown."""
    squares, freedom = deviations(record, window)
    if freedom < ENOUGH_FREEDOM and other:
        more_squares, more_freedom = deviations(record, other)
        squares, freedom = squares + more_squares, freedom + more_freedom
    if freedom == 0:
        return None
    return math.sqrt(squares / freedom) * widening(freedom)


def deviations(record: Record, window: Window) -> tuple[float, int]:
    """Return the sum of squared relative deviations of a window's rounds, and its freedom.

    A round lasts until the next one starts, as for its rate. Several rounds that were folded into
    one stretch count by their mean, so often.
    """
    begin_s, end_s = window["start_boottime_s"], window["end_boottime_s"]
    assert record["background"]
    (background,) = record["background"]["parts"]  # several have no common rate
    found = [
        (after["start_boottime_s"] - each["start_boottime_s"], each["completed"])
        for each, after in pairwise(background["rounds"])
        if each["completed"] == each["last"] - each["first"] + 1
        and begin_s <= each["start_boottime_s"]
        and (each["end_boottime_s"] or math.inf) <= end_s
    ]
    total_s, total = sum(seconds for seconds, _ in found), sum(count for _, count in found)
    if not total_s:
        return 0.0, 0
    mean_s = total_s / total
    squares = sum(count * (seconds / count / mean_s - 1) ** 2 for seconds, count in found)
    return squares, len(found) - 1
