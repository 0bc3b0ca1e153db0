"""What a run is given on the command line, beside its plan."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from tandem.machine.gpu_locks import CPUS
from tandem.machine.gpus import Sensors
from tandem.machine.sharing import Sharing


@dataclass(frozen=True)
class Options:
    """What a run was told beside its plan.

    `results` is where new runs are made, `cpufreq` where the CPUs' governors are. `wait_lock_s` is
    how long to wait for locks; `until_s`, in seconds of UTC, is when all is to have ended. With
    `rerun_invalid` the groups run again in which something is not valid.
    `stop_after_invalid` is how many experiments in a row, not valid for the same reason, end a run.
    `with_report`: at its end the run makes its report. In a job `sharing` says whether others may
    be on the machine, and `kill_wait_s` how long after a TERM everything is killed; `cpus_lock` is
    the name of the lock that runs without any GPU share.
    """

    results: Path
    use_namespace: bool
    sensors: Sensors
    cpufreq: Path
    wait_lock_s: float
    until_s: float | None
    rerun_invalid: bool = False
    stop_after_invalid: int | None = None
    with_report: bool = True
    sharing: Sharing = field(default_factory=Sharing)
    kill_wait_s: float | None = None
    cpus_lock: str = CPUS

    def left_s(self) -> float:
        """Return for how long there is time."""
        return float("inf") if self.until_s is None else self.until_s - time.time()
