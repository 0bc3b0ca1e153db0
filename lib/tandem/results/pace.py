"""How long experiments of a kind take, by the epochs of their foregrounds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from tandem.plan.model import Experiment
from tandem.results.record import Record

Kind = tuple[str, ...]  # "repository model" of the foreground, then of each background


def kind_of(experiment: Experiment) -> Kind:
    """What experiments have in common whose epochs take about as long."""
    trainings = experiment.foreground, *(each.training for each in experiment.backgrounds)
    return tuple(f"{training.repo} {training.model}" for training in trainings)


def kind_of_record(record: Record) -> Kind:
    """Return the kind of the experiment that a record is of."""
    background = record["background"]
    trainings = record, *(background["parts"] if background else ())
    return tuple(f"{each['repository']} {each['model']}" for each in trainings)


def epochs_of(hyperparameters: Mapping[str, Any]) -> int:
    """The epochs that the flags ask for; 1 where they do not say, as for all of such a kind."""
    epochs = hyperparameters.get("epochs")
    return epochs if isinstance(epochs, int) and epochs > 0 else 1


@dataclass
class Pace:
    """Seconds an epoch of each kind, as they were seen."""

    seconds_an_epoch: defaultdict[Kind, list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )

    def note(self, kind: Kind, epochs: int, duration_s: float) -> None:
        self.seconds_an_epoch[kind].append(duration_s / epochs)

    def seconds(self, kind: Kind, epochs: int) -> float | None:
        """Return how long so many epochs take, None where none of the kind has been seen."""
        seen = self.seconds_an_epoch.get(kind)
        return fmean(seen) * epochs if seen else None
