"""The books of a run that workers drain are real here; trainings and figures are made up."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tandem.experiment.validity.verdict import invalid_reasons
from tandem.log.rules import LogRules
from tandem.plan.file import write_plan
from tandem.plan.model import Experiment
from tandem.results.folder import RunFolder
from tandem.results.journal import events_in
from tandem.results.record import Record
from tandem.results.shared.worker_folder import WorkerFolder, make_worker_folder
from tandem.results.shared.workers import journal_of
from tandem.results.standing import standing_plan
from tandem.run.pairs import finish

from support import plans, records
from support.plans import training

GROUP = SOLO, FIRST, SECOND = (
    "vision_resnet20_c01_r1_solo",
    "vision_resnet20_c01_b1_r1_parallel",
    "vision_resnet20_c01_b2_r1_parallel",
)
METRIC = LogRules({"test_accuracy": "Accuracy: ([0-9.]+)"})


class Workers:
    """A run whose workers end experiments as told."""

    def __init__(self, path: Path, **changes: Any) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path, self.plan = path, plans.design(foreground=training(log=METRIC), **changes)
        write_plan(self.plan, path)
        self.open: list[RunFolder] = []
        self.said: list[str] = []

    def worker(self, name: str) -> WorkerFolder:
        own = make_worker_folder(self.path, name)
        folder = WorkerFolder(self.path, own, self.plan, self.said.append)
        self.open.append(folder)
        return folder

    def dead(self, name: str) -> Path:
        """Return the folder of a worker that is gone."""
        folder = self.worker(name)
        self.close(folder)
        return folder.own

    def close(self, folder: RunFolder) -> None:
        self.open.remove(folder)
        folder.close()

    def record(self, name: str, worker: str | None, **changes: Any) -> Record:
        planned = standing_plan(self.path).by_id[name]
        return ended_record_of(planned, worker=worker, **changes)

    def begin(self, folder: RunFolder, name: str) -> Path:
        place = folder.begin(folder.plan.by_id[name])
        place.mkdir()
        (place / "fg_run.sh").touch()
        return place

    def end(self, folder: RunFolder, *names: str, **changes: Any) -> None:
        for name in names:
            self.begin(folder, name)
            finish(folder, self.record(name, folder.worker, **changes), 1.0)

    def standing(self) -> dict[str, str]:
        return {
            name: os.readlink(each) for name in GROUP if (each := self.path / name).is_symlink()
        }

    def table(self) -> bytes:
        return (self.path / "summary.csv").read_bytes()

    def ended(self, name: str) -> list[dict[str, Any]]:
        events = events_in(journal_of(self.path))
        return [
            each for each in events if (each["event"], each.get("experiment")) == ("ended", name)
        ]

    def told(self, what: str) -> list[str]:
        return [line for line in self.said if what in line]


def ended_record_of(planned: Experiment, **changes: Any) -> Record:
    """Return the record of a planned experiment that has ended; it is judged with its changes."""
    own: dict[str, Any] = {"experiment_id": planned.id, "hyperparameters": {}}
    own |= {"twin": planned.twin, "control": planned.control, "mode": planned.mode}
    own |= {"group": planned.group, "try_number": planned.try_number}
    own |= {"windows[0].name": "solo" if planned.control == "solo" else "foreground"}
    made = records.record(**own, **changes)
    if not planned.backgrounds:
        made["background"] = None
    made["invalid_reasons"] = invalid_reasons(made, None)
    made["valid"] = not made["invalid_reasons"]
    return made
