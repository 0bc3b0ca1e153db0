"""experiment.json: what an experiment was, what happened, and whether it counts.

A record is made from files alone: the plan, outcome.json, and what trainings, keepers, loops and
the monitor wrote. So it can be made again, anywhere, and says the same.
"""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from tandem.background.account import Account, coverage_of
from tandem.base.errors import UsageError
from tandem.base.files import write_whole
from tandem.base.text import printable
from tandem.config.options import as_settings
from tandem.experiment.attempt import Tried, attempt_folder, read_tried
from tandem.experiment.background import account_of, backgrounds_facts, command_facts
from tandem.experiment.faults import faults_of
from tandem.experiment.log import LogPart, epoch_times, kept_part, part_of_log
from tandem.experiment.outcome import NAME as OUTCOME
from tandem.experiment.outcome import Outcome, read_outcome
from tandem.experiment.raw import digests, gone_files, last_log, raw_files, sample_files
from tandem.experiment.sharing import with_sharing
from tandem.experiment.validity.verdict import invalid_reasons, warnings_of
from tandem.experiment.windows import edges_of, energy_of, measured_window
from tandem.measure.windows.sleeps import Sleep, sleeps
from tandem.plan.model import Experiment, Plan
from tandem.plan.model import Place as PlanPlace
from tandem.results.record import (
    NOT_RECORDED,
    UNFINISHED,
    Environment,
    EpochTime,
    Place,
    Record,
    foreground_name,
)
from tandem.results.record_file import VERSION
from tandem.results.record_process import Process, StopOfAll
from tandem.results.record_window import Window, last_window, used_by, why_unknown

ERROR_NAME = "record_error.txt"


@dataclass(frozen=True)
class Raw:
    """What the raw files of an experiment say; `digests` are theirs."""

    outcome: Outcome
    tries: Sequence[Tried]
    accounts: Sequence[Account]
    log: LogPart
    epoch_times: Sequence[EpochTime]
    windows: Sequence[Window]
    slept: Sequence[Sleep]
    digests: Mapping[str, str]

    @property
    def last(self) -> Tried | None:
        return self.tries[-1] if self.tries else None


def make_record(folder: Path, plan: Plan, kept: Record | None = None) -> Record:
    """Return the record of the experiment in a folder, as schemas/record.schema.json describes it.

    Where raw files have been pruned since a record was made, what they said is taken from that one,
    which is given as `kept`. UsageError: there is no outcome.json of this version.
    """
    experiment = plan.by_id[folder.name]
    return record_from(experiment, plan, read_raw(folder, experiment, read_outcome(folder), kept))


def record_or_why(folder: Path, plan: Plan, kept: Record | None) -> tuple[Record, str]:
    """Return the record, or, where none can be made of what was left, one that says only that.

    With the latter comes the traceback, else "". UsageError, and `kept`, as for make_record.
    """
    outcome = read_outcome(folder)
    try:
        return make_record(folder, plan, kept), ""
    except Exception as error:
        kind, why = f"{type(error).__name__}: {error}", traceback.format_exc()
    try:
        return bare_record(folder, plan, outcome, kind), why
    except Exception:  # then it is the outcome itself
        raise UsageError(f"{folder / OUTCOME}: damaged: {kind} (restore it)") from None


def record_whatever_happens(
    folder: Path, plan: Plan, kept: Record | None = None, to: Path | None = None
) -> Record:
    """Return the record as record_or_why does, with the traceback in record_error.txt beside it.

    That is for whoever mends Tandem, and in the folder `to`, where that is another; the raw files
    are there still. FileNotFoundError: the folder is gone.
    """
    record, why = record_or_why(folder, plan, kept)
    if why:
        data = why.encode(errors="backslashreplace")
        write_whole(str((to or folder) / ERROR_NAME), data)
    return record


def bare_record(folder: Path, plan: Plan, outcome: Outcome, error: str) -> Record:
    """Return a record without any figure, for which the raw files are no good."""
    reason = f"the record could not be made: {printable(error)} ({ERROR_NAME} says where)"
    if outcome.status not in UNFINISHED:
        outcome = replace(outcome, status=NOT_RECORDED, error_message=reason)
    outcome = replace(outcome, attempts=0, backgrounds=(), windows=())
    foreground = plan.by_id[folder.name].foreground
    raw = Raw(outcome, (), (), part_of_log(None, foreground), (), (), (), {})
    return record_from(plan.by_id[folder.name], plan, raw)


# -- reading ---------------------------------------------------------------------------


def read_raw(folder: Path, experiment: Experiment, outcome: Outcome, kept: Record | None) -> Raw:
    """Read what an experiment left; see make_record for `kept`."""
    gone = gone_files(folder, kept) if kept else []
    tries = [
        read_tried(folder / attempt_folder(number), number, experiment.limits.timeout_s)
        for number in range(1, outcome.attempts + 1)
    ]
    gone_samples = set(gone).intersection(sample_files(folder, outcome))
    slept = kept_sleeps(kept) if kept and gone_samples else sleeps(folder / "energy")
    accounts = [
        account_of(folder, background, found, slept)
        for background, found in zip(experiment.backgrounds, outcome.backgrounds, strict=False)
    ]
    if kept and last_log(outcome) in gone:
        log = kept_part(kept)
    else:
        name = last_log(outcome)
        log = part_of_log(folder / name if name else None, experiment.foreground)
    if kept and gone_samples:
        windows = kept["windows"]
    else:
        windows = read_windows(folder, experiment, outcome, tries, accounts)
    found = digests(folder, raw_files(folder, outcome))
    if kept:
        found |= {name: kept["digests"][name] for name in gone}
    times = epoch_times(folder, tries)
    return Raw(outcome, tries, accounts, log, times, windows, slept, found)


def kept_sleeps(kept: Record) -> list[Sleep]:
    return [Sleep(each["boottime_s"], each["duration_seconds"]) for each in kept["suspensions"]]


def read_windows(
    folder: Path,
    experiment: Experiment,
    outcome: Outcome,
    tries: Sequence[Tried],
    accounts: Sequence[Account],
) -> list[Window]:
    edges = edges_of(outcome, tries, foreground_name(experiment.control))
    about = accounts, outcome.monitor_problem, outcome.rapl_reason()
    return [measured_window(folder / "energy", each, *about) for each in edges]


# -- making ----------------------------------------------------------------------------


def record_from(experiment: Experiment, plan: Plan, raw: Raw) -> Record:
    """Return the record that the raw files of an experiment make."""
    outcome, last, foreground = raw.outcome, raw.last, experiment.foreground
    coverages = [
        coverage_of(raw.accounts, *tried.window_s) if raw.accounts and tried.window_s else None
        for tried in raw.tries
    ]
    window = last_window(raw.windows, foreground_name(experiment.control), len(raw.tries))
    energy, energy_reason = energy_of(window, is_beside=bool(raw.accounts))
    record: Record = {
        "record_version": VERSION,
        "experiment_id": experiment.id,
        "timestamp": outcome.utc(outcome.started_s),
        "experiment_source": plan.name,
        "repository": foreground.repo,
        "model": foreground.model,
        "mode": experiment.mode,
        "control": experiment.control,
        "twin": experiment.twin,
        "group": experiment.group,
        "try_number": experiment.try_number,
        "worker": outcome.worker,
        "place": place_facts(experiment.place),
        "foreground_mode": experiment.foreground_mode,
        "status": outcome.status,
        "training_success": outcome.status == "finished" and bool(last and last.succeeded),
        "error_message": outcome.error_message,
        "duration_seconds": last.report["duration_s"] if last and last.report else None,
        "retries": max(0, outcome.attempts - 1),
        "hyperparameters": dict(foreground.hyperparameters),
        "mutated": list(foreground.mutated),
        "seed": plan.seed,
        "performance_metrics": raw.log.metrics,
        "metric_reasons": raw.log.reasons,
        "required_metrics": list(foreground.log.required),
        "epochs_done": raw.log.epochs_done,
        "epochs": raw.log.epochs,
        "epoch_times": list(raw.epoch_times),
        "log": raw.log.log,
        "energy_metrics": energy,
        "energy_reason": energy_reason,
        "gpus_used": used_by(window, "foreground"),
        "gpus_used_reason": why_unknown(window, "foreground"),
        "valid": False,  # until all the rest is there to be judged
        "invalid_reasons": [],
        "warnings": [],
        "validity": as_settings(experiment.validity),
        "windows": list(raw.windows),
        "suspensions": [
            {"boottime_s": sleep.from_s, "duration_seconds": sleep.length_s} for sleep in raw.slept
        ],
        "attempts": [
            tried.facts(coverage, foreground.helpers)
            for tried, coverage in zip(raw.tries, coverages, strict=True)
        ],
        "locks_removed": list(outcome.locks_removed),
        "idle_context_reason": outcome.idle_context_problem,
        "cut_off": list(outcome.cut_off),
        "position": outcome.position,
        "cooldown": cast(Any, outcome.cooldown),
        "machine": outcome.machine,
        "faults": faults_of(outcome),
        "gpu_setup": with_sharing(outcome.gpu_setup, experiment, plan, window),
        "background": backgrounds_facts(
            experiment, outcome, raw.accounts, last, coverages, window=window
        ),
        "stop": stop_facts(raw),
        "census": {
            "before": {
                **outcome.before,
                "busy": list(outcome.busy),
                "leftovers_removed": list(outcome.leftovers),
            },
            "after": outcome.after,
        },
        "environment": cast(
            Environment,
            {
                **outcome.host,
                "node_shared": outcome.node_shared,
                "node_shared_reason": outcome.node_shared_reason,
                "tandem_git": outcome.git[""],
                **command_facts(foreground, outcome),
                "registry": str(plan.registry_file),
                "device": raw.log.device,
                "cpu_governor": outcome.cpu_governor,
            },
        ),
        "settings": {
            "file": str(plan.settings_file) if plan.settings_file else None,
            "path": experiment.source_path,
            "entry": dict(experiment.source_entry),
            "warnings": list(experiment.warnings),
        },
        "digests": dict(sorted(raw.digests.items())),
    }
    record["invalid_reasons"] = invalid_reasons(record, outcome.monitor_problem)
    record["valid"] = not record["invalid_reasons"]
    record["warnings"] = warnings_of(record)
    return record


def place_facts(place: PlanPlace | None) -> Place | None:
    """Return where an experiment stands in its design, None outside one."""
    if place is None:
        return None
    return cast(Place, {name: getattr(place, name) for name in Place.__annotations__})


def stop_facts(raw: Raw) -> StopOfAll:
    """Return how the experiment's processes were ended; `left` is who could not be.

    Who had to be killed counts whenever that was, also between two rounds.
    """
    of_loops = [each["reports"] for each in raw.outcome.backgrounds if each["reports"]]
    of_attempts = [tried.report for tried in raw.tries if tried.report]
    last = [reports[-1] for reports in of_loops]
    every = [report for reports in of_loops for report in reports]

    def together(key: str, reports: Sequence[Mapping[str, Any]]) -> list[Process]:
        return [process for report in reports for process in report["stop"][key]]

    return {
        "reason": raw.outcome.stop_reason,
        "duration_seconds": max((report["stop"]["duration_s"] for report in last), default=None),
        "terminated": together("terminated", last),
        "killed": together("killed", every),
        "strays_killed": list(raw.outcome.strays_killed),
        "left": [*together("left", [*of_attempts, *every]), *raw.outcome.left],
    }
