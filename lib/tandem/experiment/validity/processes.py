"""Who was left when the foreground had ended, who had to be killed, and whether it was stopped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tandem.experiment.validity.reason import Reason
from tandem.results.record import Attempt, Record
from tandem.results.record_process import Lingering, Process

SLOW_SHARE = 0.05  # of its duration, for which a training's processes may be left when it has ended


def reasons(record: Record) -> Iterator[Reason]:
    left = record["stop"]["left"]
    killed = [process for process in record["stop"]["strays_killed"] if process not in left]
    if killed:
        outlived = f"processes outlived their keepers and were killed: {_names(killed)}"
        yield Reason(outlived, "left", may_pass=True)  # their keepers must have been killed
    if left:
        yield Reason(f"processes are still alive: {_names(left)}", "left", may_pass=False)
    if record["attempts"]:
        yield from _left_reasons(record["attempts"][-1])


def warnings(record: Record) -> Iterator[str]:
    for last in record["attempts"][-1:]:
        late_s, took_s = _late_s(last), last["duration_seconds"] or 0.0
        if SLOW_SHARE * took_s < late_s <= took_s:
            yield f"the foreground's last process ended {late_s:.2g} s after the foreground itself"


def _left_reasons(last: Attempt) -> Iterator[Reason]:
    """Why the end of the last attempt was not that of its work, or its time not that either."""
    if last["stop"] and (went_on := _not_helpers(last["stop"]["went_on"])):
        hint = "the registry's helpers name who may"
        started = f"the foreground started a process that went on: {_names(went_on)} ({hint})"
        yield Reason(started, "left", may_pass=False)
    took_s, late_s = last["duration_seconds"] or 0.0, _late_s(last)
    if late_s > took_s:
        late = (
            f"the foreground ended after {took_s:.2g} s, its processes went on for {late_s:.2g} s"
        )
        yield Reason(late, "left", may_pass=False)
    if last["pauses"]:
        paused_s = last["paused_seconds"]
        how_long = "" if paused_s is None else f" for {paused_s:.3g} s"
        yield Reason(f"the foreground was stopped (SIGSTOP){how_long}", "stopped", may_pass=True)


def _late_s(last: Attempt) -> float:
    """Return for how long processes were left that ended by themselves and are no helpers."""
    stop = last["stop"]
    if not stop or stop["went_on"] or not _not_helpers(stop["lingered"]):
        return 0.0
    return stop["lingered_seconds"]


def _not_helpers(processes: Sequence[Lingering]) -> list[Process]:
    return [
        {"pid": each["pid"], "name": each["name"]} for each in processes if not each["is_helper"]
    ]


def _names(processes: Sequence[Process]) -> str:
    more = f" and {len(processes) - 5} more" if len(processes) > 5 else ""
    return ", ".join(f"{each['name']} {each['pid']}" for each in processes[:5]) + more
