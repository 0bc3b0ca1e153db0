"""How long the rest of a run will take, from the experiments that have succeeded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from statistics import fmean

from tandem.plan.model import Experiment
from tandem.results.pace import Kind, Pace, epochs_of, kind_of


class Forecast:
    """Seconds an epoch, the mean of the same kind; the mean of all where none of it has ended."""

    def __init__(self, missing: Iterable[Experiment]) -> None:
        """Take the experiments that are to come."""
        self.missing: Counter[Kind] = Counter()
        self.missing_epochs: Counter[Kind] = Counter()
        self.expect(missing)
        self.pace = Pace()
        self.all_s: list[float] = []

    def expect(self, experiments: Iterable[Experiment]) -> None:
        """Take more that are to come."""
        for experiment in experiments:
            self._count(experiment, 1)

    def expect_only(self, experiments: Iterable[Experiment]) -> None:
        """Take what is to come anew: others may have ended some of it."""
        self.missing.clear()
        self.missing_epochs.clear()
        self.expect(experiments)

    def begin(self, experiment: Experiment) -> None:
        """Note that an experiment is no longer one of those to come."""
        self._count(experiment, -1)

    def _count(self, experiment: Experiment, number: int) -> None:
        kind = kind_of(experiment)
        self.missing[kind] += number
        self.missing_epochs[kind] += number * _epochs(experiment)

    def note(self, experiment: Experiment, duration_s: float) -> None:
        """Note how long one that succeeded took, with the cool-down before it."""
        self.pace.note(kind_of(experiment), _epochs(experiment), duration_s)
        self.all_s.append(duration_s)

    def of(self, experiment: Experiment) -> float | None:
        """Return the seconds that an experiment will take, None where nothing has been seen."""
        return self._seconds(kind_of(experiment), 1, _epochs(experiment))

    def rest_s(self) -> float | None:
        """Return the seconds for all that are to come; None: there are some, and none was seen."""
        if not any(self.missing.values()):
            return 0.0
        kinds = [
            self._seconds(kind, count, self.missing_epochs[kind])
            for kind, count in self.missing.items()
        ]
        return sum(filter(None, kinds)) if self.all_s else None

    def _seconds(self, kind: Kind, count: int, epochs: int) -> float | None:
        seconds = self.pace.seconds(kind, epochs)
        if seconds is not None or not self.all_s:
            return seconds
        return fmean(self.all_s) * count


def _epochs(experiment: Experiment) -> int:
    return epochs_of(experiment.foreground.hyperparameters)
