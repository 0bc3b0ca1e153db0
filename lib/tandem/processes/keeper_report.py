"""What a keeper says of its command: keeper.json, and a line for people. Standard library only."""

from __future__ import annotations

import os
import resource
from typing import TYPE_CHECKING, Any

from tandem.base.clock import awake_s

if TYPE_CHECKING:
    from tandem.processes.keeper import Keeper


def report_of(keeper: Keeper) -> dict[str, Any]:
    """Return what happened: seconds, memory in bytes, moments on CLOCK_BOOTTIME.

    `duration_s` is from `started_s` to `ended_s` less `suspended_s`, for which the machine was
    suspended meanwhile; `start_took_s`, from the fork to the start, is not in it. `paused_s` is for
    how long the command was stopped (SIGSTOP), `pauses` how often it went on again.
    """
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    code = None if keeper.status is None else os.waitstatus_to_exitcode(keeper.status)
    tree = keeper.tree
    return {
        "command": keeper.options.command,
        "clock": keeper.clock.readings(),
        "started_s": rounded(keeper.started_s),
        "ended_s": rounded(keeper.ended_s),
        "all_ended_s": rounded(keeper.all_ended_s),
        "start_took_s": round(keeper.start_took_s, 6),
        "suspended_s": round(keeper.suspended_s, 3),
        "duration_s": rounded(duration_s(keeper)),
        "pauses": tree.pauses,
        "paused_s": rounded(tree.paused_s),
        "exit_code": code if code is None or code >= 0 else None,
        "signal": None if code is None or code >= 0 else -code,
        "reason": keeper.reason,
        "error": keeper.error,
        "cpu_user_s": usage.ru_utime,
        "cpu_system_s": usage.ru_stime,
        "peak_memory_bytes": usage.ru_maxrss * 1024,
        "stop": {
            "lingered_s": round(keeper.lingered_s, 6),
            "lingered": with_all_names(keeper.lingered),
            "went_on": with_all_names(keeper.went_on),
            "duration_s": round(tree.stop_duration_s, 6),
            "terminated": named(tree.terminated),
            "killed": named(tree.killed),
            "left": named(tree.left),
        },
    }


def duration_s(keeper: Keeper) -> float | None:
    if keeper.started_s is None or keeper.ended_s is None:
        return None
    return awake_s(keeper.started_s, keeper.ended_s, keeper.suspended_s)


def text_of_stop(keeper: Keeper) -> str:
    """Return what was stopped in a line, "" where nothing was to be stopped."""
    stopped = {**keeper.tree.terminated, **keeper.tree.killed}
    if keeper.reason == "not started" or (keeper.reason == "ended" and not stopped):
        return ""
    names = ", ".join(f"{name} {pid}" for pid, name in sorted(stopped.items())[:20])
    more = f" and {len(stopped) - 20} more" if len(stopped) > 20 else ""
    who = f" ({names}{more})" if names else ""
    return (
        f"stopped ({keeper.reason}) in {keeper.tree.stop_duration_s:.2f} s:"
        f" {len(stopped)} process{'es' * (len(stopped) != 1)}{who},"
        f" {len(keeper.tree.killed)} had to be killed"
    )


def rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 6)


def with_all_names(processes: dict[int, list[str]]) -> list[dict[str, Any]]:
    return [{"pid": pid, "names": names} for pid, names in sorted(processes.items())]


def named(processes: dict[int, str]) -> list[dict[str, Any]]:
    return [{"pid": pid, "name": name} for pid, name in sorted(processes.items())]
