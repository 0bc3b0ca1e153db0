"""What a background's rounds were like, for who wants to know why they covered too little."""

from __future__ import annotations

import math
from collections.abc import Iterator

from tandem.results.record import Record, foreground_window
from tandem.results.record_background import BackgroundPart, Round
from tandem.results.record_window import DoseInWindow, LoadPart


def advice(record: Record, reached: str) -> str:
    """Return what would give a higher coverage than was reached."""
    part, least = _weakest(record), record["validity"]["min_coverage"]
    most, count = part["max_rounds"], _count(part["rounds"])
    if most is not None and count >= most:
        return f"all {count} rounds were over too early: raise max_rounds, or leave it out"
    if (bad := part["rounds_failed"] + part["rounds_hollow"]) > part["rounds_completed"]:
        logs = f"{record['experiment_id']}/background_logs"
        return f"{bad} of {count} rounds failed: {logs} has what they printed"
    limit = "or set validity.min_coverage"
    long_s, gap_s = _length_and_gap(part["rounds"])
    if long_s is None or gap_s is None:
        load = (foreground_window(record) or {"load": None})["load"]
        longest_s = load and load["longest_gap_seconds"]
        gap = "" if longest_s is None else f"the longest time without it was {longest_s:.2g} s: "
        return f"{gap}see why it began late or ended early, {limit}"
    wanted_s = gap_s * least / (1 - least) if least < 1 else math.inf
    is_possible = long_s < wanted_s < math.inf
    wanted = f" ({math.ceil(wanted_s * 10) / 10} s would do)" if is_possible else ""
    reach = f"rounds of {long_s:.2g} s with {gap_s:.2g} s between reach {reached}"
    delay_s = part["restart_delay_seconds"]
    lower = f" lower restart_delay_seconds ({delay_s:g})," if delay_s > gap_s / 2 else ""
    return f"{reach}: make rounds longer{wanted},{lower} {limit}"


def length(record: Record) -> float | None:
    """Return the mean seconds of a round of the background that covered least."""
    return _length_and_gap(_weakest(record)["rounds"])[0]


def failed(record: Record) -> str:
    """Return how many rounds failed or were hollow, and why the last; "" for none."""
    parts = (record["background"] or {"parts": []})["parts"]
    bad = sum(part["rounds_failed"] + part["rounds_hollow"] for part in parts)
    every = [each for part in parts for each in part["rounds"]]
    why = next((each["why"] or each["reason"] for each in reversed(every) if _is_bad(each)), None)
    last = f" (the last: {why})" if why else ""
    return f"{bad} of {_count(every)} rounds failed{last}" if bad else ""


def doses(record: Record) -> Iterator[DoseInWindow]:
    """Yield the doses beside the foreground, those first that were kept worst."""
    found = [each["dose"] for each in _loads(record)]
    given = [dose for dose in found if dose]
    yield from sorted(given, key=_distance, reverse=True)


def _distance(dose: DoseInWindow) -> float:
    """Return how far a dose was from its target, as a share; 0 where that is not known."""
    is_target = dose["mode"] == "target"
    reached = dose["sm_avg_percent"] if is_target else dose["duty_mean"]
    return 0.0 if reached is None else abs(reached - dose["target"]) / (100 if is_target else 1)


def _weakest(record: Record) -> BackgroundPart:
    background = record["background"]
    assert background
    loads = _loads(record)
    covered = [each["coverage"] for each in loads] or [None]
    index = min(range(len(covered)), key=lambda it: _or_one(covered[it]))
    return background["parts"][index]


def _or_one(coverage: float | None) -> float:
    return 1.0 if coverage is None else coverage


def _loads(record: Record) -> list[LoadPart]:
    window = foreground_window(record)
    return window["load"]["parts"] if window and window["load"] else []


def _length_and_gap(rounds: list[Round]) -> tuple[float | None, float | None]:
    """Return the mean seconds of a round that ended, and of the pause between two."""
    ended = [each for each in rounds if each["end_boottime_s"] is not None and _count([each])]
    count = _count(ended)
    if not count:
        return None, None
    trained_s = sum(each["training_seconds"] for each in ended)
    if count == 1:
        return trained_s, None
    span_s = (ended[-1]["end_boottime_s"] or 0.0) - ended[0]["start_boottime_s"]
    return trained_s / count, max(0.0, span_s - trained_s) / (count - 1)


def _count(rounds: list[Round]) -> int:
    return sum(each["completed"] + each["failed"] + each["hollow"] for each in rounds)


def _is_bad(one: Round) -> bool:
    return bool(one["failed"] or one["hollow"])
