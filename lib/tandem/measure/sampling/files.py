"""The monitor's files: CSV that only grows by whole lines, monitor.json, warnings on stderr."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tandem.base.clock import boottime_s, now
from tandem.base.files import write_whole

NAME = "powermon"


class Csv:
    """A CSV file that others read while it grows."""

    def __init__(self, path: str, columns: Sequence[str]) -> None:
        """Create the file with its header; OSError if it is there or cannot be."""
        self.path = path
        self.columns = columns
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self.file = os.open(path, flags, 0o666)
        self.size = 0
        self.append(",".join(columns) + "\n")

    def put(self, cells: Mapping[str, str]) -> None:
        """Append a row of numbers; what is not among the cells stays empty."""
        self.append(",".join([cells.get(column, "") for column in self.columns]) + "\n")

    def put_text(self, cells: Mapping[str, str]) -> None:
        """Append a row whose cells may hold commas, quotes and line ends."""
        line = io.StringIO()
        csv.DictWriter(line, self.columns, lineterminator="\n").writerow(cells)
        self.append(line.getvalue())

    def append(self, line: str) -> None:
        """Write a line whole, or not at all and raise OSError (the disk is full)."""
        data = line.encode("utf-8", "replace")
        try:
            written = os.write(self.file, data)
            while written < len(data):
                written += os.write(self.file, data[written:])
        except OSError as error:
            os.ftruncate(self.file, self.size)
            error.filename = self.path
            raise
        self.size += len(data)


class Report:
    """monitor.json: what is measured, what is not and why. Written again when it has changed.

    `clock` has both clocks at the start. All other stamps, here and in the rows, are on
    CLOCK_BOOTTIME: with this pair they are shown in UTC.
    """

    def __init__(self, folder: str) -> None:
        self.path = os.path.join(folder, "monitor.json")
        self.clock = now()
        self.end_boottime_s: float | None = None
        self.warnings: list[dict[str, Any]] = []
        self.has_changed = True

    def warn(self, sensor: str, message: str, hint: str = "") -> None:
        """Note a warning, once a sensor and message, and say it on stderr."""
        known = {(each["sensor"], each["message"]) for each in self.warnings}
        if (sensor, message) in known:
            return
        warning = {"sensor": sensor, "message": message, "hint": hint}
        self.warnings.append({"boottime_s": round(boottime_s(), 6), **warning})
        self.has_changed = True
        say("warning", f"{sensor}: {message}" + (f" ({hint})" if hint else ""))

    def end(self) -> None:
        self.end_boottime_s = round(boottime_s(), 6)
        self.has_changed = True

    def write(self, facts: Mapping[str, Any]) -> None:
        """Write the facts with times and warnings; OSError if that cannot be (the disk is full)."""
        self.has_changed = False
        whole = {"version": 2, "pid": os.getpid(), "clock": self.clock.readings()}
        whole |= {"end_boottime_s": self.end_boottime_s, **facts, "warnings": self.warnings}
        write_whole(self.path, (json.dumps(whole, indent=1) + "\n").encode())


def say(level: str, text: str) -> None:
    try:
        print(f"{NAME}: {level}: {text}", file=sys.stderr, flush=True)
    except OSError:
        pass  # nobody listens any more; the files hold it too
