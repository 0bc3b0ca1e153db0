"""A run that several workers drain: on two hosts with three simulated boards each.

    fleet = Fleet(stage, library, hosts=2, boards=3)
    fleet.build(repeats=15)          # 30 groups of two experiments
    fleet.start()                    # a worker on every board
    while not fleet.is_whole():
        fleet.tend()                 # whoever was killed is started again, as Slurm would do

The hosts are this machine under other names (where root may give it some), with locks and boards of
their own, so that none sees the other's processes as its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from simgpu import SimGpu
from tandem.plan.tries import newest_try
from tandem.processes.proc import stat
from tandem.results.record_file import ended_record
from tandem.results.standing import standing_plan
from tandem.work.claims import CLAIMS

from support.planned_run import planned_run, worker_command
from support.stage import DEADLINE_S, Stage, processes, training_line, wait_for

EXPIRES_S = 4.0
RESTART_S = 1.0
SECONDS = {"flag": "--work-seconds", "type": "float", "default": 1.0, "range": [0.1, 60.0]}
HOST = 'hostname "$1" && shift && exec "$@"'


@dataclass
class Place:
    """A board, and the worker that is on it now."""

    host: str
    uuid: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    ended_s: float = 0.0
    codes: list[int] = field(default_factory=list)  # of the workers that have ended here


class Fleet:
    """Workers on a run's folder; `shared` is what all hosts see, `run` is the run in it."""

    def __init__(self, stage: Stage, library: Path, hosts: int = 2, boards: int = 3) -> None:
        self.stage, self.shared = stage, stage.folder / "shared"
        self.run, self.log = Path(), stage.folder / "workers.log"
        self.places: list[Place] = []
        for number in range(1, hosts + 1):
            name = f"node{number}"
            locks = stage.folder / name
            locks.mkdir()
            gpu = SimGpu(locks / "gpu.state", library, devices=boards)
            for board in range(boards):
                uuid = f"GPU-{number:08}-{board:04}-4000-8000-000000000000"
                gpu.set(board, uuid=uuid, c_per_w=0.0)  # no cool-down
                more = {"TANDEM_LOCKS": str(locks), "CUDA_VISIBLE_DEVICES": uuid}
                self.places.append(Place(name, uuid, gpu.environment(os.environ) | more))
            self.gpu = gpu

    def build(self, repeats: int, values: tuple[float, ...] = (1.0, 2.0), **more: Any) -> None:
        """Plan so many repeats of trainings of so many seconds, each alone and beside another."""
        front = training_line(self.gpu.command(watts=10))
        self.stage.build(f'{front} "$@"', training_line(self.gpu.command(seconds=1000, watts=5)))
        registry = json.loads((self.stage.folder / "registry.json").read_text())
        registry["models"]["front"]["supported_hyperparams"] = {"seconds": SECONDS}
        names = {"model": "default"}
        seconds = {"hyperparameters": {"seconds": {"values": list(values)}}}
        entry = {"foreground": {"repo": "front", **names, **seconds}}
        design = {"factors": {"background": [None, {"repo": "back", **names}]}} | more
        limits = {"max_retries": 0, "warmup_seconds": 0.1, "repeats": repeats}
        settings = {"settings_version": 2, **limits, **design, "experiments": [entry]}
        (self.stage.folder / "registry.json").write_text(json.dumps(registry))
        (self.stage.folder / "settings.json").write_text(json.dumps(settings))
        self.run = planned_run(self.stage, self.shared / "results", seed=1)

    # -- workers -----------------------------------------------------------------------------

    def command(self, place: Place) -> list[str]:
        host = ["unshare", "--uts", "--", "sh", "-c", HOST, "sh", place.host]
        expires = "--claim-expires", f"{EXPIRES_S:g}"
        worker = worker_command(self.stage, self.run, *expires)
        return [*(host if may_name_hosts() else []), *worker]

    def start(self) -> None:
        for place in self.places:
            self.start_at(place)

    def start_at(self, place: Place) -> None:
        with open(self.log, "ab") as log:
            place.process = subprocess.Popen(
                self.command(place),
                env=place.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def tend(self) -> None:
        """Note who has ended; start a worker again where none is, while something is missing."""
        for place in self.places:
            if place.process and (code := place.process.poll()) is not None:
                place.codes.append(code)
                place.process, place.ended_s = None, time.monotonic()
            is_due = not place.process and time.monotonic() > place.ended_s + RESTART_S
            if is_due and not self.is_whole():
                self.start_at(place)

    def wait_for_end(self) -> None:
        """Wait until all workers have ended by themselves, since nothing is left."""

        def have_ended() -> bool:
            self.tend()
            return all(place.process is None for place in self.places)

        wait_for("all workers have ended", have_ended, 2 * DEADLINE_S)

    def clean_up(self) -> None:
        for place in self.places:
            if place.process:
                place.process.kill()
                place.process.wait()

    def workers(self) -> list[int]:
        """Return the workers that live and are not stopped."""
        found = processes(str(self.run))
        workers = [pid for pid, line in found.items() if "driver.py work " in line]
        return [pid for pid in workers if stat(pid)[:1] not in ([], ["T"])]

    # -- looking -----------------------------------------------------------------------------

    def is_whole(self) -> bool:
        """Whether the newest try of every group has whole records, by the files alone."""
        groups = standing_plan(self.run).groups.values()
        return all(each.id in self.ended() for members in groups for each in newest_try(members))

    def ended(self) -> dict[str, str]:
        """Return which try stands of each experiment that has ended, as its path in the run."""
        found = {each.name: os.readlink(each) for each in self.run.iterdir() if each.is_symlink()}
        return {name: target for name, target in found.items() if ended_record(name, self.run)}

    def holders(self) -> dict[int, str]:
        """Return the claimed groups by the pid of the owner."""
        found = {}
        for file in (self.run / CLAIMS).glob("[!.]*"):
            try:
                found[int(json.loads(file.read_bytes())["pid"])] = file.name
            except (OSError, ValueError):
                continue  # given back, or not written yet
        return found

    def everything(self) -> dict[int, str]:
        return self.stage.everything()

    def said(self) -> str:
        """Return the end of what the workers said, for whoever looks for the cause."""
        return self.log.read_text(errors="replace")[-6000:] if self.log.exists() else ""


@cache
def may_name_hosts() -> bool:
    """Whether a process may live under another name of its host."""
    command = ["unshare", "--uts", "--", "sh", "-c", HOST, "sh", "node", "true"]
    return (
        bool(shutil.which("unshare"))
        and not subprocess.run(command, capture_output=True, check=False).returncode
    )
