"""A process that holds a bare CUDA context on the foreground's GPUs while they are measured."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path

from tandem.base.files import last_lines
from tandem.base.paths import ROOT
from tandem.base.variables import VISIBLE
from tandem.measure.powermon import Powermon
from tandem.plan.model import Training
from tandem.processes.scripts import Script, end_script, last_words, start
from tandem.processes.watch import Watch

NAME = "idle_context"
LOG = f"{NAME}.log"
READY = "hold_context: ready"  # what lib/hold_context.py says
READY_S, GRACE_S = 60.0, 5.0  # CUDA needs seconds where many boards have to wake up
ORDER = "CUDA_DEVICE_ORDER"


class BareContext:
    """lib/hold_context.py under a keeper; `problem` says why there is no context."""

    def __init__(
        self, folder: Path, foreground: Training, environment: Mapping[str, str], monitor: Powermon
    ) -> None:
        """Start it; it sees the GPUs that the foreground will see."""
        self.log, self.problem = folder / LOG, ""
        chosen = foreground.environment
        own = {name: chosen[name] for name in (VISIBLE, ORDER) if name in chosen}
        python = [sys.executable, "-X", "utf8", "-S", "-E"]
        keeper = [*python[1:], str(ROOT / "lib" / "keep.py"), "--name", NAME, "--grace", "2", "--"]
        command = [*keeper, *python, str(ROOT / "lib" / "hold_context.py")]
        self.script: Script | None = start(
            Path(sys.executable), command, self.log, {**environment, **own}
        )
        monitor.belongs("context", self.script)

    def is_ready(self) -> bool:
        return any(line.startswith(READY) for line in last_lines(self.log, 5))

    def wait_ready(self, watch: Watch) -> bool:
        """Return whether the context is there; False: it cannot be, and `problem` says why."""
        assert self.script
        watch.wait([self.script], time.monotonic() + READY_S, self.is_ready, period_s=0.02)
        if self.script.ended() or not self.is_ready():
            self.stop("it ended" if self.script.ended() else f"not ready within {READY_S:g} s")
        return not self.problem

    def check(self) -> bool:
        """Return whether it still holds the context; False: `problem` says what happened."""
        if self.script and self.script.ended():
            self.stop("it ended within the window")
        return not self.problem

    def stop(self, problem: str = "") -> None:
        """End it, if it has not been ended; a `problem` is why."""
        if self.script:
            status = end_script(self.script, GRACE_S)
            self.script = None
            if problem:
                self.problem = f"{problem}: {last_words(status, self.log)}"
