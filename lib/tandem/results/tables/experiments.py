"""The table of experiments: a row for each of the plan, and each that was run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from tandem.plan.model import Experiment
from tandem.results.columns import BESIDE, INTERFERENCE
from tandem.results.columns import Row as SummaryRow
from tandem.results.reading import ExperimentReading, RunReading
from tandem.results.row import row_of
from tandem.results.tables.table import KEYS, Column, Facts, Kind, Table

NAME = "experiments"
HYPERPARAMETER, METRIC = "hyperparam_", "perf_"  # as in summary.csv
RENAMED = {"experiment_id": "experiment"} | {
    name: f"{name}_utc" for name in ("timestamp", "start", "end")
}
"""The columns of summary.csv that have another name here."""

_FIGURES = {
    "slowdown": "Duration beside the background over that of the solo control.",
    "slowdown_of_epochs": "The same of the time between the first and the last epoch.",
    "bg_progress_ratio": "Rate of background rounds beside the foreground over that alone.",
    "antt": "Average normalised turnaround time of the two; 1: neither is slowed down.",
    "stp": "System throughput: 2 if neither is slowed down, 1 if they take turns.",
    "energy_ratio": "Energy of the GPUs beside the background over that of the solo control.",
    "marginal_energy_joules": "Energy of the GPUs beyond that of the background alone.",
    "fg_energy_low_joules": "Least energy that may be the foreground's share.",
    "fg_energy_high_joules": "Most energy that may be the foreground's share.",
    "fg_energy_shapley_joules": "The middle of the two, which is the Shapley value.",
    "saving_of_sharing": "Share of the energy that sharing saves against taking turns.",
    "fg_energy_estimate_joules": "An estimate of the foreground's share by its use of the GPU.",
}


_TEXT = {
    "status": "How far the experiment came; only a finished one is whole.",
    "error_message": "What went wrong, in one phrase.",
    "invalid_reasons": "Why it is not valid, with `; ` between.",
    "warnings": "What may have disturbed it and does not make it invalid, with `; ` between.",
    "experiment_source": "Name of the plan.",
    "repository": "Repository of the foreground.",
    "model": "Model of the foreground.",
    "mode": "parallel: beside a background; else where the foreground's values come from.",
    "control": "solo: the foreground without its background; warm_up: a run that is thrown"
    " away; empty: neither.",
    "twin": "Id of the parallel experiment's control, or of the control's parallel experiment.",
    "group": "What it is compared with: one name for all of them.",
    "bg_repository": "Repository of the background; of several all, with ` + ` between.",
    "bg_model": "Model of the background; of several all, with ` + ` between.",
    "bg_hyperparameters": "Values passed to the background, as JSON.",
    "bg_dose": "What held the background back, as JSON; {}: nothing.",
    "mutated_param": "The hyperparameter that was drawn, if it was one alone.",
    "host": "Name of the machine.",
    "board": "UUIDs of the GPUs that were measured, with `; ` between.",
    "board_name": "Product names of these GPUs, with `; ` between.",
    "sharing": "How the trainings shared the GPU in fact: time_slicing, mps or mig.",
    "commit": "Commit of the foreground's repository when the run started.",
}
_INTEGERS = {
    "config": "Number of the foreground's configuration in the plan.",
    "background_number": "Number of the load, background and dose; empty alone.",
    "repeat": "Which run of its configuration it is.",
    "block": "Number of the block that it runs in.",
    "position": "Its place in the order of its group.",
    "try_number": "Which try of its group it is of, from 1.",
    "seed": "Seed of the plan's drawn values.",
    "num_mutated_params": "How many hyperparameters were drawn.",
    "attempts": "How many attempts at the foreground there were.",
    "retries": "How many of them came after the first.",
    "exit_code": "Exit code of the last attempt; empty: a signal ended it.",
    "bg_rounds_completed": "Background rounds that ended with exit code 0 and did their work.",
    "bg_rounds_failed": "Background rounds that ended otherwise by themselves.",
    "bg_rounds_hollow": "Background rounds that ended with exit code 0 without doing it.",
}
_NUMBERS = {
    "duration_seconds": "Duration of the last attempt, without suspensions of the machine.",
    "duration_uncertainty_seconds": "One standard deviation of it, by the clock alone.",
    "coverage": "Share of the last attempt, 0 to 1, with a background that was running.",
    "bg_sm_avg_percent": "Mean use by the background of the GPU that it used most.",
    "energy_cpu_pkg_joules": "Energy of the processor packages in the last attempt.",
    "energy_cpu_ram_joules": "Energy of the memory.",
    "energy_cpu_total_joules": "Energy of both.",
    "energy_gpu_total_joules": "Energy of the GPUs; of both trainings where two ran.",
    "energy_gpu_total_uncertainty_joules": "One standard deviation of it, by window edges and"
    " gaps; the gain of the boards is not in it.",
    "energy_gpu_board_gain_percent": "Systematic error of a board's sensor; it cancels in"
    " ratios on one board.",
    "energy_gpu_avg_watts": "Mean power of the GPUs.",
    "energy_gpu_max_watts": "Highest power of the GPUs.",
    "energy_gpu_min_watts": "Lowest power of the GPUs.",
    "energy_gpu_temp_avg_celsius": "Mean temperature of the GPUs.",
    "energy_gpu_temp_max_celsius": "Highest temperature of the GPUs.",
    "energy_gpu_util_avg_percent": "Mean use of the GPUs by everybody.",
    "energy_gpu_util_max_percent": "Highest use of the GPUs by everybody.",
    "gpu_sm_clock_avg_mhz": "Mean clock of the SMs.",
    "gpu_sm_clock_min_mhz": "Lowest clock of the SMs.",
    "throttled_percent": "Time in which the most frequent reason held a GPU's clocks down.",
    "power_limit_watts": "Power limit of each GPU that was asked for.",
    "sm_clock_mhz": "Clock of the SMs that was asked for.",
    "memory_clock_mhz": "Clock of the GPU's memory that was asked for.",
    "fg_pss_max_mib": "Most memory of the foreground's processes together (PSS).",
    "bg_pss_max_mib": "Most memory of the background's processes together (PSS).",
    "others_cpu_percent": "CPU time of others, of all CPUs.",
    "steal_percent": "CPU time that other virtual machines took, of all CPUs.",
    "swapped_in_mib": "Memory that came back from swap.",
    "cpu_pressure_percent": "Time in which some process waited for a CPU.",
    "memory_pressure_percent": "Time in which some process waited for memory.",
    "io_pressure_percent": "Time in which some process waited for a disk.",
}


def _columns() -> Iterator[Column]:
    yield from KEYS
    yield Column(
        "standing",
        "string",
        "valid, not valid, cut off (it will run again), damaged (its record cannot be read) or"
        " missing (it has no record).",
    )
    yield _of("valid", "boolean", "Whether it counts as what it was meant to be.")
    yield Column("counts", "boolean", "False for a warm-up, and where the group has run again.")
    yield from (_of(name, "string", says) for name, says in _TEXT.items())
    why, path = "Why sharing is empty.", "record.gpu_setup.sharing_reason"
    yield Column("sharing_reason", "string", why, path)
    alone = "Whether others may have worked on the machine too; then RAPL has no value."
    yield _of("node_shared", "boolean", alone)
    yield _of("dirty", "boolean", "Whether that repository differed from its commit.")
    yield _of("training_success", "boolean", "Whether the last attempt ended with exit code 0.")
    yield from (_of(name, "integer", says) for name, says in _INTEGERS.items())
    yield Column("timestamp_utc", "datetime", "Start of the experiment.", "row.timestamp")
    for name, says in (("start", "Start"), ("end", "End")):
        yield Column(f"{name}_utc", "datetime", f"{says} of the last attempt.", f"row.{name}")
        says_when, path = f"{says} of it on CLOCK_BOOTTIME.", f"last.{name}_boottime_s"
        yield Column(f"{name}_boottime_s", "number", says_when, path)
    yield from (_of(name, "number", says) for name, says in _NUMBERS.items())
    yield Column("energy_reason", "string", "Why an energy is empty.", "record.energy_reason")
    for name in INTERFERENCE:
        yield _of(name, "number", _FIGURES[name])
        says = f"One standard deviation of {name}, as far as clocks and sensors go."
        yield _of(name + BESIDE, "number", says)


def _of(name: str, kind: Kind, description: str) -> Column:
    """Return a column that summary.csv has too."""
    return Column(name, kind, description, f"row.{name}")


def more(runs: Iterable[RunReading]) -> Iterator[Column]:
    """Yield a column for each hyperparameter of a foreground and each metric, by name."""
    hyperparameters, metrics = set[str](), set[str]()
    for run in runs:
        for values, patterns in _names(run):
            hyperparameters |= values
            metrics |= patterns
    for name in sorted(hyperparameters):
        says = f"Value of {name} that was passed to the foreground."
        yield _more(HYPERPARAMETER + name, "any", says)
    for name in sorted(metrics):
        says = f"{name} of the foreground's last attempt, in the training's own unit."
        yield _more(METRIC + name, "number", says)


def _more(name: str, kind: Kind, description: str) -> Column:
    return Column(name, kind, description, "row", name)


def _names(run: RunReading) -> Iterator[tuple[set[str], set[str]]]:
    if run.plan:
        for training in {id(it.foreground): it.foreground for it in run.plan.experiments}.values():
            yield {*training.hyperparameters}, {*training.log.patterns}
        return
    for experiment in run.experiments():
        if record := experiment.record:
            yield {*record["hyperparameters"]}, {*record["performance_metrics"]}


def rows(
    run: RunReading, experiment: ExperimentReading, note: Callable[[str], None]
) -> Iterator[Facts]:
    record, planned = experiment.record, experiment.planned
    facts: dict[str, Any] = {"standing": experiment.standing, "counts": experiment.counts}
    if record:
        row = row_of(record, experiment.interference, counts=experiment.counts)
        attempts = record["attempts"]
        facts |= {"record": record, "row": row, "last": attempts[-1] if attempts else None}
    elif planned:
        facts["row"] = _planned(planned) | {"seed": run.plan.seed if run.plan else None}
    yield facts


def _planned(experiment: Experiment) -> SummaryRow:
    """Return what the plan alone says of an experiment."""
    foreground, place = experiment.foreground, experiment.place
    names = ("config", "background_number", "repeat", "block", "position")
    values: SummaryRow = {name: getattr(place, name) for name in names} if place else {}
    mutated = foreground.mutated
    return values | {
        "repository": foreground.repo,
        "model": foreground.model,
        "mode": experiment.mode,
        "control": experiment.control,
        "twin": experiment.twin,
        "group": experiment.group,
        "try_number": experiment.try_number,
        "num_mutated_params": len(mutated),
        "mutated_param": mutated[0] if len(mutated) == 1 else None,
        "power_limit_watts": experiment.gpu_setup.power_limit_w,
        "sm_clock_mhz": experiment.gpu_setup.sm_clock_mhz,
        "memory_clock_mhz": experiment.gpu_setup.memory_clock_mhz,
        **{HYPERPARAMETER + name: value for name, value in foreground.hyperparameters.items()},
    }


EXPERIMENTS = Table(
    name=NAME,
    description="One row an experiment: each of the plan, and each that was run.",
    key=("run", "experiment"),
    columns=(*_columns(),),
    rows=rows,
    more=more,
)
