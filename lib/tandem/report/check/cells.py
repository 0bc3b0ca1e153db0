"""The cells of a plan: what runs again and again, each a line of the table of `check`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from tandem.base.text import counted, printable, span, word
from tandem.base.variables import VISIBLE
from tandem.plan.command import text_of
from tandem.plan.model import Background, Experiment, Plan, Training
from tandem.plan.sharing import mps_words
from tandem.report.check.conditions import conditions_text
from tandem.report.check.lines import dose_words
from tandem.report.shell import shell_word

HEADINGS = ("values", "repeats", "background", "dose", "conditions")
_LONGEST_RANGES, _LONGEST_VALUE = 44, 60
_MOST_WORDS = 3  # drawn words that are shown one by one


@dataclass(frozen=True)
class Cell:
    """Experiments of an entry that differ in drawn values and repeat alone."""

    experiments: Sequence[Experiment]

    @property
    def first(self) -> Experiment:
        return self.experiments[0]

    @cached_property
    def repeats(self) -> Mapping[Hashable, int]:
        """How often each configuration runs: by its number, without numbers by its values."""
        return Counter(map(configuration_of, self.experiments))

    def values_of(self, name: str) -> set[Any]:
        """Return all values of a hyperparameter of the foreground."""
        return {experiment.foreground.hyperparameters[name] for experiment in self.experiments}

    def varies(self, name: str) -> bool:
        """Whether a hyperparameter differs between the repeats of a configuration."""
        first = configuration_of(self.first)
        of_first = [each for each in self.experiments if configuration_of(each) == first]
        return len({each.foreground.hyperparameters[name] for each in of_first}) > 1


def cells_of(plan: Plan) -> list[Cell]:
    """Return the cells in the order of the settings."""
    found: dict[Hashable, list[Experiment]] = {}
    for experiment in plan.experiments:
        found.setdefault(_key(experiment), []).append(experiment)
    return [Cell(found[key]) for key in sorted(found, key=lambda key: _order(found[key]))]


def _key(experiment: Experiment) -> Hashable:
    place, values = experiment.place, experiment.foreground.hyperparameters
    given = tuple(each for each in values.items() if each[0] not in experiment.foreground.mutated)
    load = (place.foreground_number, place.background_number) if place else experiment.mode
    return experiment.source_path, load, given, experiment.gpu_setup


def _order(experiments: Sequence[Experiment]) -> tuple[int, int]:
    first = experiments[0].place
    if first is None:
        return experiments[0].number, 0
    config = min(experiment.place.config for experiment in experiments if experiment.place)
    return config, first.background_number or 0


def configuration_of(experiment: Experiment) -> Hashable:
    """What is the same in all repeats: its number, without numbers its values."""
    if experiment.place:
        return experiment.place.config
    return tuple(experiment.foreground.hyperparameters.items())


# -- as text ---------------------------------------------------------------------------


def row_of(cell: Cell) -> tuple[str, ...]:
    """Return a cell as texts, in the order of the HEADINGS."""
    return (
        values_text(cell),
        span(cell.repeats.values()),
        background_text(cell.first) or "none",
        dose_text(cell.first.backgrounds),
        conditions_text(cell.first.gpu_setup),
    )


def training_name(training: Training) -> str:
    return f"{word(training.repo)} {word(training.model)}"


def values_text(cell: Cell) -> str:
    """Return the values of a foreground: those that are given, and what is drawn how often."""
    foreground = cell.first.foreground
    given = {n: v for n, v in foreground.hyperparameters.items() if n not in foreground.mutated}
    varied = [name for name in foreground.mutated if cell.varies(name)]
    drawn = [name for name in foreground.mutated if name not in varied]
    texts = [f"{word(name)}={value_text(value)}" for name, value in given.items()]
    texts += [*_gpus(foreground), *mps_words(foreground)]
    texts += [_drawn_text(cell, drawn)] if drawn else []
    texts += [f"{word(name)} varies" for name in varied]
    return ", ".join(texts) or "no values"


def _drawn_text(cell: Cell, names: Sequence[str]) -> str:
    """Return drawn values as the ranges that they lie in, or where that is long their names."""
    draws = counted(len(cell.repeats), "draw")
    ranges = ", ".join(f"{word(name)}={range_text(cell.values_of(name))}" for name in names)
    if len(ranges) <= _LONGEST_RANGES:
        return f"{ranges} ({draws})"
    return f"{draws} of {', '.join(map(word, names))}"


def range_text(values: set[Any]) -> str:
    """Return where drawn values lie: `0.001 to 0.1`, or words that are few, or their number."""
    if len(values) == 1:
        return value_text(next(iter(values)))
    if all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in values):
        return f"{_short(min(values))} to {_short(max(values))}"
    words = sorted(map(value_text, values))
    return " or ".join(words) if len(words) <= _MOST_WORDS else f"{len(words)} values"


def background_text(experiment: Experiment) -> str:
    """Return what loops beside a foreground; with its number in a design, by which it is named."""
    place = experiment.place
    number = f"b{place.background_number}: " if place and place.background_number else ""
    return number + " + ".join(map(_background, experiment.backgrounds))


def dose_text(backgrounds: Sequence[Background]) -> str:
    """Return the doses of backgrounds; of several each by its number."""
    texts = [", ".join(dose_words(background.dose)) for background in backgrounds]
    if len(texts) == 1:
        return texts[0]
    return "; ".join(f"{number}. {text}" for number, text in enumerate(texts, start=1) if text)


def _background(background: Background) -> str:
    auto = {size.name for size in background.auto}
    training = background.training
    texts = [
        f"{word(name)}={'auto' if name in auto else value_text(value)}"
        for name, value in training.hyperparameters.items()
    ]
    return " ".join([training_name(training), *texts, *_gpus(training), *mps_words(training)])


def _gpus(training: Training) -> list[str]:
    gpus = training.environment.get(VISIBLE)
    return [] if gpus is None else [f"gpus={printable(gpus) or 'none'}"]


def value_text(value: Any) -> str:
    """Return a value as a shell reads it, the beginning of one that is very long."""
    text = shell_word(text_of(value))
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _short(value: float) -> str:
    return text_of(float(f"{value:.3g}")) if isinstance(value, float) else str(value)
