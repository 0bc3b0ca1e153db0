"""How long the rest of a run will take, from the experiments that have succeeded."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import fmean

from tandem.plan.model import Experiment

Kind = tuple[str, ...]


def kind_of(experiment: Experiment) -> Kind:
    """What experiments have in common whose epochs take about as long."""
    trainings = experiment.foreground, *(each.training for each in experiment.backgrounds)
    return tuple(f"{training.repo}/{training.model}" for training in trainings)


def epochs_of(experiment: Experiment) -> int:
    """The epochs that its flags ask for; 1 where they do not say, as for all of such a kind."""
    epochs = experiment.foreground.hyperparameters.get("epochs")
    return epochs if isinstance(epochs, int) and epochs > 0 else 1


class Forecast:
    """Seconds an epoch, the mean of the same kind; the mean of all where none of it has ended."""

    def __init__(self, missing: Iterable[Experiment]) -> None:
        """Take the experiments that are to come."""
        self.missing: Counter[Kind] = Counter()
        self.missing_epochs: Counter[Kind] = Counter()
        self.expect(missing)
        self.seconds_an_epoch: defaultdict[Kind, list[float]] = defaultdict(list)
        self.all_s: list[float] = []

    def expect(self, experiments: Iterable[Experiment]) -> None:
        """Take more that are to come."""
        for experiment in experiments:
            self._count(experiment, 1)

    def begin(self, experiment: Experiment) -> None:
        """Note that an experiment is no longer one of those to come."""
        self._count(experiment, -1)

    def _count(self, experiment: Experiment, number: int) -> None:
        kind = kind_of(experiment)
        self.missing[kind] += number
        self.missing_epochs[kind] += number * epochs_of(experiment)

    def note(self, experiment: Experiment, duration_s: float) -> None:
        """Note how long one that succeeded took, with the cool-down before it."""
        kind = kind_of(experiment)
        self.seconds_an_epoch[kind].append(duration_s / epochs_of(experiment))
        self.all_s.append(duration_s)

    def of(self, experiment: Experiment) -> float | None:
        """Return the seconds that an experiment will take, None where nothing has been seen."""
        return self._seconds(kind_of(experiment), 1, epochs_of(experiment))

    def rest_s(self) -> float | None:
        """Return the seconds for all that are to come, None where nothing has been seen."""
        kinds = [
            self._seconds(kind, count, self.missing_epochs[kind])
            for kind, count in self.missing.items()
        ]
        return sum(filter(None, kinds)) if self.all_s else None

    def _seconds(self, kind: Kind, count: int, epochs: int) -> float | None:
        if kind in self.seconds_an_epoch:
            return fmean(self.seconds_an_epoch[kind]) * epochs
        return fmean(self.all_s) * count if self.all_s else None
