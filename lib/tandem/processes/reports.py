"""keeper.json, what a keeper says of the command that it kept."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

_KEYS = {"clock", "started_s", "ended_s", "exit_code", "signal", "reason", "error", "stop"}


def read_report(folder: Path, since_s: float = 0.0) -> dict[str, Any] | None:
    """Return the report in a folder, None if the keeper never wrote one, or not this one.

    A report of a command that started before `since_s` (CLOCK_BOOTTIME) is an earlier one's.
    """
    try:
        report: dict[str, Any] = json.loads((folder / "keeper.json").read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(report, dict) or not report.keys() >= _KEYS:
        return None  # by somebody else
    started_s = report["started_s"]
    return report if started_s is not None and started_s >= since_s else None


def stop_of(report: Mapping[str, Any], helpers: Collection[str] = ()) -> dict[str, Any]:
    """Return how a keeper ended the tree, under the names of the record.

    `helpers` are the names of programs that may go on when the command has ended.
    """
    stop = report["stop"]
    return {
        "lingered_seconds": stop["lingered_s"],
        "lingered": [with_name(each, helpers) for each in stop["lingered"]],
        "went_on": [with_name(each, helpers) for each in stop["went_on"]],
        "duration_seconds": stop["duration_s"],
        **{key: stop[key] for key in ("terminated", "killed", "left")},
    }


def with_name(process: Mapping[str, Any], helpers: Collection[str]) -> dict[str, Any]:
    """Return a process with the best of its names, and whether any of them is a helper's."""
    names = process["names"]
    is_helper = not set(helpers).isdisjoint(names)
    return {"pid": process["pid"], "name": names[-1], "is_helper": is_helper}
