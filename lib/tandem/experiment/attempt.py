"""The foreground of one experiment: one measured attempt, and what its files say of it."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from tandem.base.clock import Moment
from tandem.base.files import make_link, rename, temporary_name
from tandem.base.paths import FGRUN
from tandem.log.follow import LOOK_S, read_times
from tandem.measure.powermon import Powermon
from tandem.plan.model import Experiment
from tandem.processes.control import STOP_SIGNALS
from tandem.processes.reports import read_report, stop_of
from tandem.processes.scripts import Script, end_script, start
from tandem.processes.watch import Watch
from tandem.results.record import Attempt as AttemptFacts
from tandem.results.record_process import Stop

_ENDING = {*STOP_SIGNALS, signal.SIGUSR1, signal.SIGKILL}
_MEANINGS = {126: "(a program cannot be run)", 127: "(a program is not found)"}  # a shell's codes


def attempt_folder(number: int) -> str:
    """Return where an attempt's files lie, below the experiment's folder."""
    return f"attempts/{number}"


@dataclass
class Attempt:
    """One try at the foreground; `folder` gets its log and its keeper's report."""

    experiment: Experiment
    number: int
    folder: Path
    script: Script | None = None

    @property
    def log(self) -> Path:
        return self.folder / "training.log"

    def start(self, script_file: Path, environment: Mapping[str, str], monitor: Powermon) -> None:
        self.folder.mkdir(parents=True)
        arguments = ["--quiet", "--out", str(self.folder), str(script_file)]
        log = self.folder / "fgrun.log"
        self.script = start(FGRUN, arguments, log, environment, monitor.pidfd)
        monitor.belongs("foreground", self.script)

    def wait(
        self,
        watch: Watch,
        loops: Sequence[Script],
        tick: Callable[[], None],
        look: Callable[[], bool],
    ) -> None:
        """Wait for the end; a loop's early end is noticed, and does not end the foreground.

        `tick` is called once a second, and `look`, which returns False, every LOOK_S.
        """
        assert self.script is not None
        while not self.script.ended():
            tick()
            beside = [loop for loop in loops if not loop.ended()]
            watch.wait([self.script, *beside], time.monotonic() + 1.0, look, LOOK_S)
        watch.check()

    def stop(self) -> None:
        """End it if it has not ended."""
        if self.script:
            end_script(self.script, self.experiment.limits.grace_s)
            self.script = None

    def tried(self) -> Tried:
        """Return what came of it, once it has been stopped."""
        return read_tried(self.folder, self.number, self.experiment.limits.timeout_s)


@dataclass(frozen=True)
class Tried:
    """What came of an attempt; `report` is its keeper's, None if that was killed.

    `epoch_first` is the lowest epoch that was seen in its log; None: nobody saw one.
    """

    number: int
    timeout_s: float | None
    report: Mapping[str, Any] | None
    epoch_first: int | None = None

    @property
    def window_s(self) -> tuple[float, float] | None:
        """Start and end of the training on CLOCK_BOOTTIME; None if one of them is not known."""
        if self.report is None or None in (self.report["started_s"], self.report["ended_s"]):
            return None
        return self.report["started_s"], self.report["ended_s"]

    @property
    def succeeded(self) -> bool:
        """Success is exit code 0, reached by itself."""
        return (
            self.report is not None
            and self.report["reason"] == "ended"
            and self.report["exit_code"] == 0
        )

    @property
    def was_ended(self) -> bool:
        """Whether somebody seems to have ended it from outside: itself, or its keeper."""
        if self.report is None or self.report["reason"].startswith("signal"):
            return True
        code = self.report["exit_code"] or 0
        return (self.report["signal"] or code - 128) in _ENDING

    @property
    def cannot_be_run(self) -> bool:
        """Whether its program, or one that it needs, is not there: another try cannot help."""
        return bool(self.report and self.report["exit_code"] in _MEANINGS)

    def error(self) -> str | None:
        """Return in one phrase what went wrong, None if nothing did."""
        if self.report is None:
            return "no report from its keeper, which was killed or found the disk full"
        if self.report["error"]:
            return f"could not be started: {self.report['error']}"
        if self.report["reason"] == "timeout":
            return f"timeout after {self.timeout_s:g} s"
        if self.report["reason"] != "ended":
            return f"stopped ({self.report['reason']})"
        if self.report["signal"]:
            return f"ended by signal {self.report['signal']}"
        if code := self.report["exit_code"]:
            return " ".join(["exit code", str(code), *filter(None, [_MEANINGS.get(code)])])
        return None

    def facts(self, coverage: float | None, helpers: Collection[str] = ()) -> AttemptFacts:
        """Return the attempt for the record; durations in seconds, memory in bytes.

        `helpers` are the names of programs that may go on when the training has ended.
        """
        report = self.report or {}
        clock = Moment(**report["clock"]) if report else None

        def utc(name: str) -> str | None:
            return clock.iso_at(report[name]) if clock and report[name] is not None else None

        has_cpu = "cpu_user_s" in report
        return {
            "number": self.number,
            "exit_code": report.get("exit_code"),
            "signal": report.get("signal"),
            "reason": report.get("reason", "no report"),
            "error_message": self.error(),
            "started": utc("started_s"),
            "ended": utc("ended_s"),
            "start_boottime_s": report.get("started_s"),
            "end_boottime_s": report.get("ended_s"),
            "start_took_seconds": report.get("start_took_s"),
            "suspended_seconds": report.get("suspended_s"),
            "pauses": report.get("pauses"),
            "paused_seconds": report.get("paused_s"),
            "duration_seconds": report.get("duration_s"),
            "cpu_user_seconds": report.get("cpu_user_s"),
            "cpu_system_seconds": report.get("cpu_system_s"),
            "cpu_seconds": report["cpu_user_s"] + report["cpu_system_s"] if has_cpu else None,
            "peak_memory_bytes": report.get("peak_memory_bytes"),
            "coverage": coverage,
            "epoch_first": self.epoch_first,
            "log": f"{attempt_folder(self.number)}/training.log",
            "stop": cast(Stop, stop_of(report, helpers)) if report else None,
        }


def read_tried(folder: Path, number: int, timeout_s: float | None) -> Tried:
    """Return what the files in an attempt's folder say."""
    first = min((epoch for _, epoch in read_times(folder)), default=None)
    return Tried(number, timeout_s, read_report(folder), first)


def point_to(link: Path, target: Path) -> None:
    """Make `training.log` lead to the latest attempt's."""
    temporary = temporary_name(str(link))
    make_link(os.path.relpath(target, link.parent), temporary)
    rename(temporary, str(link))
