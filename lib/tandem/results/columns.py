"""The columns of summary.csv: what a row says of an experiment, the old columns first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from tandem.plan.model import Plan
from tandem.results.record import (
    BackgroundPart,
    Interference,
    Record,
    figures_of,
    foreground_window,
    load_of,
)

_FIRST = (
    "experiment_id",
    "timestamp",
    "repository",
    "model",
    "training_success",
    "duration_seconds",
    "retries",
)
_METRICS = (
    "accuracy",
    "best_val_accuracy",
    "map",
    "precision",
    "rank1",
    "rank5",
    "recall",
    "test_accuracy",
    "test_loss",
    "eval_loss",
    "final_training_loss",
    "eval_samples_per_second",
    "top1_accuracy",
    "top5_accuracy",
    "top10_accuracy",
    "top20_accuracy",
)
_ENERGY = {  # by the keys of the record's energy_metrics
    "energy_cpu_pkg_joules": "cpu_energy_pkg_joules",
    "energy_cpu_ram_joules": "cpu_energy_ram_joules",
    "energy_cpu_total_joules": "cpu_energy_total_joules",
    "energy_gpu_avg_watts": "gpu_power_avg_watts",
    "energy_gpu_max_watts": "gpu_power_max_watts",
    "energy_gpu_min_watts": "gpu_power_min_watts",
    "energy_gpu_total_joules": "gpu_energy_total_joules",
    "energy_gpu_temp_avg_celsius": "gpu_temp_avg_celsius",
    "energy_gpu_temp_max_celsius": "gpu_temp_max_celsius",
    "energy_gpu_util_avg_percent": "gpu_util_avg_percent",
    "energy_gpu_util_max_percent": "gpu_util_max_percent",
}
_ORIGIN = ("experiment_source", "num_mutated_params", "mutated_param", "mode", "error_message")
_INTERFERENCE = {  # by the names of the record's figures
    "slowdown": "slowdown",
    "slowdown_of_epochs": "slowdown_of_epochs",
    "bg_progress_ratio": "background_progress_ratio",
    "antt": "antt",
    "stp": "stp",
    "energy_ratio": "energy_ratio",
    "marginal_energy_joules": "marginal_energy_joules",
    "fg_energy_low_joules": "foreground_energy_low_joules",
    "fg_energy_high_joules": "foreground_energy_high_joules",
    "fg_energy_shapley_joules": "foreground_energy_shapley_joules",
    "saving_of_sharing": "saving_of_sharing",
    "fg_energy_estimate_joules": "foreground_energy_estimate_joules",
}
_BESIDE = "_clock_uncertainty"  # behind a figure's column
_FIGURES = tuple(name + end for name in _INTERFERENCE for end in ("", _BESIDE))
_DOSE = (
    "max_rounds",
    "intensity",
    "target_gpu_utilization",
    "gpu_memory_mib",
    "gpu_memory_fraction",
)
_MACHINE = (
    *("fg_pss_max_mib", "bg_pss_max_mib"),
    *("others_cpu_percent", "steal_percent", "swapped_in_mib"),
    *("cpu_pressure_percent", "memory_pressure_percent", "io_pressure_percent"),
    *("gpu_sm_clock_avg_mhz", "gpu_sm_clock_min_mhz", "throttled_percent"),
)
_PLACE = ("config", "background_number", "repeat", "block", "position")
_OWN = (
    "status",
    "exit_code",
    "attempts",
    "bg_repository",
    "bg_model",
    "bg_hyperparameters",
    "bg_dose",
    "bg_sm_avg_percent",
    "bg_rounds_completed",
    "bg_rounds_failed",
    "bg_rounds_hollow",
    "coverage",
    *_MACHINE,
    "valid",
    "invalid_reasons",
    "warnings",
    "control",
    "twin",
    *_PLACE,
    "group",
    "try_number",
    "counts",
    *_FIGURES,
)
_TRUTHS = ("training_success", "valid", "counts")
_COUNTS = (
    *("retries", "num_mutated_params", "exit_code", "attempts"),
    *("bg_rounds_completed", "bg_rounds_failed", "bg_rounds_hollow"),
    *(*_PLACE, "try_number"),
)
_NUMBERS = ("duration_seconds", "bg_sm_avg_percent", "coverage", *_MACHINE, *_FIGURES)
_TEXT = ("invalid_reasons", "warnings")  # where there is nothing, that is known
Value = str | int | float | bool | None
Row = dict[str, Value]


def columns_of(plan: Plan) -> list[str]:
    """The columns of a run, fixed by its plan: those of the old table first, in its order.

    Metrics that the old table did not have stand behind those that it had, by name.
    """
    foregrounds = [experiment.foreground for experiment in plan.experiments]
    hyperparameters = {name for training in foregrounds for name in training.hyperparameters}
    metrics = {name for training in foregrounds for name in training.log.patterns}
    return [
        *_FIRST,
        *(f"hyperparam_{name}" for name in sorted(hyperparameters)),
        *(f"perf_{name}" for name in _METRICS if name in metrics),
        *(f"perf_{name}" for name in sorted(metrics.difference(_METRICS))),
        *_ENERGY,
        *_ORIGIN,
        *_OWN,
    ]


def row_of(record: Record, interference: Interference | None, *, counts: bool) -> Row:
    """Return the values of one experiment by column; None for what its files do not know.

    `counts` says whether it is of the try of its group that counts. `exit_code` is that of the last
    attempt, None when a signal ended it.
    """
    mutated = record["mutated"]
    attempts = record["attempts"]
    background = record["background"]
    energy = record["energy_metrics"] or {}
    load = load_of(record)
    figures = figures_of(interference)
    first = cast(Mapping[str, Value], record)
    values: Row = {name: first[name] for name in (*_FIRST, "experiment_source", "mode")}
    values |= {f"hyperparam_{name}": value for name, value in record["hyperparameters"].items()}
    values |= {f"perf_{name}": value for name, value in record["performance_metrics"].items()}
    values |= {column: energy.get(key) for column, key in _ENERGY.items()}
    values |= dict.fromkeys(_FIGURES)
    for column, key in _INTERFERENCE.items():
        if key in figures:
            values[column] = figures[key]["value"]
            values[column + _BESIDE] = figures[key]["clock_uncertainty"]
    values |= {
        "num_mutated_params": len(mutated),
        "mutated_param": mutated[0] if len(mutated) == 1 else None,
        "error_message": record["error_message"],
        "status": record["status"],
        "exit_code": attempts[-1]["exit_code"] if attempts else None,
        "attempts": len(attempts),
        "bg_repository": background and background["repository"],
        "bg_model": background and background["model"],
        "bg_hyperparameters": background and _json(background["hyperparameters"]),
        "bg_dose": background and _json(_doses(background["parts"])),
        "bg_sm_avg_percent": load and load["sm_avg_percent"],
        "bg_rounds_completed": background and background["rounds_completed"],
        "bg_rounds_failed": background and background["rounds_failed"],
        "bg_rounds_hollow": background and background["rounds_hollow"],
        "coverage": background and background["coverage"],
        "control": record["control"],
        "twin": record["twin"],
        **dict.fromkeys(_PLACE),
        **cast(Row, record["place"] or {}),
        "group": record["group"],
        "try_number": record["try_number"],
        "counts": counts,
        "valid": record["valid"],
        "invalid_reasons": "; ".join(record["invalid_reasons"]),
        "warnings": "; ".join(record["warnings"]),
    }
    return values | machine_values(record)


def machine_values(record: Record) -> Row:
    """Return what the machine did beside the foreground: means and lowest clocks of all GPUs.

    `throttled_percent` is that of the most frequent reason on any GPU.
    """
    window = foreground_window(record)
    if window is None:
        return {}
    cpu, machine, gpus = window["cpu"], window["machine"], window["gpus"]
    pressure = machine["pressure_percent"]
    average = [mhz for gpu in gpus if (mhz := gpu["sm_clock_avg_mhz"]) is not None]
    lowest = [mhz for gpu in gpus if (mhz := gpu["sm_clock_min_mhz"]) is not None]
    throttled = [percent for gpu in gpus for percent in gpu["throttled_percent"].values()]
    return {
        "fg_pss_max_mib": cpu["foreground_pss_max_mib"],
        "bg_pss_max_mib": cpu["background_pss_max_mib"],
        "others_cpu_percent": machine["others_cpu_percent"],
        "steal_percent": machine["steal_percent"],
        "swapped_in_mib": machine["swapped_in_mib"],
        "cpu_pressure_percent": pressure["cpu_some"],
        "memory_pressure_percent": pressure["memory_some"],
        "io_pressure_percent": pressure["io_some"],
        "gpu_sm_clock_avg_mhz": sum(average) / len(average) if average else None,
        "gpu_sm_clock_min_mhz": min(lowest, default=None),
        "throttled_percent": max(throttled, default=None),
    }


def _doses(parts: Sequence[BackgroundPart]) -> dict[str, Any]:
    """What holds the backgrounds back; of several, each name behind its number."""
    each_one = [cast(Mapping[str, Any], part) for part in parts]
    limits = [[(name, part[name]) for name in _DOSE if part[name] is not None] for part in each_one]
    if len(parts) == 1:
        return dict(limits[0])
    return {f"{n}.{name}": value for n, each in enumerate(limits, start=1) for name, value in each}


def cells_of(values: Row, columns: Sequence[str]) -> list[str]:
    """Return a row as the file has it."""
    return [_cell(values.get(name)) for name in columns]


def as_cells(rows: Iterable[Row], columns: Sequence[str]) -> list[dict[str, str]]:
    """Return what read_cells() returns of these rows once they are written."""
    return [dict(zip(columns, cells_of(row, columns), strict=True)) for row in rows]


def value_of(column: str, cell: str) -> Value:
    """Return what a cell says; ValueError and the like where it is none of its column's."""
    if cell == "" and column not in _TEXT:
        return None
    if column in _TRUTHS:
        return {"True": True, "False": False}.get(cell, cell)
    if column in _COUNTS:
        return int(cell)
    if column in _NUMBERS or column.startswith(("perf_", "energy_")):
        return int(cell) if cell.lstrip("-").isdigit() else float(cell)
    return cell


def _cell(value: object) -> str:
    """None is empty, a boolean True or False, a float as exact as it is."""
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
