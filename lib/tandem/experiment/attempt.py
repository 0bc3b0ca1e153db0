"""The foreground of one experiment: one measured attempt."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tandem.base.clock import boottime_s
from tandem.base.paths import FGRUN
from tandem.measure.powermon import Monitor
from tandem.plan.model import Experiment
from tandem.processes.reports import read_report, stop_of
from tandem.processes.scripts import Script, end_script, start
from tandem.processes.watch import Watch


@dataclass
class Attempt:
    """One try at the foreground; `folder` gets its log and its keeper's report.

    `report` is None while it runs, and for ever if its keeper was killed.
    """

    experiment: Experiment
    number: int
    folder: Path
    launched_s: float = 0.0
    script: Script | None = None
    report: dict[str, Any] | None = None

    @property
    def log(self) -> Path:
        return self.folder / "training.log"

    def start(self, script_file: Path, environment: Mapping[str, str], monitor: Monitor) -> None:
        self.folder.mkdir(parents=True)
        self.launched_s = boottime_s()
        arguments = ["--quiet", "--out", str(self.folder), str(script_file)]
        log = self.folder / "fgrun.log"
        self.script = start(FGRUN, arguments, log, environment, monitor.pidfd)
        monitor.belongs("foreground", self.script)

    def wait(self, watch: Watch, loads: Sequence[Script], tick: Callable[[], None]) -> None:
        """Wait for the end; a load's early end is noticed, and does not end the foreground."""
        assert self.script is not None
        while not self.script.ended():
            tick()
            beside = [load for load in loads if not load.ended()]
            watch.wait([self.script, *beside], time.monotonic() + 1.0)

    def stop(self) -> None:
        """End it if it has not ended, and keep its keeper's report."""
        if self.script:
            end_script(self.script, self.experiment.limits.grace_s)
            self.script = None
            self.report = read_report(self.folder, since_s=self.launched_s)

    @property
    def window_s(self) -> tuple[float, float] | None:
        """Start and end of the training on CLOCK_BOOTTIME; None if one of them is not known."""
        if self.report is None or not self.report["started"] or not self.report["ended"]:
            return None
        return self.report["started"]["boottime_s"], self.report["ended"]["boottime_s"]

    @property
    def succeeded(self) -> bool:
        """Success is exit code 0, reached by itself."""
        return (
            self.report is not None
            and self.report["reason"] == "ended"
            and self.report["exit_code"] == 0
        )

    def error(self) -> str | None:
        """Return in one phrase what went wrong, None if nothing did."""
        if self.report is None:
            return "no report from its keeper, which was killed or found the disk full"
        if self.report["error"]:
            return f"could not be started: {self.report['error']}"
        if self.report["reason"] == "timeout":
            return f"timeout after {self.experiment.limits.timeout_s:g} s"
        if self.report["reason"] != "ended":
            return f"stopped ({self.report['reason']})"
        if self.report["signal"]:
            return f"ended by signal {self.report['signal']}"
        if self.report["exit_code"]:
            return f"exit code {self.report['exit_code']}"
        return None

    def facts(self, run_folder: Path, coverage: float | None) -> dict[str, Any]:
        """Return the attempt for the record; durations in seconds, memory in bytes."""
        report = self.report or {}
        started, ended = report.get("started") or {}, report.get("ended") or {}
        has_cpu = "cpu_user_s" in report
        return {
            "number": self.number,
            "exit_code": report.get("exit_code"),
            "signal": report.get("signal"),
            "reason": report.get("reason", "no report"),
            "error_message": self.error(),
            "started": started.get("utc"),
            "ended": ended.get("utc"),
            "duration_seconds": report.get("duration_s"),
            "cpu_user_seconds": report.get("cpu_user_s"),
            "cpu_system_seconds": report.get("cpu_system_s"),
            "cpu_seconds": report["cpu_user_s"] + report["cpu_system_s"] if has_cpu else None,
            "peak_memory_bytes": report.get("peak_memory_bytes"),
            "coverage": coverage,
            "log": os.path.relpath(self.log, run_folder),
            "stop": stop_of(report) if report else None,
        }
