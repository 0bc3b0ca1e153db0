"""What is handed to sbatch: the batch script of a run's workers, and the command around it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tandem.base.errors import NotReadyError
from tandem.base.paths import ROOT, TEMPLATES
from tandem.base.templates import render, render_file
from tandem.base.text import quote_path
from tandem.base.variables import VISIBLE
from tandem.nvml.presence import words_of
from tandem.plan.model import Experiment
from tandem.results.shared.jobs import FOLDER, SCRIPT, log_pattern

TEMPLATE = TEMPLATES / "worker.sbatch.j2"
# What a person has asked for here is not replaced by what sbatch reads in these.
_VARIABLES = {
    "job-name": "SBATCH_JOB_NAME",
    "array": "SBATCH_ARRAY_INX",
    "partition": "SBATCH_PARTITION",
    "time": "SBATCH_TIMELIMIT",
    "gpus": "SBATCH_GRES",
    "exclusive": "SBATCH_EXCLUSIVE",
}


@dataclass(frozen=True)
class Asked:
    """What a person asks of Slurm; None: what is usual there.

    `gpus` is the type of the GPUs, `time` and `memory` are as sbatch reads them, and `arguments`
    are further ones of sbatch, which replace ours.
    """

    partition: str | None = None
    time: str | None = None
    gpus: str | None = None
    cpus: int | None = None
    memory: str | None = None
    exclusive: bool | None = None
    arguments: tuple[str, ...] | None = None

    def given(self) -> dict[str, Any]:
        """Return what is asked for, by name, as JSON has it."""
        return {name: value for name, value in asdict(self).items() if value is not None}

    def over(self, earlier: Mapping[str, Any]) -> Asked:
        """Return the same, with what was asked for earlier where nothing is now."""
        known = {name: earlier[name] for name in vars(self) if name in earlier}
        if "arguments" in known:
            known["arguments"] = tuple(known["arguments"])
        return Asked(**(known | {k: v for k, v in vars(self).items() if v is not None}))


@dataclass(frozen=True)
class Submission:
    """Workers that are to be submitted for a run: their job's name, which is unique, and number.

    `gpus` is how many of them a worker needs.
    """

    run: Path
    name: str
    workers: int
    gpus: int
    asked: Asked

    @property
    def script(self) -> Path:
        """Where the batch script is to be."""
        return self.run / FOLDER / SCRIPT

    def text(self) -> str:
        """Return the batch script."""
        return render(TEMPLATE.read_text(encoding="utf-8"), self.values())

    def write(self) -> None:
        """Write the batch script; OSError: it cannot be written."""
        self.script.parent.mkdir(exist_ok=True)
        render_file(TEMPLATE, self.script, self.values())

    def values(self) -> dict[str, Sequence[str]]:
        """Return what stands in the template."""
        return {
            "job": [f"--job-name={self.name}", f"--array=0-{self.workers - 1}"],
            "log": [f"--output={log_pattern(self.run)}"],
            "resources": list(self.resources()),
            "command": self.worker(),
        }

    def resources(self) -> Iterator[str]:
        """Yield what each worker gets, as options of sbatch."""
        asked, kind = self.asked, f":{self.asked.gpus}" if self.asked.gpus else ""
        if self.gpus:
            yield f"--gres=gpu{kind}:{self.gpus}"
        if asked.exclusive:
            yield "--exclusive"
        if asked.cpus:
            yield f"--cpus-per-task={asked.cpus}"
        if asked.memory or asked.exclusive:
            yield f"--mem={asked.memory or 0}"  # 0: all that the node has
        if asked.partition:
            yield f"--partition={asked.partition}"
        if asked.time:
            yield f"--time={asked.time}"

    def worker(self) -> list[str]:
        """Return the command of a worker; on a whole node there is one worker for each GPU."""
        all_gpus = ["--gpus", "all"] if self.asked.exclusive and self.gpus else []
        return [str(ROOT / "bin" / "tandem"), "work", *all_gpus, "--", str(self.run)]

    def command(self) -> list[str]:
        """Return the command that submits the script; what a person adds to it comes last."""
        return ["sbatch", "--parsable", *(self.asked.arguments or ()), str(self.script)]

    def environment(self) -> dict[str, str]:
        """Return the variables of that command, which the jobs get, too."""
        fixed = {"job-name", "array", *self.asked.given()}
        without = {_VARIABLES[name] for name in fixed & _VARIABLES.keys()}
        return {name: text for name, text in os.environ.items() if name not in without}


def refuse_odd_folder(path: Path) -> None:
    """Refuse, with NotReadyError, a folder that cannot stand in the script or in sbatch's --output.

    With a backslash anywhere, Slurm puts no job's number into the name of a log.
    """
    if "\\" in str(path) or not str(path).isprintable():
        raise NotReadyError(
            f"{quote_path(path)}: Slurm cannot write a log there: the name has a backslash, a line"
            " break or the like (choose another folder with --results)"
        )


def gpus_needed(experiments: Sequence[Experiment]) -> int:
    """Return how many GPUs a worker needs; 0: no training is meant for any.

    The settings may name several for the trainings of one experiment.
    """
    most = 0
    for each in experiments:
        trainings = (each.foreground, *(load.training for load in each.backgrounds))
        named = {
            word
            for training in trainings
            for word in words_of(training.environment.get(VISIBLE, ""))
        }
        wants_one = any(training.device != "cpu" for training in trainings)
        most = max(most, len(named), int(wants_one))
    return most
