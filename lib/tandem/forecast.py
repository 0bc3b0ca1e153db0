"""How long the rest of a run will take, from the experiments that have ended."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from statistics import fmean

from tandem.planned import Experiment, Training

Kind = tuple[str | None, ...]


def kind_of(experiment: Experiment) -> Kind:
    """What experiments that take about as long have in common."""
    return _name(experiment.foreground), _name(experiment.background)


def _name(training: Training | None) -> str | None:
    return f"{training.repo}/{training.model}" if training else None


class Forecast:
    """Means over those of the same kind, or over all where none of the kind has ended yet."""

    def __init__(self, missing: Iterable[Experiment]) -> None:
        """Take the experiments that are to come."""
        self.missing = Counter(map(kind_of, missing))
        self.seen_s: defaultdict[Kind, list[float]] = defaultdict(list)

    def begin(self, experiment: Experiment) -> None:
        """Note that an experiment is no longer one of those to come."""
        self.missing[kind_of(experiment)] -= 1

    def note(self, experiment: Experiment, duration_s: float) -> None:
        """Note how long an experiment took, with the cool-down before it."""
        self.seen_s[kind_of(experiment)].append(duration_s)

    def of(self, experiment: Experiment) -> float | None:
        """Return the seconds that an experiment will take, None where nothing has been seen."""
        return self._of_kind(kind_of(experiment))

    def rest_s(self) -> float | None:
        """Return the seconds for all that are to come, None where nothing has been seen."""
        if not self.seen_s:
            return None
        return sum(count * (self._of_kind(kind) or 0.0) for kind, count in self.missing.items())

    def _of_kind(self, kind: Kind) -> float | None:
        if kind in self.seen_s:
            return fmean(self.seen_s[kind])
        everything_s = [each_s for kind_s in self.seen_s.values() for each_s in kind_s]
        return fmean(everything_s) if everything_s else None
