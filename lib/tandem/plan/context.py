"""What the settings of both versions are planned with, and what is found on the way."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path

from tandem.config.entries import BackgroundEntry, Settings
from tandem.config.options import Limits
from tandem.config.problems import Problem, is_within, join, line_of
from tandem.config.registry import Registry
from tandem.plan.history import History
from tandem.plan.model import Background, Training
from tandem.plan.resolve import Resolved, Resolver

MAX_EXPERIMENTS = 100_000  # of a plan


class Context:
    """Registry, seed and tables at hand; `problems` are those found while planning."""

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        root: Path,
        seed: int,
        *,
        grace_s: float | None,
        history: History,
    ) -> None:
        self.problems: list[Problem] = []
        self.file = str(settings.file or "")
        self.resolver = Resolver(registry, root, self.file, is_strict=settings.version > 1)
        self.seed = seed
        self.history = history
        self.tables = settings.tables
        self._grace_s = grace_s
        self._wrong = {
            _entry_of(problem) for problem in settings.problems if problem.severity == "error"
        }
        self._of_entry: defaultdict[str, list[Problem]] = defaultdict(list)
        for problem in settings.problems:
            self._of_entry[_entry_of(problem)].append(problem)
        self._of_repository = {
            name: [it for it in registry.problems if is_within(it.path, join("models", name))]
            for name in registry.repos
        }

    def find(self, entry: str, problems: Iterable[Problem]) -> None:
        """Note what was found in the entry at this path."""
        found = list(problems)
        self.problems += found
        self._of_entry[entry] += found

    def fail(self, place: str, message: str) -> None:
        """Note an error."""
        self.problems.append(Problem("error", place, message, self.file))

    def is_wrong(self, entry: str) -> bool:
        """Whether an error in the settings lies inside the entry at this path."""
        return entry in self._wrong

    @property
    def is_wrong_for_all(self) -> bool:
        """Whether an error in the settings lies in what is said for all entries."""
        return not all(map(is_in_entry, self._wrong))

    def backgrounds(
        self, given: Sequence[BackgroundEntry], foregrounds: Sequence[Resolved]
    ) -> tuple[list[Resolved], list[Problem]]:
        """Look up what is to loop side by side, beside each of the foregrounds."""
        resolved: list[Resolved] = []
        problems: list[Problem] = []
        for each in given:
            background, more = self.resolver.resolve(each.training, is_background=True)
            problems += more
            if background:
                place = each.training.places["repo"]
                for other in (*foregrounds, *resolved):
                    problems += self.resolver.shared(other, background, place)
                resolved.append(background)
        return resolved, problems

    def limits(self, limits: Limits) -> Limits:
        """The limits with what the command line says."""
        return limits if self._grace_s is None else replace(limits, grace_s=self._grace_s)

    def warnings(
        self, entry: str, foreground: Training, backgrounds: Sequence[Background]
    ) -> tuple[str, ...]:
        """The lines of those that concern the entry or a repository that it uses."""
        trainings = foreground, *(background.training for background in backgrounds)
        repositories = dict.fromkeys(training.repo for training in trainings)
        problems = [self._of_entry[entry], *map(self._of_repository.__getitem__, repositories)]
        return tuple(line_of(it) for it in chain(*problems) if it.severity == "warning")


def is_in_entry(path: str) -> bool:
    """Whether a path lies in an entry, and not in what is said for all of them."""
    return path.startswith("experiments[")


def _entry_of(problem: Problem) -> str:
    """The path of the entry, or of the key of the top level, that the problem lies in."""
    return re.split(r"(?<=\])|\.", problem.path, maxsplit=1)[0]
