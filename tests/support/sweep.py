"""A sweep of short experiments that is killed again and again, and resumed each time."""

from __future__ import annotations

import csv
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tandem.processes.tree import send

from support import ROOT
from support.stage import DEADLINE_S, Stage, wait_for

FRONT = "echo Test Accuracy: 50; exec sleep 0.8"
BACK = "echo at work; exec sleep 1000"
# What a kill hits: the driver alone, as the kernel does when memory is short; everything at once,
# nearly as when the power fails; or a person's Ctrl-C.
KINDS = ("driver", "everything", "interrupt")


@dataclass
class Sweep:
    """`count` parallel experiments on a stage; `finished` are records, which must never change."""

    stage: Stage
    count: int
    random: Random
    finished: dict[str, bytes] = field(default_factory=dict)
    kills: Counter[str] = field(default_factory=Counter)

    def build(self, front: str = FRONT, **settings: Any) -> None:
        self.stage.build(front, BACK, warmup_seconds=0.05, runs_per_config=self.count, **settings)

    def command(self) -> list[str]:
        """Return how the sweep goes on: with its run, once there is one."""
        plans = sorted(self.stage.folder.glob("results/run_*/plan.json"))
        if not plans:
            return self.stage.command()
        return [sys.executable, str(ROOT / "driver.py"), "run", "--resume", str(plans[0].parent)]

    def run_and_kill(self, longest_s: float) -> bool:
        """Run on, and kill at a random instant; False if the sweep was complete before."""
        driver = self.stage.start(self.command(), start_new_session=True)
        try:
            driver.communicate(timeout=self.random.uniform(0.0, longest_s))
            return False
        except subprocess.TimeoutExpired:
            pass
        kind = self.random.choice(KINDS)
        self.kills[kind] += 1
        if kind == "interrupt":
            driver.send_signal(signal.SIGINT)
        else:
            for pid in [driver.pid, *(self.stage.everything() if kind == "everything" else [])]:
                send(pid, signal.SIGKILL)
        driver.communicate()
        self.note_finished()
        return True

    def note_finished(self) -> None:
        """Keep what is finished; AssertionError: something that was finished has changed."""
        for name in self.ended():
            record = (self.folder / name / "experiment.json").read_bytes()
            assert self.finished.setdefault(name, record) == record, f"{name} has run again"

    def run_to_end(self) -> str:
        """Run what is left, and return what the driver says."""
        driver = self.stage.start(self.command())
        output, _ = driver.communicate(timeout=DEADLINE_S + 5 * self.count)
        assert driver.returncode == 0, output
        self.note_finished()
        return str(output)

    @property
    def folder(self) -> Path:
        return next(self.stage.folder.glob("results/run_*/plan.json")).parent

    def ended(self) -> list[str]:
        journals = list(self.stage.folder.glob("results/run_*/journal.jsonl"))
        whole = [line for path in journals for line in path.read_bytes().splitlines(True)]
        events = [json.loads(line) for line in whole if line.endswith(b"\n")]
        return [event["experiment"] for event in events if event["event"] == "ended"]

    def sum(self) -> dict[str, int]:
        """Return what there is in the end, from the files and from /proc.

        AssertionError: something that was finished has been set aside.
        """
        for path in self.folder.glob("cut_off/*/experiment.json"):
            assert json.loads(path.read_text())["status"] == "interrupted", path
        records = [json.loads(path.read_text()) for path in self.folder.glob("*/experiment.json")]
        with open(self.folder / "summary.csv", newline="") as file:
            rows = [row["experiment_id"] for row in csv.DictReader(file)]
        wait_for("all have ended", lambda: not self.stage.everything())
        return {
            "experiments": self.count,
            "records": len([record for record in records if record["status"] == "finished"]),
            "valid": len([record for record in records if record["valid"]]),
            "rows": len(rows),
            "different rows": len(set(rows)),
            "lines 'ended'": len(self.ended()),
            "cut off and kept": len(list(self.folder.glob("cut_off/*"))),
            "processes": len(self.stage.everything()),
        }


def until_killed(sweep: Sweep, times: int, longest_s: float) -> float:
    """Kill so often, then run to the end; return the seconds that all of it took."""
    begin_s = time.monotonic()
    while sum(sweep.kills.values()) < times and sweep.run_and_kill(longest_s):
        pass
    sweep.run_to_end()
    return time.monotonic() - begin_s
