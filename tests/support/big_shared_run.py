"""The same big run as several workers leave it: tries in their folders, links, a journal of each.

    run = write_big_run(folder, kind=SharedBigRun)      64 workers on 32 hosts, two boards each
    run = write_big_run(folder, kind=shared_by(4))      4 on 2

A group is whole at one worker. All work at the same time: each has a clock of its own.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tandem.plan.model import Experiment
from tandem.results.shared.worker_folder import make_worker_folder

from support.big_run import BigRun, write_journal
from support.made_up_records import BOARD, MadeUp, utc

UUID = str(BOARD["uuid"])


@dataclass
class BigWorker:
    """A worker that fills the run."""

    number: int
    folder: Path
    made_up: MadeUp
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def host(self) -> str:
        return host_of(self.number)


def host_of(number: int) -> str:
    return f"n{number // 2 + 1}"


def board_of(number: int) -> dict[str, Any]:
    """Return the board of a worker: each of a host sees both, and has its own."""
    uuid = f"GPU-{number:08x}{UUID[12:]}"
    return {"index": number % 2, "uuid": uuid}


class SharedBigRun(BigRun):
    workers = 64

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        (self.run / "machine.json").unlink()
        self.every = [self.worker(number) for number in range(self.workers)]
        self.of_group: dict[str, BigWorker] = {}
        self.now = self.every[0]

    def worker(self, number: int) -> BigWorker:
        name = f"{host_of(number)}_4711-{number}_r0"
        folder = make_worker_folder(self.run, name)
        machine = self.write_machine(folder, **board_of(number))
        made_up = MadeUp(self.plan.seed + number, has_faults=self.has_faults, machine=machine)
        return BigWorker(number, folder, made_up)

    def note(self, event: str, **facts: Any) -> None:
        """Note an event in the journal of the worker whose turn it is; begin and end in all."""
        is_of_all = event in {"run_started", "run_ended"} and hasattr(self, "every")
        for each in self.every if is_of_all else [self.now]:
            facts = {**facts, "worker": each.folder.name}
            if event == "run_started":
                facts["host"] = each.host
            each.events.append({"event": event, "utc": utc(each.made_up.now_s), **facts})
        self.events.append(self.now.events[-1])

    def run_one(self, experiment: Experiment, *, is_new: bool) -> None:
        self.turn_to(experiment)
        super().run_one(experiment, is_new=is_new)

    def cut_off(self, experiment: Experiment) -> None:
        self.turn_to(experiment)
        super().cut_off(experiment)

    def turn_to(self, experiment: Experiment) -> None:
        """Have the worker that has an experiment's group run it."""
        free = self.every[len(self.of_group) % len(self.every)]
        self.now = self.of_group.setdefault(experiment.group, free)

    def record_of(self, experiment: Experiment) -> Any:
        now = self.now
        made = now.made_up.record_of(experiment, self.plan)
        board = board_of(now.number)
        made = json.loads(json.dumps(made).replace(UUID, str(board["uuid"])))
        for window in made["windows"]:
            for gpu in window["gpus"]:
                gpu["index"] = board["index"]
        made["worker"] = now.folder.name
        made["environment"]["hostname"] = now.host
        return made

    def folder_of(self, experiment: Experiment, *, has_ended: bool = True) -> Path:
        folder = self.now.folder / experiment.id
        folder.mkdir()
        if has_ended:
            os.symlink(folder.relative_to(self.run), self.run / experiment.id)
        return folder

    def write_journals(self) -> None:
        for each in self.every:
            write_journal(each.folder, each.events)


def shared_by(count: int) -> type[SharedBigRun]:
    """Return how a run lies that so many workers drain."""
    return type("SharedByFew", (SharedBigRun,), {"workers": count})
