"""The controller that doses one background: started, watched, asked what it did."""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tandem.background.dose.files import JSON
from tandem.base.paths import DOSE
from tandem.base.variables import COOKIE
from tandem.config.options import Dose
from tandem.processes.cookie import cookie
from tandem.processes.scripts import Script, last_words, start
from tandem.processes.tree import continue_tree

STOP_GRACE_S = 1.0  # for all of them: the loads work on meanwhile


def mode_of(dose: Dose) -> tuple[str, float] | None:
    """Return the mode and the target of the controller that a dose asks for; None: it asks none."""
    if dose.target_sm_percent is not None:
        return "target", dose.target_sm_percent
    if dose.intensity is not None and dose.intensity < 1:
        return "intensity", dose.intensity
    return None


@dataclass
class Dosing:
    """bin/dose beside one background; `folder` gets its files.

    `mode` is "intensity" with a `target` of 0.05 to 1, or "target" with one in percent. The
    `environment` is the background's own, whose CUDA_VISIBLE_DEVICES says which GPUs count.
    `problem` says what went wrong since the latest start: then the load was not dosed all the time.
    """

    folder: Path
    mode: str
    target: float
    environment: Mapping[str, str]
    script: Script | None = None
    keeper_pid: int = 0
    keeper_pidfd: int = -1  # our own: the load may be ended before it
    problem: str | None = None
    status: int = 0  # of the last one that ended, -N: by signal N

    def start(self, keeper: Script) -> None:
        """Begin to dose what is below a background's keeper; may be called again after stop()."""
        self.folder.mkdir(exist_ok=True)
        (self.folder / JSON).unlink(missing_ok=True)
        self.problem = None
        # Not the experiment's cookie: whoever has that is a part of the load to those who look.
        mark = f"{cookie(os.getpid())}/dose"
        environment = {**self.environment, COOKIE: mark, "TANDEM_PYTHON": sys.executable}
        arguments = [f"--{self.mode}", f"{self.target:.17g}", "--keeper", str(keeper.pid)]
        arguments += ["--out", str(self.folder)]
        self.script = start(DOSE, arguments, self.folder / "dose.log", environment)
        self.keeper_pid, self.keeper_pidfd = keeper.pid, os.dup(keeper.pidfd)

    def has_begun(self) -> bool:
        """Whether it doses since the latest start, or did."""
        return (self.folder / JSON).exists()

    def check(self) -> bool:
        """Whether it runs; where it ended before the load, its trainings are continued."""
        if self.script is None:
            return False
        if not self.script.ended():
            return True
        has_load_ended = self.load_has_ended()
        self.end()
        if not has_load_ended:
            self.problem = self.problem or f"the controller of the dose ended early: {self.why}"
        return False

    def load_has_ended(self) -> bool:
        return bool(select.select([self.keeper_pidfd], [], [], 0)[0])

    def end(self) -> None:
        """Kill it, if it has not ended; its trainings go on."""
        assert self.script
        self.script.signal(signal.SIGKILL)
        self.status = self.script.close()
        if not self.load_has_ended():
            continue_tree(self.keeper_pid)
        os.close(self.keeper_pidfd)
        self.script = None

    @property
    def why(self) -> str:
        return last_words(self.status, self.folder / "dose.log")


def stop_all(each: Sequence[Dosing]) -> None:
    """End controllers together; their trainings go on. To be called before the loads are told to.

    One that hangs is killed: it is no keeper, and nobody is left behind by that.
    """
    running = [(dosing, dosing.script) for dosing in each if dosing.check() and dosing.script]
    for _, script in running:
        script.signal(signal.SIGTERM)
    until_s = time.monotonic() + STOP_GRACE_S
    for _, script in running:
        select.select([script.pidfd], [], [], max(0.0, until_s - time.monotonic()))
    for dosing, _ in running:
        dosing.end()
        if dosing.status not in (0, -signal.SIGTERM):  # TERM: before it had begun
            dosing.problem = f"the controller of the dose did not end well: {dosing.why}"
