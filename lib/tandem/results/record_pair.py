"""interference.json, key by key: what a parallel experiment and its control tell together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict


class Figure(TypedDict):
    value: float | None
    clock_uncertainty: float | None
    label: str
    reason: str | None


class ClockRatio(TypedDict):
    solo_mhz: float | None
    parallel_mhz: float | None
    ratio: float | None
    uncertainty: float | None
    reason: str | None
    warnings: list[str]


class Throttled(TypedDict):
    by_limit_percent: dict[str, float]
    known_by: str


class ThrottledInBoth(TypedDict):
    solo: Throttled | None
    parallel: Throttled | None


class ActivitySum(TypedDict):
    foreground_percent: float | None
    background_percent: float | None
    sum_percent: float | None
    reason: str | None


class BoardExplained(TypedDict):
    index: int
    uuid: str
    name: str
    sm_clock: ClockRatio
    memory_clock: ClockRatio
    throttled: ThrottledInBoth
    sm_active: ActivitySum
    dram_active: ActivitySum


class Explanation(TypedDict):
    label: str
    slowdown_by_clocks_at_most: Figure
    slowdown_by_the_rest_at_least: Figure
    boards: list[BoardExplained]
    boards_reason: str | None
    warnings: list[str]


class Interference(TypedDict):
    """interference.json; schemas/interference.schema.json describes it."""

    interference_version: int
    experiment_id: str
    twin: str | None
    records: dict[str, str]
    board_gain_percent: float | None
    idle_drift_watts: float | None
    idle_drift_reason: str | None
    warnings: list[str]
    figures: dict[str, Figure]
    explanation: Explanation


def figures_of(interference: Interference | None) -> Mapping[str, Figure]:
    return interference["figures"] if interference else {}
