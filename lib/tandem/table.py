"""summary.csv: one row an experiment, the old columns first; and the small table on the screen."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import math
import os
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tandem.atomic import write_whole
from tandem.errors import NotReadyError, TandemError
from tandem.plan import Plan

SCREEN_COLUMNS = 100

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
_ENERGY = (
    "energy_cpu_pkg_joules",
    "energy_cpu_ram_joules",
    "energy_cpu_total_joules",
    "energy_gpu_avg_watts",
    "energy_gpu_max_watts",
    "energy_gpu_min_watts",
    "energy_gpu_total_joules",
    "energy_gpu_temp_avg_celsius",
    "energy_gpu_temp_max_celsius",
    "energy_gpu_util_avg_percent",
    "energy_gpu_util_max_percent",
)
_ORIGIN = ("experiment_source", "num_mutated_params", "mutated_param", "mode", "error_message")
_OWN = (
    "status",
    "exit_code",
    "attempts",
    "bg_repository",
    "bg_model",
    "bg_hyperparameters",
    "bg_rounds_completed",
    "bg_rounds_failed",
    "coverage",
    "valid",
    "invalid_reasons",
)
_TITLES = ("experiment", "mode", "duration", "main metric", "rounds", "coverage", "valid")
_GAP = "  "


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

    `exit_code` is that of the last attempt, empty when a signal ended it. The energy columns are
    left out: nothing measures them yet.
    """
    mutated = record["mutated"]
    attempts = record["attempts"]
    background = record["background"] or {}
    values = {name: record[name] for name in (*_FIRST, "experiment_source", "mode")}
    values |= {f"hyperparam_{name}": value for name, value in record["hyperparameters"].items()}
    values |= {f"perf_{name}": value for name, value in record["performance_metrics"].items()}
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
        "bg_rounds_completed": background.get("rounds_completed"),
        "bg_rounds_failed": background.get("rounds_failed"),
        "coverage": background.get("coverage"),
        "valid": record["valid"],
        "invalid_reasons": "; ".join(record["invalid_reasons"]),
    }
    return {name: _cell(value) for name, value in values.items()}


def create(path: Path, columns: Sequence[str]) -> None:
    """Write a new table that holds only its header; a table that exists is never overwritten."""
    if path.exists():
        raise TandemError(f"{path}: there is a table already (give the run another folder)")
    try:
        write_whole(str(path), _line(columns))
    except OSError as error:
        raise NotReadyError(
            f"{path}: the table cannot be written: {error.strerror} (see to the disk)"
        ) from error


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
        raise OSError(None, "its header is missing or torn")
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


def print_table(rows: Sequence[Mapping[str, str]]) -> str:
    """The rows as a small plain table for the end of a run, why a row is not valid below it.

    The main metric is the first of a row that has a value. No line is longer than
    `SCREEN_COLUMNS`, long names are cut in the middle, and there is no newline at the end.
    """
    cells = [_TITLES, *(_screen_cells(row) for row in rows)]
    others = max(map(len, aligned([rest for _, *rest in cells])))
    left = SCREEN_COLUMNS - others - len(_GAP)
    lines = aligned([(_shortened(experiment, left), *rest) for experiment, *rest in cells])
    return "\n".join(lines + [line for row in rows for line in _why(row)])


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """The rows as lines, each column as wide as its widest cell, nothing trailing."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_GAP.join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _screen_cells(row: Mapping[str, str]) -> tuple[str, ...]:
    metrics = [name for name, text in row.items() if name.startswith("perf_") and text]
    coverage, rounds, duration = (
        row.get(name, "") for name in ("coverage", "bg_rounds_completed", "duration_seconds")
    )
    if row.get("bg_rounds_failed", "0") not in ("", "0"):
        rounds += f", {row['bg_rounds_failed']} failed"
    return (
        row["experiment_id"],
        row["mode"],
        f"{float(duration):.1f} s" if duration else "-",
        _shortened(_metric(row, metrics[0]), 24) if metrics else "-",
        rounds or "-",
        # Rounded down, so that what is below a limit never looks as if it had reached it.
        f"{math.floor(float(coverage) * 1000) / 10} %" if coverage else "-",
        "yes" if row["valid"] == "True" else "no",
    )


def _metric(row: Mapping[str, str], column: str) -> str:
    return f"{column.removeprefix('perf_')} {float(row[column]):.4g}"


def _shortened(text: str, width: int) -> str:
    """Both ends of what is longer than `width`: `_042_parallel` tells experiments apart."""
    return text if len(text) <= width else f"{text[: width - 15]}…{text[-14:]}"


def _why(row: Mapping[str, str]) -> list[str]:
    if row["valid"] == "True":
        return []
    why = row["invalid_reasons"] or row["error_message"] or row["status"]
    text = f"{row['experiment_id']} is not valid: {why}"
    return textwrap.wrap(text, SCREEN_COLUMNS, subsequent_indent="  ", break_on_hyphens=False)
