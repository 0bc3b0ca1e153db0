"""bin/powermon beside one experiment: started, given the roots of both trees, asked for rows."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from tandem.base.clock import boottime_s
from tandem.base.paths import POWERMON, PROC
from tandem.base.variables import COOKIE
from tandem.processes.cookie import cookie
from tandem.processes.proc import stat
from tandem.processes.scripts import Script, end_script, last_words, start
from tandem.processes.watch import Watch

READY_TIMEOUT_S = 15.0  # NVML needs seconds where no driver process keeps the GPUs awake
STOP_GRACE_S = 5.0


@dataclass
class Powermon:
    """The monitor beside an experiment; `folder` gets its files, RAPL is in `powercap`.

    `proc` is where the machine's CPU time is, `counters` is "gpm" where these are to be read.

    What goes wrong with it costs its figures, never the experiment: `problem` says what.
    """

    folder: Path
    powercap: Path
    proc: Path = PROC
    counters: str | None = None
    script: Script | None = None
    problem: str | None = None

    def start(self) -> None:
        self.folder.mkdir()
        (self.folder / "trees.tsv").touch()  # so far nothing is anybody's: zero, not unknown
        # Not the experiment's cookie: whoever has that is ended before the last idle window.
        mark = f"{cookie(os.getpid())}/monitor"
        environment = {**os.environ, COOKIE: mark, "TANDEM_PYTHON": sys.executable}
        arguments = ["--out", str(self.folder), "--run", str(os.getpid())]
        arguments += ["--powercap", str(self.powercap), "--proc", str(self.proc)]
        arguments += ["--counters", self.counters] if self.counters else []
        self.script = start(POWERMON, arguments, self.folder / "powermon.log", environment)

    def wait_ready(self, watch: Watch) -> None:
        """Return when it samples, or when it cannot and `problem` says why."""
        if self.script is None or self.is_ready():
            return
        give_up_s = time.monotonic() + READY_TIMEOUT_S
        watch.wait([self.script], give_up_s, self.is_ready, period_s=0.01)
        if not self.is_ready():
            self.problem = "the monitor did not start"
            self.stop()

    def is_ready(self) -> bool:
        return (self.folder / "monitor.json").exists()

    @property
    def pidfd(self) -> int | None:
        return self.script.pidfd if self.script else None

    @property
    def pids(self) -> list[int]:
        return [self.script.pid] if self.script else []

    def belongs(self, role: str, script: Script) -> None:
        """Note that a script's process and all below it are "foreground" or "background"."""
        fields, trees = stat(script.pid), self.folder / "trees.tsv"
        if not fields:
            return
        try:
            with open(trees, "a") as file:
                file.write(f"{role}\t{script.pid}\t{fields[19]}\n")
        except OSError as error:  # which may be on another disk than the rest
            error.filename = str(trees)
            raise

    def mark(self) -> float:
        """Have a row written now, for the edge of a window; return the moment (CLOCK_BOOTTIME)."""
        if self.script:
            self.script.signal(signal.SIGUSR1)
        return boottime_s()

    def stop(self) -> None:
        """End it; its last row lies after everything that was to be measured."""
        if self.script is None:
            return
        if self.script.ended():
            self.problem = self.problem or "the monitor ended before the experiment"
        status = end_script(self.script, STOP_GRACE_S)
        self.script = None
        if status == -signal.SIGKILL:
            self.problem = self.problem or "the monitor did not answer at the end"
        if self.problem:
            self.problem += f": {last_words(status, self.folder / 'powermon.log')}"
