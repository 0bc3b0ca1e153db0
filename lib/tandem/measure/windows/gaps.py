"""For how much of a window a sensor of a GPU was missing, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

BLIND_S, BLIND_SHARE = 5.0, 0.05  # so long, or such a share of a window, may go by unseen
WORDS = {
    "processes": "who used it is not known",
    "power": "its power is not known",
    "energy_counter": "its energy counter is not known",
}


def absence(gpu: Mapping[str, Any], sensor: str, from_s: float, to_s: float) -> tuple[float, str]:
    """Return for how long a sensor was missing between two moments, and why ("": it was not)."""
    missing_s, why = 0.0, ""
    for begin_s, end_s, reason in _stretches(gpu, sensor):
        overlap_s = min(end_s, to_s) - max(begin_s, from_s)
        if overlap_s > 0.0:
            missing_s, why = missing_s + overlap_s, why or reason
    return missing_s, why


def too_blind(gpu: Mapping[str, Any], from_s: float, to_s: float) -> str | None:
    """Return why nobody can say who used the GPU; None if only a little of the window is unseen."""
    missing_s, why = absence(gpu, "processes", from_s, to_s)
    length_s = to_s - from_s
    allowed_s = max(BLIND_SHARE * length_s, min(BLIND_S, length_s / 2.0))
    return why if missing_s > allowed_s else None


def gap_warnings(gpu: Mapping[str, Any], from_s: float, to_s: float) -> Iterator[str]:
    """Yield what came back after it had been missing for a part of the window."""
    came_back = {gap["sensor"] for gap in gpu.get("gaps", ())}
    for sensor in sorted(came_back.intersection(WORDS)):
        missing_s, why = absence(gpu, sensor, from_s, to_s)
        if why:
            yield f"{WORDS[sensor]} for {missing_s:.1f} s: {why}"


def _stretches(gpu: Mapping[str, Any], sensor: str) -> Iterator[tuple[float, float, str]]:
    for gap in gpu.get("gaps", ()):
        if gap["sensor"] == sensor:
            yield gap["from_boottime_s"], gap["to_boottime_s"], gap["reason"]
    if sensor in gpu["missing"]:
        yield gpu["missing_since"][sensor], float("inf"), gpu["missing"][sensor]
