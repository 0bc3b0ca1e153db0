"""How a person names what is to be compared: RUN, or RUN:TERM,TERM with what is wanted of it.

    results/run_20261124_103102:c07                 a configuration
    results/run_20261124_103102:b2                  a load, which is a background and its dose
    results/run_20261124_103102:dropout=0.5,b2      a level of a factor, beside that load

A term is cN or config=N, bN, background=N or background=REPO/MODEL, intensity=X,
foreground=REPO/MODEL, a condition of the GPUs (sharing=mps, power_limit_watts=300,
sm_clock_mhz=1200, memory_clock_mhz=2619), or a hyperparameter of the foreground with its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.text import quote, suggestion
from tandem.config.options import CONDITIONS
from tandem.interference.compare.pairs import Pair
from tandem.interference.compare.setup import SHARING, sharing_label

CONFIG, BACKGROUND, INTENSITY, FOREGROUND = "config", "background", "intensity", "foreground"
FACTORS = (CONFIG, BACKGROUND, INTENSITY, FOREGROUND, *CONDITIONS)
NONE = "none"
_MOST_NAMES = 10  # of one group
_SHORT = {"c": CONFIG, "b": BACKGROUND}
_NUMBER = re.compile(r"([cb])0*([1-9][0-9]*)")
_COMMA = re.compile(r",(?=[\w.-]+=|[cb][0-9]+(?:,|$))")

Term = tuple[str, str]


@dataclass(frozen=True)
class Name:
    """A run's folder, as it was typed, and the terms behind it."""

    text: str
    run: str
    terms: tuple[Term, ...]


def name_of(text: str) -> Name:
    """Return what somebody has typed; UsageError: a term is none."""
    if Path(text).exists() or ":" not in text:
        return Name(text, text, ())
    run, terms = split(text)
    return Name(text, run, tuple(term_of(term, text) for term in _COMMA.split(terms)))


def split(text: str) -> tuple[str, str]:
    """Return run and terms: at the first colon before which there is a folder, else the first."""
    places = [place for place, character in enumerate(text) if character == ":"]
    place = next((each for each in places if Path(text[:each] or ".").is_dir()), places[0])
    return text[:place], text[place + 1 :]


def term_of(term: str, text: str) -> Term:
    if match := _NUMBER.fullmatch(term):
        return _SHORT[match[1]], match[2]
    factor, is_term, value = term.partition("=")
    if not is_term or not factor:
        raise UsageError(
            f"{text}: {quote(term)} names nothing (behind the colon stand c07, b2, intensity=0.5,"
            " background=REPO/MODEL, foreground=REPO/MODEL, sharing=mps, power_limit_watts=300,"
            " or a hyperparameter: dropout=0.5)"
        )
    return factor, value


def selected(pairs: Sequence[Pair], name: Name) -> list[Pair]:
    """Return the pairs of a run that a name means; UsageError: none."""
    folder = cache(lambda run: Path(run).resolve())
    found = [pair for pair in pairs if folder(pair.run) == folder(name.run)]
    for factor, value in name.terms:
        levels = levels_of(found, factor)
        fitting = [pair for pair in found if fits(pair, factor, value)]
        if found and not fitting:
            raise UsageError(
                f"{name.text}: no valid pair has {factor}={value} (known: {shown_levels(levels)})"
            )
        found = fitting
    return found


def shown_levels(levels: Iterable[str]) -> str:
    every = list(dict.fromkeys(levels))
    return ", ".join(every[:10]) + (f" and {len(every) - 10} more" if len(every) > 10 else "")


def fits(pair: Pair, factor: str, value: str) -> bool:
    level = level_of(pair, factor)
    if factor == BACKGROUND and not value.isdecimal():
        return value in names_of(pair.cell.load.background)
    if factor == FOREGROUND:
        return value in names_of(level)
    if factor == SHARING and value.casefold() == sharing_label(level).casefold():
        return True
    return is_same(level, value)


def names_of(training: str) -> tuple[str, str]:
    """Return repository and model, and the model alone."""
    return training, training.partition("/")[2]


@cache  # few levels, in thousands of pairs
def is_same(level: str, value: str) -> bool:
    """Whether two texts are the same value; numbers are compared as numbers."""
    if level.casefold() == value.casefold():
        return True
    try:
        return float(level) == float(value)
    except ValueError:
        return False


def level_of(pair: Pair, factor: str) -> str:
    """Return a pair's level of a factor as text; of what it does not have, "none"."""
    if factor in _LEVELS:
        return _LEVELS[factor](pair)
    if factor in CONDITIONS:
        value = pair.cell.setup.values[factor]
        return number_text(value) if isinstance(value, float) else str(value or NONE)
    value = pair.hyperparameters.get(factor)
    return NONE if value is None else f"{value}"


def number_text(value: float | None) -> str:
    return NONE if value is None else f"{value:.15g}"


_LEVELS: dict[str, Callable[[Pair], str]] = {
    CONFIG: lambda pair: str(pair.config),
    BACKGROUND: lambda pair: str(pair.number),
    INTENSITY: lambda pair: number_text(pair.cell.load.intensity),
    FOREGROUND: lambda pair: pair.cell.foreground,
}


def levels_of(pairs: Sequence[Pair], factor: str) -> list[str]:
    """Return the levels of a factor; UsageError: there is no such factor."""
    known = {*FACTORS, *(name for pair in pairs for name in pair.hyperparameters)}
    if pairs and factor not in known:
        raise UsageError(f"{quote(factor)} is no factor{suggestion(factor, sorted(known))}")
    return [level_of(pair, factor) for pair in pairs]


# -- names to type ---------------------------------------------------------------------


class Namer:
    """Says what a person types to select some pairs among all that can be compared."""

    def __init__(self, every: Sequence[Pair]) -> None:
        self.runs: dict[str, list[Pair]] = {}
        for pair in every:
            self.runs.setdefault(pair.run, []).append(pair)
        self.digits = max(2, len(str(max((pair.config or 0 for pair in every), default=0))))
        self.fitting = cache(self._fitting)

    def _fitting(self, run: str, factor: str, value: str) -> frozenset[str]:
        return frozenset(pair.experiment_id for pair in self.runs[run] if fits(pair, factor, value))

    def names(self, wanted: Sequence[Pair]) -> list[str]:
        """Return a name for each run of the pairs wanted."""
        by_run: dict[str, list[Pair]] = {}
        for pair in wanted:
            by_run.setdefault(pair.run, []).append(pair)
        return [name for run, pairs in by_run.items() for name in self._names_in(run, pairs)]

    def _names_in(self, run: str, wanted: Sequence[Pair]) -> list[str]:
        """Return one name, or one for each configuration where one says too much."""
        name, is_exact = self._name(run, wanted)
        configurations: dict[int | None, list[Pair]] = {}
        for pair in wanted:
            configurations.setdefault(pair.config, []).append(pair)
        if is_exact or not 1 < len(configurations) <= _MOST_NAMES:
            return [name]
        return [self._name(run, pairs)[0] for pairs in configurations.values()]

    def _name(self, run: str, wanted: Sequence[Pair]) -> tuple[str, bool]:
        """Return the terms, in their order, that leave out others; whether they do all others."""
        ids = {pair.experiment_id for pair in wanted}
        names, rest = list[str](), frozenset(pair.experiment_id for pair in self.runs[run])
        for factor, value, text in self._terms(wanted[0]):
            fitting = self.fitting(run, factor, value)
            if ids <= fitting and not rest <= fitting:
                names, rest = [*names, text], rest & fitting
        return f"{run}:{','.join(names)}" if names else run, rest == ids

    def _terms(self, pair: Pair) -> Iterator[tuple[str, str, str]]:
        """Yield terms that fit a pair: factor, value, and how both are written."""
        level = {factor: level_of(pair, factor) for factor in (*FACTORS, *pair.given)}
        yield BACKGROUND, level[BACKGROUND], f"b{pair.number}"
        yield BACKGROUND, pair.cell.load.background, f"{BACKGROUND}={pair.cell.load.background}"
        for factor in (INTENSITY, FOREGROUND, *CONDITIONS, *pair.given):
            yield factor, level[factor], f"{factor}={level[factor]}"
        yield CONFIG, level[CONFIG], f"c{pair.config:0{self.digits}}"
