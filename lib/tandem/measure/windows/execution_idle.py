"""Execution-idle: for how long a board was held, did next to nothing, and drew power all the same.

"The Energy Cost of Execution-Idle in GPU Clusters" (Lei and others, arXiv 2604.04745, 2026) calls
so that a board stays at high power while a program holds it and visible activity is near zero. What
counts as that here is our own definition, by the monitor's rows: a process was listed on the board
at both ends of a row, and the board's use (NVML's: time in which any kernel ran) was at most
`MOST_PERCENT` in it. No power is asked for: a context keeps a board from its deep idle, and how
much that takes differs from board to board. A board that nobody holds is idle, not execution-idle.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.measure.rows import ON_GPUS, PLACE_COLUMNS, Row, rows_between
from tandem.measure.windows.edges import COUNTER, number_in, time_of
from tandem.measure.windows.gaps import BLIND_S, BLIND_SHARE, absence
from tandem.measure.windows.tallies import PARTIAL_KINDS

MOST_PERCENT = 5.0
NEAR_S = 0.5  # who is on a GPU is looked at right after its row
STILL_S = 0.5  # a counter that stands still for longer says nothing of that time
TRAPEZOID = "energy_trapezoid_j"
SENSORS = {"counter": (COUNTER, 0.001), "trapezoid": (TRAPEZOID, 1.0)}  # with a unit in J
NOT_KNOWN = "who was on the GPU, or its use, is not known"

Facts = dict[str, Any]


@dataclass
class Looks:
    """When somebody looked who is on a GPU, and whether anybody was; None: not known."""

    times_s: list[float] = field(default_factory=list)
    held: list[bool | None] = field(default_factory=list)

    def at(self, when_s: float) -> bool | None:
        after = bisect_left(self.times_s, when_s)
        near = range(max(after - 1, 0), min(after + 1, len(self.times_s)))
        nearest = min(near, key=lambda place: abs(self.times_s[place] - when_s), default=None)
        if nearest is None or abs(self.times_s[nearest] - when_s) > NEAR_S:
            return None
        return self.held[nearest]


@dataclass
class Stretch:
    """A part of a window between two rows; a share of 1 lies inside, of less at an edge.

    `is_idle` is None where it is not known; `joules` is by each of both sensors.
    """

    seconds: float
    is_idle: bool | None
    joules: Mapping[str, float | None]


def execution_idle(
    folder: Path,
    gpu: Mapping[str, Any],
    energy: Facts,
    from_s: float,
    to_s: float,
    *,
    sees_all: bool,
) -> Facts:
    """Return the seconds and the joules of execution-idle of one GPU, or why they are not known.

    `sees_all`: nobody can be on the GPU whom NVML does not list here. The joules are by the sensor
    that gave the window's `energy`, and not known where that is not; they are exact but for how
    seldom the sensor is updated, at both ends of each stretch.
    """
    looks = looks_at(folder / ON_GPUS, Path(gpu["file"]).stem, from_s, to_s, sees_all)
    rows = rows_between(folder / gpu["file"], from_s, to_s)
    every = stretches(rows, looks, from_s, to_s)
    idle = [each for each in every if each.is_idle]
    known_s = sum(each.seconds for each in every if each.is_idle is not None)
    length_s = to_s - from_s
    blind_s = max(BLIND_SHARE * length_s, min(BLIND_S, length_s / 2.0))
    if known_s <= 0.0 or length_s - known_s > blind_s:
        why = absence(gpu, "utilisation", from_s, to_s)[1]
        return facts(None, None, f"use of the GPU: {why}" if why else NOT_KNOWN)
    seconds = round(sum(each.seconds for each in idle), 4)
    if idle and energy["energy_method"] is None:
        return facts(seconds, None, energy["energy_reason"])
    sensor, unit_j = SENSORS[energy["energy_method"] or "counter"]
    parts = [each.joules[sensor] for each in idle]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts):
        return facts(seconds, None, "the sensor of the energy does not know all of it")
    return facts(seconds, round(sum(known) * unit_j, 3), None)


def facts(seconds: float | None, joules: float | None, reason: str | None) -> Facts:
    return {
        "execution_idle_seconds": seconds,
        "execution_idle_joules": joules,
        "execution_idle_reason": reason,
    }


def looks_at(path: Path, stem: str, from_s: float, to_s: float, sees_all: bool) -> Looks:
    """Return who looked at a GPU about a window; nobody listed says nothing unless `sees_all`."""
    looks = Looks()
    for row in rows_between(path, from_s - NEAR_S, to_s + NEAR_S):
        on = {column for column in PLACE_COLUMNS[2:] if stem in str(row.get(column, "")).split()}
        nobody = False if sees_all and "unread_on" not in on else None
        looks.times_s.append(time_of(row))
        looks.held.append(True if on - {"unread_on"} else nobody)
    return looks


def stretches(rows: Iterable[Row], looks: Looks, from_s: float, to_s: float) -> Sequence[Stretch]:
    """Return the parts of a window between the rows that know more than power."""
    found: list[Stretch] = []
    before: Row | None = None
    for row in rows:
        if row["kind"] in PARTIAL_KINDS:
            continue
        if before is not None:
            begin_s, end_s = time_of(before), time_of(row)
            seconds = min(end_s, to_s) - max(begin_s, from_s)
            if seconds > 0.0:
                held = looks.at(begin_s), looks.at(end_s)
                share = seconds / (end_s - begin_s)
                joules = {each: growth(before, row, each, share) for each in (COUNTER, TRAPEZOID)}
                found.append(Stretch(seconds, is_idle(row, held), joules))
        before = row
    return found


def is_idle(row: Row, held: tuple[bool | None, bool | None]) -> bool | None:
    """Whether a board was held and did next to nothing before a row; None: not known."""
    percent = number_in(row, "sm_percent")
    if False in held or (percent is not None and percent > MOST_PERCENT):
        return False
    return None if percent is None or None in held else True


def growth(before: Row, after: Row, column: str, share: float) -> float | None:
    """Return a share of what a cumulative column grew by; None: not known, or it has not grown."""
    first, last = number_in(before, column), number_in(after, column)
    if first is None or last is None or last < first:
        return None
    is_still = last == first and time_of(after) - time_of(before) > STILL_S
    return None if is_still else share * (last - first)
