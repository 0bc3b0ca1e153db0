"""A row of summary.csv: what it says of one experiment."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, cast

from tandem.results.columns import (
    BESIDE,
    ENERGY,
    FIGURES,
    FIRST,
    INTERFERENCE,
    PLACE,
    SET,
    Row,
    Value,
)
from tandem.results.record import Record, foreground_window, load_of
from tandem.results.record_background import BackgroundPart
from tandem.results.record_pair import Interference, figures_of
from tandem.results.uncertainty import of_duration_s, of_gpu_energy_j

_BETWEEN = "; "  # boards
_DOSE = (
    "max_rounds",
    "intensity",
    "target_gpu_utilization",
    "gpu_memory_mib",
    "gpu_memory_fraction",
)


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
    values: Row = {name: first[name] for name in (*FIRST, "experiment_source", "mode")}
    values |= {f"hyperparam_{name}": value for name, value in record["hyperparameters"].items()}
    values |= {f"perf_{name}": value for name, value in record["performance_metrics"].items()}
    values |= {column: energy.get(key) for column, key in ENERGY.items()}
    values |= dict.fromkeys(FIGURES)
    for column, key in INTERFERENCE.items():
        if key in figures:
            values[column] = figures[key]["value"]
            values[column + BESIDE] = figures[key]["clock_uncertainty"]
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
        **dict.fromkeys(PLACE),
        **cast(Row, record["place"] or {}),
        "group": record["group"],
        "try_number": record["try_number"],
        "counts": counts,
        "valid": record["valid"],
        "invalid_reasons": "; ".join(record["invalid_reasons"]),
        "warnings": "; ".join(record["warnings"]),
    }
    setup = record["gpu_setup"]
    values |= {"sharing": setup["sharing"], **{key: setup["requested"].get(key) for key in SET}}
    return values | machine_values(record) | origin(record)


def origin(record: Record) -> Row:
    """Return where and when the last attempt ran, and how sure its duration and energy are."""
    attempts, window = record["attempts"], foreground_window(record)
    gpus = window["gpus"] if window else []
    has_energy = (record["energy_metrics"] or {}).get("gpu_energy_total_joules") is not None
    git = record["environment"]["repository_git"]
    gains = (gpu["board_gain_percent"] for gpu in gpus)
    return {
        "host": record["environment"]["hostname"],
        "node_shared": record["environment"]["node_shared"],
        "board": _BETWEEN.join(gpu["uuid"] for gpu in gpus) or None,
        "board_name": "; ".join(gpu["name"] for gpu in gpus) or None,
        "commit": git["commit"],
        "dirty": git["dirty"],
        "seed": record["seed"],
        "start": attempts[-1]["started"] if attempts else None,
        "end": attempts[-1]["ended"] if attempts else None,
        "duration_uncertainty_seconds": of_duration_s(record),
        "energy_gpu_total_uncertainty_joules": of_gpu_energy_j(window) if has_energy else None,
        "energy_gpu_board_gain_percent": max(gains, default=None) if has_energy else None,
    }


def first_on(boards: Collection[str], rows: Iterable[Row]) -> str | None:
    """Return which experiment, by its row, was the first on any of these boards; None: none was."""
    here = [row for row in rows if not {*str(row["board"]).split(_BETWEEN)}.isdisjoint(boards)]
    return str(min(here, key=lambda row: str(row["timestamp"]))["experiment_id"]) if here else None


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


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
