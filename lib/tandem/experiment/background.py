"""The backgrounds' part of a record, together and each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from tandem.background.account import Account, Dosed
from tandem.background.dosing import mode_of
from tandem.background.rounds import ROUNDS, Stretch, read_rounds
from tandem.config.options import as_settings
from tandem.experiment.attempt import Tried
from tandem.experiment.outcome import BackgroundOutcome, Outcome
from tandem.measure.windows.sleeps import Sleep
from tandem.plan.model import Background as Planned
from tandem.plan.model import Experiment, Training
from tandem.results.record_background import (
    Auto,
    Background,
    BackgroundPart,
    GpuMemory,
    Round,
    Value,
)
from tandem.results.record_process import Command
from tandem.results.record_window import Window, used_by, why_unknown

COUNTED = ("completed", "failed", "hollow", "without_metric", "unjudged", "stopped", "open")
NO_REPORT = "a keeper left no report: it was killed, or found the disk full"


def account_of(
    folder: Path, background: Planned, found: BackgroundOutcome, slept: Sequence[Sleep]
) -> Account:
    """Return the account of one background from its files in an experiment's folder."""
    mode = mode_of(background.dose)
    dosed = None
    if mode and found["dose"]:
        dosed = Dosed(folder / found["dose"], *mode, found["dose_problem"])
    return Account(read_rounds(folder / found["logs"] / ROUNDS), dosed, slept)


def training_at(background: Planned, found: BackgroundOutcome) -> Training:
    """Return the training that ran, with its size where one was to be found."""
    sizes = (size for size in background.auto if size.value == found["size"])
    return next(map(background.at, sizes), background.training)


def backgrounds_facts(
    experiment: Experiment,
    outcome: Outcome,
    accounts: Sequence[Account],
    last: Tried | None,
    coverages: Sequence[float | None],
    *,
    window: Window | None,
) -> Background | None:
    """Return the backgrounds' part of the record, of the whole experiment; None without any.

    `window` is that of the last attempt at the foreground."""
    if not accounts:
        return None
    parts = [
        background_facts(*each, outcome, last)
        for each in zip(experiment.backgrounds, outcome.backgrounds, accounts, strict=True)
    ]
    cpu = [part["cpu_seconds"] for part in parts]
    reasons = dict.fromkeys(part["cpu_reason"] for part in parts)
    together: Any = {
        "repository": " + ".join(part["repository"] for part in parts),
        "model": " + ".join(part["model"] for part in parts),
        "hyperparameters": all_hyperparameters(parts),
        "warmup_seconds": experiment.limits.warmup_s,
        "isolation": outcome.isolation["mode"],
        "isolation_reason": outcome.isolation["reason"],
        **counts_of(each for account in accounts for each in account.rounds),
        "training_seconds": sum(part["training_seconds"] for part in parts),
        "cpu_seconds": None if None in cpu else sum(filter(None, cpu)),
        "cpu_reason": "; ".join(filter(None, reasons)) or None,
        "coverage": coverages[-1] if coverages else None,
        "gpus_used": used_by(window, "background"),
        "gpus_used_reason": why_unknown(window, "background"),
        "problems": [problem for part in parts for problem in part["problems"]],
        "misfits": list(outcome.misfits),
        "parts": parts,
    }
    return cast(Background, together)


def all_hyperparameters(parts: Sequence[BackgroundPart]) -> dict[str, Value]:
    """Return those of the one background, or of several, each name behind its number."""
    if len(parts) == 1:
        return dict(parts[0]["hyperparameters"])
    return {
        f"{number}.{name}": value
        for number, part in enumerate(parts, start=1)
        for name, value in part["hyperparameters"].items()
    }


def background_facts(
    background: Planned,
    found: BackgroundOutcome,
    account: Account,
    outcome: Outcome,
    last: Tried | None,
) -> BackgroundPart:
    """Return one background's part; `coverage` is that of the last attempt."""
    training = training_at(background, found)
    cpu_s, cpu_reason = cpu_seconds(found)
    part: Any = {
        "name": found["name"],
        "repository": training.repo,
        "model": training.model,
        "hyperparameters": dict(training.hyperparameters),
        **command_facts(training, outcome),
        **as_settings(background.dose),
        "gpu_memory": memory_facts(found["gpu_memory"], outcome),
        "auto": auto_facts(background, found),
        "ready_by": found["ready_by"],
        **counts_of(account.rounds),
        "training_seconds": round(sum(stretch.running_s for stretch in account.awake), 3),
        "cpu_seconds": cpu_s,
        "cpu_reason": cpu_reason,
        "coverage": account.coverage(*last.window_s) if last and last.window_s else None,
        "rounds": [
            round_facts(stretch, awake.running_s, outcome)
            for stretch, awake in zip(account.rounds, account.awake, strict=True)
        ],
        "problems": found["problems"],
        "logs": found["logs"],
    }
    return cast(BackgroundPart, part)  # the keys of a dose are named in config/options


def counts_of(rounds: Iterable[Stretch]) -> dict[str, int]:
    """Return how many rounds ended how, by the names of the record."""
    every = list(rounds)
    return {f"rounds_{how}": sum(getattr(each, how) for each in every) for how in COUNTED}


def command_facts(training: Training, outcome: Outcome) -> Command:
    """Return how a training was started, and of which code; `pin` is what the registry wants."""
    git, wanted = outcome.git[str(training.work_dir)], training.commit
    is_there = None if git["commit"] is None else git["commit"] == wanted
    return {
        "command": list(training.command),
        "working_directory": str(training.work_dir),
        "env": dict(training.environment),
        "declared_device": training.device,
        "repository_git": git,
        "pin": None if wanted is None else {"commit": wanted, "matches": is_there},
    }


def memory_facts(found: Mapping[str, Any], outcome: Outcome) -> GpuMemory:
    """Return what was seen of a background's GPU memory, its moments in UTC too."""
    exceeded_s, used_s = found["exceeded_boottime_s"], found["used_boottime_s"]
    return {
        "limit_mib": found["limit_mib"],
        "max_mib": found["max_mib"],
        "exceeded": found["exceeded"],
        "exceeded_at": None if exceeded_s is None else outcome.utc(exceeded_s),
        "sm_max_percent": found["sm_max_percent"],
        "used_at": None if used_s is None else outcome.utc(used_s),
        "used_boottime_s": used_s,
        "reason": found["reason"],
        "env": found["env"],
    }


def auto_facts(background: Planned, found: BackgroundOutcome) -> Auto | None:
    """Return which size was found, None for its value where none fits, and what did not fit."""
    if not background.auto:
        return None
    tried: Any = found["tried"]
    return {"name": background.auto[0].name, "value": found["chosen"], "tried": tried}


def cpu_seconds(found: BackgroundOutcome) -> tuple[float | None, str | None]:
    """Return the CPU seconds of a background with its loop and keepers, or None and why."""
    if not found["starts"]:
        return None, "it was not started"
    if len(found["reports"]) < found["starts"]:
        return None, NO_REPORT
    return sum(each["cpu_user_s"] + each["cpu_system_s"] for each in found["reports"]), None


def round_facts(stretch: Stretch, training_s: float, outcome: Outcome) -> Round:
    return {
        "first": stretch.first,
        "last": stretch.last,
        "started": outcome.utc(stretch.start_s),
        "ended": None if stretch.end_s is None else outcome.utc(stretch.end_s),
        "start_boottime_s": stretch.start_s,
        "end_boottime_s": stretch.end_s,
        "training_seconds": round(training_s, 3),
        "completed": stretch.completed,
        "failed": stretch.failed,
        "hollow": stretch.hollow,
        "exit_code": stretch.exit_code,
        "reason": stretch.reason or None,
        "why": stretch.why or None,
    }
