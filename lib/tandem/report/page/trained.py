"""What the report keeps of each valid experiment: what work, how long, joules, metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tandem.interference.usable import flags
from tandem.report.page.markup import visible
from tandem.results.reading import ExperimentReading
from tandem.results.record import Record, is_warm_up

GPU, CPU = "gpu_energy_total_joules", "cpu_energy_total_joules"


@dataclass(frozen=True)
class Trained:
    """`values` are the foreground's, without those that were drawn; `background` is "" of none."""

    experiment: str
    foreground: str
    values: str
    background: str
    duration_s: float | None
    gpu_j: float | None
    cpu_j: float | None
    energy_reason: str | None
    metrics: Mapping[str, float | None]

    @property
    def configuration(self) -> str:
        return f"{self.foreground} {self.values}".strip()


def trained(experiment: ExperimentReading) -> Trained | None:
    """Return what a record says; None: it is not valid, or does not count, or is not whole."""
    record = experiment.record
    if record is None or not experiment.counts or not record["valid"]:
        return None
    try:
        return None if is_warm_up(record) else trained_of(record)
    except (KeyError, TypeError, AttributeError):  # of an earlier version, or damaged
        return None


def trained_of(record: Record) -> Trained:
    values, energy = record["hyperparameters"], record["energy_metrics"] or {}
    drawn = {*record["mutated"], "seed"}
    background = record["background"]
    return Trained(
        experiment=visible(record["experiment_id"]),
        foreground=f"{record['repository']}/{record['model']}",
        values=flags({name: value for name, value in values.items() if name not in drawn}),
        background=background_text(background) if background else "",
        duration_s=record["duration_seconds"],
        gpu_j=energy.get(GPU),
        cpu_j=energy.get(CPU),
        energy_reason=record["energy_reason"],
        metrics=record["performance_metrics"],
    )


def background_text(background: Mapping[str, object]) -> str:
    return f"{background['repository']}/{background['model']}"
