"""The columns of summary.csv: what a row says of an experiment, the old columns first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tandem.plan.model import Plan

FIRST = (
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
ENERGY = {  # by the keys of the record's energy_metrics
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
INTERFERENCE = {  # by the names of the record's figures
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
BESIDE = "_clock_uncertainty"  # behind a figure's column
FIGURES = tuple(name + end for name in INTERFERENCE for end in ("", BESIDE))
_MACHINE = (
    *("fg_pss_max_mib", "bg_pss_max_mib"),
    *("others_cpu_percent", "steal_percent", "swapped_in_mib"),
    *("cpu_pressure_percent", "memory_pressure_percent", "io_pressure_percent"),
    *("gpu_sm_clock_avg_mhz", "gpu_sm_clock_min_mhz", "throttled_percent"),
)
PLACE = ("config", "background_number", "repeat", "block", "position")
SET = ("power_limit_watts", "sm_clock_mhz", "memory_clock_mhz")  # as the settings ask for it
ADDED = (  # since the last version
    *("host", "node_shared", "board", "board_name", "commit", "dirty", "seed", "start", "end"),
    "duration_uncertainty_seconds",
    "energy_gpu_total_uncertainty_joules",
    "energy_gpu_board_gain_percent",
    *("sharing", *SET),
)
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
    *PLACE,
    "group",
    "try_number",
    "counts",
    *ADDED,
    *FIGURES,
)
_ALWAYS = frozenset(  # there also where no row fills them
    (*FIRST, *ENERGY, *_ORIGIN, "status", "valid", "invalid_reasons", "warnings", "counts", "host")
)
_OF_TRAININGS = ("hyperparam_", "perf_")
_TRUTHS = ("training_success", "valid", "counts", "dirty", "node_shared")
_COUNTS = (
    *("retries", "num_mutated_params", "exit_code", "attempts"),
    *("bg_rounds_completed", "bg_rounds_failed", "bg_rounds_hollow"),
    *(*PLACE, "try_number", "seed"),
)
_NUMBERS = (
    *("duration_seconds", "duration_uncertainty_seconds", "bg_sm_avg_percent", "coverage"),
    *(*_MACHINE, *FIGURES, *SET),
)
_TEXT = ("invalid_reasons", "warnings")  # where there is nothing, that is known
Value = str | int | float | bool | None
Row = dict[str, Value]


def columns_of(plan: Plan) -> list[str]:
    """The columns that a run may have, by its plan: those of the old table first, in its order.

    Metrics that the old table did not have stand behind those that it had, by name.
    """
    foregrounds = [experiment.foreground for experiment in plan.experiments]
    hyperparameters = {name for training in foregrounds for name in training.hyperparameters}
    metrics = {name for training in foregrounds for name in training.log.patterns}
    return [
        *FIRST,
        *(f"hyperparam_{name}" for name in sorted(hyperparameters)),
        *(f"perf_{name}" for name in _METRICS if name in metrics),
        *(f"perf_{name}" for name in sorted(metrics.difference(_METRICS))),
        *ENERGY,
        *_ORIGIN,
        *_OWN,
    ]


def always_there(column: str) -> bool:
    """Whether a column stands in the table also where no row fills it.

    Those of the old table do, because its readers expect them.
    """
    return column in _ALWAYS or column.startswith(_OF_TRAININGS)


def filled(columns: Sequence[str], rows: Iterable[Row]) -> list[str]:
    """Return the columns that the table of some rows has: without those that no row fills."""
    found = {name for row in rows for name, value in row.items() if value is not None}
    return [name for name in columns if always_there(name) or name in found]


def is_header(header: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether a table with that header may have been made of these columns."""
    found = set(header)
    return list(header) == [name for name in columns if always_there(name) or name in found]


def is_earlier_header(header: Sequence[str], columns: Sequence[str]) -> bool:
    """Whether it is that of the last version, which wrote every column it had."""
    return list(header) == [name for name in columns if name not in ADDED]


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
