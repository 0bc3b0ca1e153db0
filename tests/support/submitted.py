"""A run whose workers are jobs of a real Slurm: submitted, looked at, and what it left."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simgpu import SimGpu
from tandem.processes.proc import alive

from support import ROOT
from support.planned_run import events_of
from support.slurm import Slurm
from support.stage import DEADLINE_S, Stage, training_line, wait_for

LEARNING_RATE = {"flag": "--learning-rate", "type": "float", "default": 0.1, "range": [0.05, 0.2]}
SEED = ("--seed", "5")


def build_pairs(stage: Stage, gpu: SimGpu, pairs: int) -> None:
    """Write settings of short trainings on a GPU: so many pairs, each with a drawn value."""
    front = training_line(gpu.command(watts=300, work_seconds=0.5, epochs=2))
    back = training_line(gpu.command(watts=120, work_seconds=600))
    stage.build(f'{front} "$@"', back, controls={"solo": True}, runs_per_config=pairs)
    registry, settings = (stage.folder / name for name in ("registry.json", "settings.json"))
    models = json.loads(registry.read_text())
    models["models"]["front"]["supported_hyperparams"] = {"learning_rate": LEARNING_RATE}
    registry.write_text(json.dumps(models))
    values = json.loads(settings.read_text())
    values["experiments"][0]["foreground"]["mode"] = "mutation"
    settings.write_text(json.dumps(values))


def driver(*words: object) -> list[str]:
    return [sys.executable, str(ROOT / "driver.py"), *map(str, words)]


def answer(command: list[str], environment: dict[str, str]) -> str:
    """Return what a command of the driver prints; its exit code is 0."""
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S, check=False
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@dataclass
class Submitted:
    """The run of a stage that was submitted, in the folder `run`; `job` is the newest one of it."""

    stage: Stage
    slurm: Slurm
    run: Path
    job: str

    @staticmethod
    def command(stage: Stage, *options: str) -> list[str]:
        """Return the command that submits the settings of a stage."""
        return driver(
            *("submit", "--registry", stage.folder / "registry.json", "--root", stage.folder),
            *("--results", stage.folder / "submitted", *options, stage.folder / "settings.json"),
        )

    @staticmethod
    def of(stage: Stage, slurm: Slurm, *options: str) -> Submitted:
        """Submit the settings of a stage."""
        said = answer(Submitted.command(stage, *options), slurm.environment)
        (run,) = stage.folder.glob("submitted/run_*")
        return Submitted(stage, slurm, run, number_in(said))

    def submit_missing(self, *options: str) -> None:
        command = driver("submit", *options, "--resume", self.run)
        self.job = number_in(answer(command, self.slurm.environment))

    # -- waiting -----------------------------------------------------------------------------

    def wait_until_over(self) -> None:
        """Wait until Slurm has no job of this run any more."""
        ask = ("squeue", "--noheader", "--states=all", "--format=%T", f"--jobs={self.job}")

        def is_over() -> bool:
            states = self.slurm.tried(*ask).stdout.split()  # of a forgotten job it is an error
            return not {*states} & {"PENDING", "RUNNING", "COMPLETING", "CONFIGURING"}

        wait_for(f"job {self.job} is over", is_over)

    def wait_for_foreground(self, worker: str = "*") -> None:
        log = f"workers/{worker}/*/attempts/*/training.log"
        wait_for(
            f"a foreground works\n{self.logs()}",
            lambda: any(path.stat().st_size for path in self.run.glob(log)),
        )

    def wait_for_restart(self) -> None:
        wait_for(
            f"job {self.job} has begun again",
            lambda: [*self.run.glob("workers/*_r1/journal.jsonl")],
        )

    # -- looking -----------------------------------------------------------------------------

    def logs(self) -> str:
        """Return what all jobs of this run have printed."""
        return "".join(path.read_text() for path in sorted(self.run.glob("jobs/*.log")))

    def states(self) -> list[str]:
        """Return how the workers of the newest job ended, in Slurm's words."""
        ask = ("squeue", "--noheader", "--states=all", "--array", "--format=%T")
        return self.slurm.run(*ask, f"--jobs={self.job}").split()

    def records(self) -> dict[str, dict[str, Any]]:
        """Return the records that stand, by their experiments."""
        files = self.run.glob("*/experiment.json")
        return {path.parent.name: json.loads(path.read_text()) for path in files}

    def cut_off(self) -> list[str]:
        """Return the status of each try that stands for nothing, and has a record."""
        folders = {path.resolve() for path in self.run.iterdir() if path.is_symlink()}
        tries = [*self.run.glob("workers/*/*/"), *self.run.glob("workers/*/cut_off/*/")]
        files = [each / "experiment.json" for each in tries if each.resolve() not in folders]
        return [json.loads(file.read_text())["status"] for file in files if file.exists()]

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Return the events of a kind from the journals of all workers."""
        return [event for event in events_of(self.run) if event["event"] == kind]

    def status(self) -> str:
        return answer(driver("status", self.run), self.slurm.environment)

    def wait_until_nothing_lives(self) -> None:
        """Wait until no process of this run's trainings, keepers and workers is left."""
        wait_for("nothing lives", lambda: not self.alive())

    def alive(self) -> list[int]:
        return [pid for pid in self.stage.everything() if alive(pid)]


def number_in(said: str) -> str:
    """Return the job's number from what `tandem submit` prints."""
    found = re.search(r"^submitted job (\d+)", said, re.MULTILINE)
    assert found, said
    return found.group(1)
