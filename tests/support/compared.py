"""Parallel experiments with figures, for tests of what compares them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tandem.interference.compare.comparison import comparison
from tandem.interference.figures import NAMES
from tandem.results.record import Record
from tandem.results.record_pair import Figure, Interference
from tandem.results.record_setup import GpuSetup
from tandem.results.record_window import Window

from support import records
from support.records import of, put

Pair = tuple[Record, Interference]
NO_SOLO = "no solo control (set controls.solo)"


def figure(value: float | None, uncertainty: float | None, reason: str | None = None) -> Figure:
    return {"value": value, "clock_uncertainty": uncertainty, "label": "derived", "reason": reason}


def figures(value: float | None, **others: float) -> dict[str, Figure]:
    """Figures that all have one value, but for those that are named."""
    return {name: figure(others.get(name, value), 0.01) for name in NAMES}


def setup(sharing: str | None = "time_slicing", **asked: float) -> GpuSetup:
    """Boards that were shared in some way, and what was asked of them by settings key."""
    made = of(GpuSetup, sharing=sharing, mig=[])
    made["requested"] = {**dict.fromkeys(made["requested"]), "sharing": sharing, **asked}
    return made


def parallel(number: int, value: float = 1.25, /, **values: Any) -> Pair:
    """A parallel record of version 1's settings, and figures that all have the same value.

    Its learning rate was drawn; more values of the record by their paths.
    """
    own_id, twin = f"digits_mlp_{number:03d}_parallel", f"digits_mlp_{number + 1:03d}_solo"
    alone = of(Window, name="background", attempt=None)
    alone["started"] = f"2026-01-31T12:{number % 60:02d}:00+00:00"
    record = records.record(
        experiment_id=own_id,
        twin=twin,
        group=own_id,
        place=None,
        hyperparameters={"epochs": 20, "learning_rate": number / 1000},
        mutated=["learning_rate"],
        epochs_done=20,
        windows=[alone, of(Window, **{"gpus[0].name": "NVIDIA A100"})],
        **{
            "gpu_setup": setup(),
            "environment.device": "cuda",
            "background.model": "wide",
            "background.hyperparameters": {"epochs": 8},
        },
    )
    put(record, **values)
    return record, records.interference(experiment_id=own_id, twin=twin, figures=figures(value))


def designed(config: int, load: int, block: int, value: float = 1.25, /, **values: Any) -> Pair:
    """A parallel record of a design: its values and its load go by their numbers.

    Configurations have a learning rate of their own by two and two, and dropout 0 and 0.5 in turn.
    """
    name, group = f"digits_mlp_c{config:02d}", f"c{config:02d}_r{block}"
    record, figures = parallel(block, value)
    put(
        record,
        experiment_id=f"{name}_b{load}_r{block}_parallel",
        twin=f"{name}_r{block}_solo",
        group=group,
        place={
            **{"config": config, "background_number": load, "repeat": block},
            **{"block": block, "position": load},
        },
        hyperparameters={
            **{"epochs": 20, "dropout": 0.5 * ((config + 1) % 2), "seed": block},
            "learning_rate": (config + 1) // 2 / 1000,
        },
        mutated=["learning_rate", "seed"],
        **{"background.parts[0].intensity": load / 4, "windows[0].started": f"{load} {group}"},
    )
    put(record, **values)
    figures["experiment_id"], figures["twin"] = record["experiment_id"], record["twin"]
    return record, figures


def design(
    configs: Sequence[int], loads: Sequence[int], blocks: Sequence[int], step: float = 0.01
) -> Iterator[Pair]:
    """All of them: a value is 1, a tenth for each load, and a step for config and block each."""
    for config in configs:
        for load in loads:
            for block in blocks:
                yield designed(config, load, block, 1 + load / 10 + step * (config + block))


def groups(run: Path | str, *more: Path | str, **options: Any) -> list[dict[str, Any]]:
    found = comparison([str(each) for each in (run, *more)], **options)
    return list(found["groups"])


def rows(group: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["figure"]: row for row in group["rows"]}
