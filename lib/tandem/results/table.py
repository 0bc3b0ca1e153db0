"""summary.csv: one row an experiment, the old columns first."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.base.errors import NotReadyError
from tandem.base.files import write_whole
from tandem.plan.model import Plan
from tandem.results.record import foreground_window

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
_DOSE = (
    "max_rounds",
    "intensity",
    "target_gpu_utilization",
    "gpu_memory_mib",
    "gpu_memory_fraction",
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
    "coverage",
    "valid",
    "invalid_reasons",
    "control",
    "twin",
    *_INTERFERENCE,
)


class _TornError(OSError):
    """A table has no whole header."""


def header(plan: Plan) -> list[str]:
    """The columns of a run, fixed by its plan: those of the old table first, in its order.

    Metrics that the old table did not have stand behind those that it had, by name.
    """
    foregrounds = [experiment.foreground for experiment in plan.experiments]
    hyperparameters = {name for training in foregrounds for name in training.hyperparameters}
    metrics = {name for training in foregrounds for name in training.log_patterns}
    return [
        *_FIRST,
        *(f"hyperparam_{name}" for name in sorted(hyperparameters)),
        *(f"perf_{name}" for name in _METRICS if name in metrics),
        *(f"perf_{name}" for name in sorted(metrics.difference(_METRICS))),
        *_ENERGY,
        *_ORIGIN,
        *_OWN,
    ]


def row(record: Mapping[str, Any]) -> dict[str, str]:
    """The cells of one experiment's record by column; what the record does not know is empty.

    `exit_code` is that of the last attempt, empty when a signal ended it.
    """
    mutated = record["mutated"]
    attempts = record["attempts"]
    background = record["background"] or {}
    energy = record["energy_metrics"] or {}
    load = (foreground_window(record) or {}).get("load") or {}
    figures = (record["interference"] or {"figures": {}})["figures"]
    values = {name: record[name] for name in (*_FIRST, "experiment_source", "mode")}
    values |= {f"hyperparam_{name}": value for name, value in record["hyperparameters"].items()}
    values |= {f"perf_{name}": value for name, value in record["performance_metrics"].items()}
    values |= {column: energy.get(key) for column, key in _ENERGY.items()}
    values |= {column: figures.get(key, {}).get("value") for column, key in _INTERFERENCE.items()}
    values |= {
        "num_mutated_params": len(mutated),
        "mutated_param": mutated[0] if len(mutated) == 1 else None,
        "error_message": record["error_message"],
        "status": record["status"],
        "exit_code": attempts[-1]["exit_code"] if attempts else None,
        "attempts": len(attempts),
        "bg_repository": background.get("repository"),
        "bg_model": background.get("model"),
        "bg_hyperparameters": _json(background.get("hyperparameters")),
        "bg_dose": _json(_doses(background["parts"]) if background else None),
        "bg_sm_avg_percent": load.get("sm_avg_percent"),
        "bg_rounds_completed": background.get("rounds_completed"),
        "bg_rounds_failed": background.get("rounds_failed"),
        "coverage": background.get("coverage"),
        "control": record["control"],
        "twin": record["twin"],
        "valid": record["valid"],
        "invalid_reasons": "; ".join(record["invalid_reasons"]),
    }
    return {name: _cell(value) for name, value in values.items()}


def _doses(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What holds the backgrounds back; of several, each name behind its number."""
    limits = [[(name, part[name]) for name in _DOSE if part[name] is not None] for part in parts]
    if len(parts) == 1:
        return dict(limits[0])
    return {f"{n}.{name}": value for n, each in enumerate(limits, start=1) for name, value in each}


def read(path: Path, columns: Sequence[str]) -> list[dict[str, str]] | None:
    """The whole rows of a table; None if it is not a table with these columns, or not there.

    What a killed run left torn at its end is not a row. OSError: it cannot be read.
    """
    try:
        with open(path, "rb") as stream:
            size_bytes = _whole_rows_bytes(stream.fileno())
            stream.seek(0)
            text = stream.read(size_bytes).decode()
        header, *rows = csv.reader(io.StringIO(text, newline=""))
    except (FileNotFoundError, _TornError, ValueError, csv.Error):
        return None
    if header != list(columns) or any(len(row) != len(header) for row in rows):
        return None
    return [dict(zip(columns, row, strict=True)) for row in rows]


def rewrite(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]]) -> None:
    """Write the table anew, whole."""
    lines = [_line(columns), *(_line([row.get(name, "") for name in columns]) for row in rows)]
    try:
        write_whole(str(path), b"".join(lines))
    except OSError as error:
        raise _not_added(path, error) from error


def append_row(path: Path, columns: Sequence[str], cells: Mapping[str, str]) -> None:
    """Add one row, and have it on the disk on return.

    A row that a killed run left torn at the end is cut off first. If this row cannot be written
    whole, the table is cut back to what it was, so that earlier rows stay whole.

    Raises NotReadyError when the row could not be added, ValueError for a cell without a column.
    """
    if stray := cells.keys() - set(columns):
        raise ValueError(f"cells without a column: {', '.join(sorted(stray))}")
    line = _line([cells.get(name, "") for name in columns])
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CLOEXEC)
    except OSError as error:
        raise _not_added(path, error) from error
    try:
        _append_whole(descriptor, line)
    except OSError as error:
        raise _not_added(path, error) from error
    finally:
        os.close(descriptor)


def _append_whole(descriptor: int, line: bytes) -> None:
    whole_bytes = _whole_rows_bytes(descriptor)
    if whole_bytes != os.fstat(descriptor).st_size:
        os.ftruncate(descriptor, whole_bytes)
    try:
        written_bytes = os.write(descriptor, line)
        if written_bytes != len(line):
            raise OSError(None, f"only {written_bytes} of {len(line)} bytes fitted on the disk")
        os.fsync(descriptor)
    except OSError:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, whole_bytes)
        raise


def _whole_rows_bytes(descriptor: int) -> int:
    """Where the last whole row ends: a newline inside quotes does not end one."""
    with open(descriptor, "rb", closefd=False) as stream:
        stream.seek(0)
        position = end = quotes = 0
        for line in stream:
            position += len(line)
            quotes += line.count(b'"')
            if line.endswith(b"\n") and quotes % 2 == 0:
                end = position
    if end == 0:
        raise _TornError(None, "its header is missing or torn")
    return end


def _not_added(path: Path, error: OSError) -> NotReadyError:
    return NotReadyError(
        f"{path}: the row could not be added: {error.strerror} "
        "(see to the disk; earlier rows are whole, and experiment.json has what this row says)"
    )


def _line(cells: Sequence[str]) -> bytes:
    text = io.StringIO(newline="")
    # With this terminator the writer quotes a lone \r too, which a reader would take for an end.
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return (text.getvalue().removesuffix("\r\n") + "\n").encode("utf-8", "backslashreplace")


def _cell(value: object) -> str:
    """None is empty, a boolean True or False, a float as exact as it is."""
    if value is None:
        return ""
    return repr(value) if isinstance(value, float) else str(value)


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
