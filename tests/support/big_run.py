"""A run of thousands of experiments on disk, believable, in seconds.

    run = write_big_run(folder)                          528 experiments of a design, all ended
    run = write_big_run(folder, configs=26, repeats=35)  10,010
    run = write_big_run(folder, has_ended=False)         killed: some are missing, one was cut off
    run = write_big_run(folder, rate_hz=10.0)            samples and logs beside the records

The plan is the planner's own, figures and verdicts are computed by Tandem from the records; what
sensors, trainings and processes would have said is made up here, always the same.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tandem.base.files import sha256_of
from tandem.config.schema import schema
from tandem.experiment.validity.verdict import invalid_reasons
from tandem.interference.figures import interference
from tandem.plan.file import write_plan
from tandem.plan.model import Experiment, Plan
from tandem.plan.planner import read_plan
from tandem.plan.tries import as_it_stands, name_of_warm_up, names_of_next_try
from tandem.results import table
from tandem.results.columns import Row, columns_of, filled
from tandem.results.folder import TABLE
from tandem.results.journal import NAME as JOURNAL
from tandem.results.record_file import INTERFERENCE, NAME, json_bytes
from tandem.results.row import row_of

from support.designs import REGISTRY
from support.made_up_records import BEGIN_S, BOARD, EPOCHS, MadeUp, utc
from support.raw_files import write_raw_files
from support.records import example_of

NEWEST = 100  # experiments whose raw files are there


def settings(configs: int, repeats: int, doses: Sequence[float]) -> dict[str, Any]:
    """Return a design of so many configurations, each alone and beside two loads at each dose."""
    drawn = {"epochs": EPOCHS, "learning_rate": {"draw": True}}
    return {
        "settings_version": 2,
        "experiment_name": "neighbours_by_dose",
        "description": "How much do two neighbours slow a training down, and what do they cost?",
        "seed": 1,
        "repeats": repeats,
        "draws": configs // 2,
        "vary": ["seed"],
        "rerun_invalid": 1,
        "controls": {"idle_seconds": 20, "background_seconds": 20},
        "factors": {
            "background": [
                None,
                {"repo": "vision", "model": "large", "hyperparameters": {"epochs": 5}},
                {"repo": "text", "model": "default", "hyperparameters": {"folds": 2}},
            ],
            "intensity": list(doses),
        },
        "experiments": [
            {"foreground": {"repo": "vision", "model": model, "hyperparameters": drawn}}
            for model in ("small", "large")
        ],
    }


def write_big_run(
    folder: Path,
    *,
    configs: int = 6,
    repeats: int = 8,
    doses: Sequence[float] = (0.2, 0.4, 0.6, 0.8, 1.0),
    has_ended: bool = True,
    has_faults: bool = True,
    rate_hz: float | None = None,
    name: str = "run_20260131_120000",
    kind: type[BigRun] | None = None,
) -> Path:
    """Write such a run, and the project that it is of; return the run's folder.

    Raw files are those of what is not valid and of the newest, which is what a report shows.
    `kind` is how its files lie: see support.big_shared_run.
    """
    given = settings(configs, repeats, doses)
    plan, copies = planned(folder, given)
    run = folder / "results" / name
    run.mkdir(parents=True)
    for file, data in copies.items():
        (run / file).write_bytes(data)
    write_plan(plan, run)
    (kind or BigRun)(run, plan, has_faults, rate_hz).write(has_ended)
    return run


def planned(folder: Path, given: dict[str, Any]) -> tuple[Plan, dict[str, bytes]]:
    for name in ("vision", "text"):
        script = folder / "repos" / name / "train.sh"
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("#!/bin/sh\n", encoding="utf-8")
        script.chmod(0o755)
    (folder / "registry.json").write_text(json.dumps(REGISTRY), encoding="utf-8")
    (folder / "design.json").write_text(json.dumps(given, indent=2), encoding="utf-8")
    reading = read_plan(folder / "design.json", folder / "registry.json", root=folder)
    assert reading.plan, reading.problems
    return reading.plan, dict(reading.copies)


class BigRun:
    """A run's folder that is being filled; times go on from experiment to experiment."""

    def __init__(self, run: Path, plan: Plan, has_faults: bool, rate_hz: float | None) -> None:
        self.run, self.plan, self.has_faults, self.rate_hz = run, plan, has_faults, rate_hz
        self.rows: dict[str, Row] = {}
        self.events: list[dict[str, Any]] = []
        self.solos: dict[str, tuple[Any, str]] = {}  # those of groups that are not complete yet
        self.waiting: dict[str, list[tuple[Any, str]]] = {}
        machine = self.write_machine(run)
        self.made_up = MadeUp(plan.seed, has_faults=has_faults, machine=machine)

    def write(self, has_ended: bool) -> None:
        planned = self.plan
        self.note("run_started", pid=4711, host="lab3", tandem="0.1.0")
        first = planned.experiments[0]
        self.add("warm_up", {name_of_warm_up(planned, first): first.id})
        if self.has_faults:
            again = list(planned.groups.values())[1]
            self.add("try", names_of_next_try(again))
        every = self.plan.experiments
        count = len(every) if has_ended else len(every) * 3 // 4
        for number, experiment in enumerate(every[:count]):
            self.run_one(experiment, is_new=number >= count - NEWEST)
        if not has_ended:
            self.cut_off(every[count])
        if has_ended:
            self.note("run_ended")
        self.finish()

    def add(self, kind: str, names: dict[str, str]) -> None:
        self.note("added", **{"as": kind, "experiments": names})
        self.plan = as_it_stands(self.plan, [self.events[-1]])

    def note(self, event: str, **facts: Any) -> None:
        self.events.append({"event": event, "utc": utc(self.made_up.now_s), **facts})

    def run_one(self, experiment: Experiment, *, is_new: bool) -> None:
        self.note("started", experiment=experiment.id)
        made = self.record_of(experiment)
        folder = self.folder_of(experiment)
        data = json_bytes(made)
        (folder / NAME).write_bytes(data)
        if self.rate_hz and (is_new or not made["valid"]):
            write_raw_files(folder, made, self.rate_hz)
        self.tell(experiment, made, sha256_of(folder / NAME))
        taken_s = made["duration_seconds"] if made["training_success"] else None
        facts = {"status": made["status"], "duration_s": taken_s, "valid": made["valid"]}
        self.note("ended", experiment=experiment.id, **facts)

    def record_of(self, experiment: Experiment) -> Any:
        return self.made_up.record_of(experiment, self.plan)

    def folder_of(self, experiment: Experiment, *, has_ended: bool = True) -> Path:
        """Make the folder of an experiment."""
        folder = self.run / experiment.id
        folder.mkdir()
        return folder

    def cut_off(self, experiment: Experiment) -> None:
        """Leave an experiment as a driver does that is told to stop in its midst."""
        self.note("started", experiment=experiment.id)
        made = self.record_of(experiment)
        made.update(status="interrupted", training_success=False, valid=False)
        made["error_message"] = "stopped by SIGTERM"
        made["invalid_reasons"] = invalid_reasons(made, None)
        folder = self.folder_of(experiment, has_ended=False)
        (folder / NAME).write_bytes(json_bytes(made))
        self.note("interrupted", experiment=experiment.id, reason=made["error_message"])

    def tell(self, experiment: Experiment, made: Any, digest: str) -> None:
        """Keep the row, and write the figures of each pair of which both have ended."""
        name, twin = experiment.id, experiment.twin
        self.rows[name] = row_of(made, None, counts=not experiment.is_warm_up)
        if experiment.control == "solo":
            self.solos[name] = made, digest
            for parallel, own in self.waiting.pop(name, []):
                self.pair(parallel, own, name)
        elif twin in self.solos:
            self.pair(made, digest, twin)
        elif twin:
            self.waiting.setdefault(twin, []).append((made, digest))

    def pair(self, parallel: Any, digest: str, twin: str) -> None:
        solo, other = self.solos[twin]
        name = parallel["experiment_id"]
        figures = interference(parallel, solo, {name: digest, twin: other})
        (self.run / name / INTERFERENCE).write_bytes(json_bytes(figures))
        self.rows[name] = row_of(parallel, figures, counts=True)

    def finish(self) -> None:
        if self.has_faults:
            beside = [name for name, row in self.rows.items() if row["mode"] == "parallel"]
            damaged = self.run / beside[len(beside) // 2] / NAME
            damaged.write_bytes(damaged.read_bytes()[:3000])
        tried = {each.group for each in self.plan.experiments if each.try_number > 1}
        for each in self.plan.experiments:
            if each.group in tried and each.try_number == 1 and each.id in self.rows:
                self.rows[each.id]["counts"] = False
        self.write_journals()
        rows = list(self.rows.values())
        table.rewrite(self.run / TABLE, filled(columns_of(self.plan), rows), rows)

    def write_journals(self) -> None:
        write_journal(self.run, self.events)

    def write_machine(self, folder: Path, **board: Any) -> dict[str, str]:
        """Describe the machine in a run's folder or a worker's; return what records say of it."""
        shape = schema("machine")
        its_board = example_of(shape["properties"]["boards"]["items"]) | BOARD | board
        value = example_of(shape) | {"boards": [its_board], "described": utc(BEGIN_S)}
        file = folder / "machine.json"
        file.write_bytes(json_bytes(value))
        return {"file": str(file.relative_to(self.run)), "sha256": sha256_of(file)}


def write_journal(folder: Path, events: Sequence[dict[str, Any]]) -> None:
    lines = [json.dumps(event, ensure_ascii=False) + "\n" for event in events]
    (folder / JOURNAL).write_text("".join(lines), encoding="utf-8")
