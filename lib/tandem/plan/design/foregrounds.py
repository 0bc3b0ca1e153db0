"""The foregrounds of a design, looked up: what is passed, what has levels, what is drawn."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from tandem.base.errors import UsageError
from tandem.base.text import quote, word
from tandem.config.entries import ForegroundDesign, Range, TrainingEntry
from tandem.config.hyperparameter import SWITCH, Hyperparameter, Value, given_value
from tandem.config.jsonfile import is_annotation
from tandem.config.options import MPS, GpuSetup
from tandem.config.problems import Problem, has_errors, join
from tandem.config.registry import Repository
from tandem.plan.command import words_of
from tandem.plan.resolve import Resolved, Resolver, unknown_name


@dataclass(frozen=True)
class Foreground:
    """A foreground of a design of which every part exists; `number` is that in its entry.

    `levels` are the values of its factors, each once. `drawn` are the hyperparameters that each
    configuration has a value of its own of, `varied` those with another value in each repeat;
    `resolved.drawn` has both.
    """

    number: int
    design: ForegroundDesign
    resolved: Resolved
    levels: Mapping[str, tuple[Value, ...]]
    drawn: tuple[Hyperparameter, ...]
    varied: tuple[Hyperparameter, ...]

    def key(self, gpu_setup: GpuSetup) -> Hashable:
        """What it is apart from its hyperparameters, under these conditions."""
        mps = tuple(sorted(self.design.mps.items())) if gpu_setup.sharing == MPS else ()
        return self.resolved.repository.name, self.resolved.model, self.design.gpus, gpu_setup, mps

    @property
    def order(self) -> Iterable[str]:
        """The names of all hyperparameters of its repository, in the registry's order."""
        return self.resolved.repository.hyperparameters


def look_up(
    design: ForegroundDesign, number: int, vary: Sequence[str], vary_place: str, resolver: Resolver
) -> tuple[Foreground | None, list[Problem]]:
    """The foreground, or None where it cannot run, and everything found on the way.

    `vary` names the hyperparameters that are to differ from repeat to repeat, and stands at
    `vary_place`.
    """
    places = {key: join(design.path, key) for key in ("repo", "model", "hyperparameters")}
    entry = TrainingEntry(
        path=design.path,
        mode="default",
        repo=design.repo,
        model=design.model,
        mutate={},
        draws_all=False,
        hyperparameters=design.given,
        places={**places, **design.places},
        gpus=design.gpus,
        mps=design.mps,
    )
    resolved, problems = resolver.resolve(entry)
    repository = resolver.repository(design.repo)
    if repository is None:
        return None, problems
    reader = _Reader(entry, design, repository, resolver)
    levels = dict(reader.levels())
    drawn = tuple(reader.drawn())
    varied = tuple(reader.varied(vary, vary_place))
    problems += reader.problems
    if resolved is None or has_errors(problems):
        return None, problems
    by_chance = {hyperparameter.name: hyperparameter for hyperparameter in (*drawn, *varied)}
    ordered = [by_chance[name] for name in repository.hyperparameters if name in by_chance]
    resolved = replace(resolved, drawn=tuple(ordered))
    return Foreground(number, design, resolved, levels, drawn, varied), problems


class _Reader:
    """Reads the hyperparameters of one foreground and collects the problems on the way."""

    def __init__(
        self,
        entry: TrainingEntry,
        design: ForegroundDesign,
        repository: Repository,
        resolver: Resolver,
    ) -> None:
        self.problems: list[Problem] = []
        self._entry = entry
        self._design = design
        self._repository = repository
        self._resolver = resolver

    def levels(self) -> Iterator[tuple[str, tuple[Value, ...]]]:
        """The values of each factor, each once."""
        for name, given in self._design.factors.items():
            if hyperparameter := self._known(name, self._place(name)):
                read: dict[Value, None] = {}
                for index, value in enumerate(given):
                    place = join(join(self._place(name), "values"), index)
                    if (level := self._value(hyperparameter, value, place)) is not None:
                        read[level] = None
                yield name, tuple(read)

    def drawn(self) -> Iterator[Hyperparameter]:
        """What is drawn once for each configuration, in the registry's order."""
        for name in self._design.drawn:
            self._known(name, self._place(name))
        for name, hyperparameter in self._repository.hyperparameters.items():
            if name in self._design.drawn:
                wanted = self._design.drawn[name]
                yield from self._to_draw(hyperparameter, wanted, self._place(name))

    def varied(self, names: Sequence[str], place: str) -> Iterator[Hyperparameter]:
        """What is drawn anew for each repeat."""
        for index, name in enumerate(names):
            where = join(place, index)
            if hyperparameter := self._known(name, where):
                yield from self._to_draw(hyperparameter, None, where)

    def _place(self, name: str) -> str:
        places = self._entry.places
        return places.get(f"hyperparameters.{name}") or join(places["hyperparameters"], name)

    def _known(self, name: str, place: str) -> Hyperparameter | None:
        """The hyperparameter; None where there is none, and an error unless it annotates."""
        found = self._repository.hyperparameters.get(name)
        if found is None and not is_annotation(name):
            self._fail(place, unknown_name(name, self._repository))
        return found

    def _value(self, hyperparameter: Hyperparameter, value: Any, place: str) -> Value | None:
        try:
            found = given_value(hyperparameter, value)
            words_of(hyperparameter, found)
        except UsageError as error:
            self._fail(place, str(error))
            return None
        self.problems += self._resolver.doubts(place, hyperparameter, found)
        return found

    def _to_draw(
        self, hyperparameter: Hyperparameter, wanted: Range | None, place: str
    ) -> Iterator[Hyperparameter]:
        """The hyperparameter with what its values are drawn from; nothing where that is wrong."""
        try:
            found = to_draw(hyperparameter, wanted)
        except UsageError as error:
            self._fail(place, f"{quote(hyperparameter.name)} of {self._of()} {error}")
            return
        self.problems += self._resolver.doubts(place, found)
        yield found

    def _of(self) -> str:
        return word(self._repository.name)

    def _fail(self, place: str, message: str) -> None:
        self.problems.append(self._resolver.error(place, message))


def to_draw(hyperparameter: Hyperparameter, wanted: Range | None) -> Hyperparameter:
    """The hyperparameter as a design draws it: from the range, or else from the registry's.

    Its default is a value like any other. Raises UsageError where nothing can be drawn.
    """
    found = replace(hyperparameter, default=None)
    if wanted is not None:
        low, high = _ends(hyperparameter, wanted)
        distribution = wanted.distribution
        return replace(
            found, low=low, high=high, distribution=distribution, zero_probability=0.0, choices=()
        )
    if found.kind == SWITCH and not found.choices:
        found = replace(found, choices=(False, True))
    if not found.can_be_drawn:
        hint = 'give {"range": [low, high]}, or add a range, or choices, to the registry'
        raise UsageError(f"has no range to draw from ({hint})")
    for value in found.choices:
        given_value(hyperparameter, value)  # a switch that cannot be switched off
    return found


def _ends(hyperparameter: Hyperparameter, wanted: Range) -> tuple[int | float, int | float]:
    if hyperparameter.choices or hyperparameter.kind not in ("int", "float"):
        hint = 'write {"draw": true}, or list its values: {"values": [...]}'
        raise UsageError(f"is not drawn from a range: it has choices, or is no number ({hint})")
    low, high = (given_value(hyperparameter, end) for end in (wanted.low, wanted.high))
    assert isinstance(low, (int, float))
    assert isinstance(high, (int, float))
    return low, high
