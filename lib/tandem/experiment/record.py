"""experiment.json: what an experiment was, what happened, and whether it counts."""

from __future__ import annotations

import time
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tandem.background.backgrounds import Backgrounds
from tandem.background.loop import Loop
from tandem.background.rounds import Stretch, read_rounds
from tandem.base.clock import boottime_s, iso_utc
from tandem.base.files import write_whole
from tandem.base.text import printable
from tandem.config.options import as_settings
from tandem.experiment.attempt import Attempt
from tandem.experiment.experiment import Outcome
from tandem.experiment.log import EpochReader, device_of, read_metrics
from tandem.experiment.validity import everyone_left, invalid_reasons
from tandem.experiment.windows import energy_of, gpu_facts, measured_windows
from tandem.plan.model import Experiment, Plan, Training
from tandem.processes.census import Found
from tandem.processes.namespace import Isolation
from tandem.processes.reports import stop_of
from tandem.results.record import UNFINISHED, VERSION, foreground_window

ERROR_NAME = "record_error.txt"
NOT_RECORDED = "not recorded"  # a status
SUMS = (
    *("rounds_completed", "rounds_failed", "rounds_stopped", "rounds_open"),
    "training_seconds",
)


@dataclass(frozen=True)
class Surroundings:
    """What is the same for all experiments of a run."""

    plan: Plan
    isolation: Isolation
    host: Mapping[str, Any]
    git: Mapping[str, Mapping[str, Any]]  # by folder; "" is Tandem's own
    leftovers: Sequence[Found]  # of earlier runs, removed when this one started


def make_record(
    experiment: Experiment, folder: Path, outcome: Outcome, around: Surroundings
) -> dict[str, Any]:
    """Return the record as schemas/record.schema.json describes it."""
    last = outcome.attempts[-1] if outcome.attempts else None
    succeeded = outcome.status == "finished" and last is not None and last.succeeded
    metrics = read_metrics(last.log if last else Path(), experiment.foreground.log_patterns)
    attempts = [
        attempt.facts(folder, coverage_beside(attempt, outcome.loads))
        for attempt in outcome.attempts
    ]
    coverage = attempts[-1]["coverage"] if attempts else None
    background = backgrounds_facts(experiment, outcome, coverage, around)
    report = (last.report if last else None) or {}
    windows = measured_windows(folder / "energy", outcome)
    record: dict[str, Any] = {
        "record_version": VERSION,
        "experiment_id": experiment.id,
        "timestamp": iso_utc(outcome.started_utc_s),
        "experiment_source": around.plan.name,
        "repository": experiment.foreground.repo,
        "model": experiment.foreground.model,
        "mode": experiment.mode,
        "control": experiment.control,
        "twin": experiment.twin,
        "foreground_mode": experiment.foreground_mode,
        "status": outcome.status,
        "training_success": succeeded,
        "error_message": outcome.error_message,
        "duration_seconds": report.get("duration_s"),
        "retries": max(0, len(outcome.attempts) - 1),
        "hyperparameters": dict(experiment.foreground.hyperparameters),
        "mutated": list(experiment.foreground.mutated),
        "seed": around.plan.seed,
        "performance_metrics": metrics,
        "required_metrics": list(experiment.foreground.required_metrics),
        "epochs_done": EpochReader(last.log, None).poll()[0] if last else None,
        "energy_metrics": None,
        "energy_reason": None,
        "valid": False,
        "invalid_reasons": [],
        "validity": as_settings(experiment.validity),
        "windows": windows,
        "interference": None,
        "attempts": attempts,
        "cut_off": list(outcome.cut_off),
        "cooldown": outcome.cooldown,
        "background": background,
        "stop": stop_facts(outcome),
        "census": {
            "before": {
                "gpu_holders": [found.facts() for found in outcome.holders_before],
                "gpus": gpu_facts(outcome.gpus_before),
                "busy": outcome.busy,
                "leftovers_removed": [found.facts() for found in around.leftovers],
            },
            "after": {
                "gpu_holders": [found.facts() for found in outcome.holders_after],
                "gpus": gpu_facts(outcome.gpus_after),
            },
        },
        "environment": environment_facts(experiment, outcome, around),
        "settings": {
            "file": str(around.plan.settings_file) if around.plan.settings_file else None,
            "path": experiment.source_path,
            "entry": dict(experiment.source_entry),
            "warnings": list(experiment.warnings),
        },
    }
    energy, energy_reason = energy_of(foreground_window(record), outcome)
    record |= {"energy_metrics": energy, "energy_reason": energy_reason}
    reasons = invalid_reasons(record, outcome, experiment.validity)
    return record | {"valid": not reasons, "invalid_reasons": reasons}


def record_whatever_happens(
    experiment: Experiment, folder: Path, outcome: Outcome, around: Surroundings
) -> dict[str, Any]:
    """Return the record, or, where none can be made of what was left, one that says only that.

    Then the traceback is in record_error.txt beside it, for whoever mends Tandem; the raw files
    are there still. FileNotFoundError: the folder is gone.
    """
    try:
        return make_record(experiment, folder, outcome, around)
    except Exception as error:
        text = traceback.format_exc().encode(errors="backslashreplace")
        write_whole(str(folder / ERROR_NAME), text)
        kind = f"{type(error).__name__}: {error}"
    reason = f"the record could not be made: {printable(kind)} ({ERROR_NAME} says where)"
    status = outcome.status if outcome.status in UNFINISHED else NOT_RECORDED
    message = outcome.error_message if status in UNFINISHED else reason
    bare = replace(outcome, status=status, error_message=message)
    bare.attempts, bare.loads, bare.windows = [], None, []
    return make_record(experiment, folder, bare, around)


def coverage_beside(attempt: Attempt, loads: Backgrounds | Loop | None) -> float | None:
    """Return the share of an attempt's time in which all background trainings ran, 0 to 1."""
    if loads is None or attempt.window_s is None:
        return None
    return loads.coverage(*attempt.window_s)


def backgrounds_facts(
    experiment: Experiment, outcome: Outcome, coverage: float | None, around: Surroundings
) -> dict[str, Any] | None:
    """Return the backgrounds' part of the record, together and each; of the whole experiment."""
    if outcome.loads is None:
        return None
    last = outcome.attempts[-1] if outcome.attempts else None
    parts = [background_facts(load, last, around) for load in outcome.loads.each]
    cpu = [part["cpu_seconds"] for part in parts]
    return {
        "repository": " + ".join(part["repository"] for part in parts),
        "model": " + ".join(part["model"] for part in parts),
        "hyperparameters": all_hyperparameters(parts),
        "warmup_seconds": experiment.limits.warmup_s,
        "isolation": around.isolation.mode,
        "isolation_reason": around.isolation.reason,
        **{key: sum(part[key] for part in parts) for key in SUMS},
        "cpu_seconds": None if None in cpu else sum(cpu),
        "coverage": coverage,
        "problems": outcome.loads.problems,
        "misfits": list(outcome.loads.misfits),
        "parts": parts,
    }


def all_hyperparameters(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return those of the one background, or of several, each name behind its number."""
    if len(parts) == 1:
        return dict(parts[0]["hyperparameters"])
    return {
        f"{number}.{name}": value
        for number, part in enumerate(parts, start=1)
        for name, value in part["hyperparameters"].items()
    }


def background_facts(load: Loop, last: Attempt | None, around: Surroundings) -> dict[str, Any]:
    """Return one background's part; `coverage` is that of the last attempt."""
    training = load.training
    rounds = read_rounds(load.rounds_file)
    boot_utc_s = time.time() - boottime_s()
    return {
        "name": load.name,
        "repository": training.repo,
        "model": training.model,
        "hyperparameters": dict(training.hyperparameters),
        **command_facts(training, around),
        **as_settings(load.background.dose),
        "gpu_memory": load.memory.facts(),
        "auto": auto_facts(load),
        "rounds_completed": sum(stretch.completed for stretch in rounds),
        "rounds_failed": sum(stretch.failed for stretch in rounds),
        "rounds_stopped": sum(stretch.stopped for stretch in rounds),
        "rounds_open": sum(stretch.open for stretch in rounds),
        "training_seconds": round(sum(stretch.running_s for stretch in rounds), 3),
        "cpu_seconds": cpu_seconds(load),
        "coverage": coverage_beside(last, load) if last else None,
        "rounds": [round_facts(stretch, boot_utc_s) for stretch in rounds],
        "problems": load.problems,
        "logs": load.folder.name,
    }


def auto_facts(load: Loop) -> dict[str, Any] | None:
    """Return which size was found, None for its value where none fits, and what did not fit."""
    if not load.background.auto:
        return None
    name = load.background.auto[0].name
    return {"name": name, "value": load.chosen and load.chosen.value, "tried": load.tried}


def command_facts(training: Training, around: Surroundings) -> dict[str, Any]:
    """Return how a training was started, and of which code; `pin` is what the registry wants."""
    git, wanted = around.git[str(training.work_dir)], training.commit
    is_there = None if git["commit"] is None else git["commit"] == wanted
    return {
        "command": list(training.command),
        "working_directory": str(training.work_dir),
        "env": dict(training.environment),
        "repository_git": git,
        "pin": None if wanted is None else {"commit": wanted, "matches": is_there},
    }


def cpu_seconds(load: Loop) -> float | None:
    """Return the CPU seconds of the load with its loop and keepers; None if a report is missing."""
    if not load.reports or load.problems:
        return None
    return float(sum(each["cpu_user_s"] + each["cpu_system_s"] for each in load.reports))


def round_facts(stretch: Stretch, boot_utc_s: float) -> dict[str, Any]:
    return {
        "first": stretch.first,
        "last": stretch.last,
        "started": iso_utc(stretch.start_s + boot_utc_s),
        "ended": None if stretch.end_s is None else iso_utc(stretch.end_s + boot_utc_s),
        "training_seconds": round(stretch.running_s, 3),
        "completed": stretch.completed,
        "failed": stretch.failed,
        "exit_code": stretch.exit_code,
        "reason": stretch.reason or None,
    }


def stop_facts(outcome: Outcome) -> dict[str, Any]:
    """Return how the experiment's processes were ended; `left` is who could not be."""
    loads = outcome.loads.each if outcome.loads else ()
    stops = [stop_of(load.reports[-1]) for load in loads if load.reports]
    return {
        "reason": outcome.stop_reason,
        "duration_seconds": max((stop["duration_seconds"] for stop in stops), default=None),
        **{
            key: [process for stop in stops for process in stop[key]]
            for key in ("terminated", "killed", "left")
        },
        "strays_killed": [found.facts() for found in outcome.strays],
        "left": everyone_left(outcome),
    }


def environment_facts(
    experiment: Experiment, outcome: Outcome, around: Surroundings
) -> dict[str, Any]:
    foreground = experiment.foreground
    last = outcome.attempts[-1] if outcome.attempts else None
    return {
        **around.host,
        "tandem_git": around.git[""],
        **command_facts(foreground, around),
        "registry": str(around.plan.registry_file),
        "device": device_of(last.log) if last else None,
        "cpu_governor": outcome.cpu_governor,
    }
