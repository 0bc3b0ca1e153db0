"""What a controller writes, and what a window of it says. Standard library only.

dose.csv grows by a row about each second. Each is about the `span_s` seconds before `boottime_s`:
for how long a training was there, for how long of that it was stopped, which duty that makes
(empty: none was there), and how much of the GPUs the trainings used (empty: not known).
dose.json says what was asked for, since when (`clock`: both clocks then) and until when (null: it
was killed, or it runs), with which seed its periods were drawn, and why the use is not known. A
controller that is started again in the same folder goes on in dose.csv.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.background.dose.feedback import LEAST_DUTY
from tandem.measure.rows import number, rows_between

CSV, JSON = "dose.csv", "dose.json"
COLUMNS = ("boottime_s", "span_s", "present_s", "stopped_s", "duty", "sm_percent")

_MISSING_S = 0.1  # of a window, that no row need be about
_UNKNOWN_S = 0.5  # of a window, in which the use need not be known: the last row may be short
_OFF_PERCENT = 1.0  # so far from the target is not off it


class Rows:
    """dose.csv, appended to."""

    def __init__(self, path: str) -> None:
        """Open the file, with its header if it is new; OSError if that cannot be."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC
        self.path, self.file = path, os.open(path, flags, 0o666)
        size = os.fstat(self.file).st_size
        if size == 0:
            self.append(",".join(COLUMNS) + "\n")
        elif os.pread(self.file, 1, size - 1) != b"\n":
            self.append("\n")  # whoever wrote here was killed

    def append(self, line: str) -> None:
        """Write a line; OSError if the disk is full: the torn line is then no row."""
        data = line.encode()
        try:
            while data:
                data = data[os.write(self.file, data) :]
        except OSError as error:
            error.filename = self.path
            raise


def row_line(
    at_s: float, span_s: float, present_s: float, stopped_s: float, percent: float | None
) -> str:
    """Return a row; all in seconds but for the use in percent."""
    duty = 1 - stopped_s / present_s if present_s > 0 else None
    times = f"{at_s:.4f},{span_s:.4f},{min(present_s, span_s):.4f},{stopped_s:.4f}"
    return f"{times},{number(duty, 4)},{number(percent, 1)}\n"


@dataclass
class _Sums:
    """What the rows say of a window; seconds."""

    covered_s: float = 0.0
    present_s: float = 0.0
    stopped_s: float = 0.0
    known_s: float = 0.0
    percent_s: float = 0.0


def dose_facts(
    folder: Path, mode: str, target: float, from_s: float, to_s: float
) -> dict[str, Any]:
    """Return what a controller did in a window, in seconds on CLOCK_BOOTTIME.

    `duty_mean` is the share of the time with a training in which it ran, 0 to 1, `sm_avg_percent`
    the use of the GPUs by the background's processes. None, with `reason`: not known. `reason` also
    says why a target was not reached.
    """
    try:
        report = json.loads((folder / JSON).read_text())
    except (OSError, ValueError):
        report = {}
    unknown_reason = report.get("reason")
    sums = _sums(folder / CSV, from_s, to_s)
    facts: dict[str, Any] = {"mode": mode, "target": target, "seed": report.get("seed")}
    facts |= dict.fromkeys(("duty_mean", "stopped_seconds", "sm_avg_percent"))
    missing_s = to_s - from_s - sums.covered_s
    if missing_s > _MISSING_S:
        return facts | {"reason": f"the controller did not run in {missing_s:.1f} s of the window"}
    facts["stopped_seconds"] = round(sums.stopped_s, 3)
    if sums.present_s == 0:
        return facts | {"reason": "no training was there to be dosed"}
    facts["duty_mean"] = round(1 - sums.stopped_s / sums.present_s, 4)
    unknown_s = sums.covered_s - sums.known_s
    if unknown_s > _UNKNOWN_S or not sums.known_s:
        why = unknown_reason or f"it is not known for {unknown_s:.1f} s of the window"
        return facts | {"reason": f"utilisation: {why}"}
    facts["sm_avg_percent"] = round(sums.percent_s / sums.known_s, 2)
    return facts | {"reason": _why_off(facts)}


def _sums(path: Path, from_s: float, to_s: float) -> _Sums:
    """Add up the rows, each by the share of it that lies in the window."""
    sums = _Sums()
    for row in rows_between(path, from_s, to_s):
        cells = {name: cell for name, cell in row.items() if isinstance(cell, float)}
        end_s, span_s = cells["boottime_s"], cells.get("span_s", 0.0)
        inside_s = min(end_s, to_s) - max(end_s - span_s, from_s)
        if inside_s <= 0:
            continue
        sums.covered_s += inside_s
        sums.present_s += cells["present_s"] * inside_s / span_s
        sums.stopped_s += cells["stopped_s"] * inside_s / span_s
        if "sm_percent" in cells:
            sums.known_s += inside_s
            sums.percent_s += cells["sm_percent"] * inside_s
    return sums


def _why_off(facts: dict[str, Any]) -> str | None:
    if facts["mode"] != "target":
        return None
    off_percent, duty = facts["sm_avg_percent"] - facts["target"], facts["duty_mean"]
    if off_percent < -_OFF_PERCENT and duty > 0.99:
        return "it uses less than the target although it was never stopped"
    if off_percent > _OFF_PERCENT and duty < LEAST_DUTY + 0.01:
        share = f"{100 * LEAST_DUTY:g} %"
        return f"it uses more than the target although it ran for {share} of the time only"
    return None
