"""An nvidia-smi-a-second loop written the usual way, to set beside bin/powermon."""

from __future__ import annotations

import os
import signal
import statistics
import subprocess
import threading
from collections.abc import Mapping
from itertools import pairwise

from speed import boottime_s

LOOP = """
while true; do
  nvidia-smi --query-gpu=power.draw --format=csv,noheader,nounits
  sleep 1
done
"""
MEANT_S = 1.0


class SmiLoop:
    """The loop while it runs: when it told how many watts, and how long its lines are."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it; PATH of `environment` says which nvidia-smi is asked."""
        self.samples: list[tuple[float, float]] = []  # boottime_s, watts
        self.line_bytes: list[int] = []
        self.cpu_share = 0.0  # CPU seconds a second of all that it started, known at its end
        self.begin_s = boottime_s()
        self.process = subprocess.Popen(
            ["bash", "-c", LOOP],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.samples.append((boottime_s(), float(line)))
            self.line_bytes.append(len(line))

    def stop(self) -> None:
        """End it, unless it has ended."""
        if self.process.returncode is not None:
            return
        os.killpg(self.process.pid, signal.SIGTERM)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = os.waitstatus_to_exitcode(status)
        self.cpu_share = (usage.ru_utime + usage.ru_stime) / (boottime_s() - self.begin_s)
        self.reader.join()

    def energy_j(self, from_s: float, to_s: float) -> float:
        """Return the usual sum: each sample of the window counts for one second."""
        return MEANT_S * sum(watts for at_s, watts in self.samples if from_s <= at_s < to_s)

    def period_s(self, from_s: float, to_s: float) -> float:
        """Return the mean time from sample to sample in a window."""
        times_s = [at_s for at_s, _ in self.samples if from_s <= at_s < to_s]
        return statistics.mean(after_s - before_s for before_s, after_s in pairwise(times_s))
