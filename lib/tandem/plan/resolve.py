"""Look the trainings of the settings up in the registry and on the disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.text import printable, quote, quote_path, suggestion, word
from tandem.base.variables import VISIBLE
from tandem.config.dialect import OF_VERSION_2
from tandem.config.entries import BackgroundEntry, TrainingEntry
from tandem.config.expansion import value_doubt
from tandem.config.hyperparameter import Hyperparameter, Value, given_value
from tandem.config.jsonfile import is_annotation
from tandem.config.problems import Problem, has_errors, join
from tandem.config.registry import Registry, Repository
from tandem.plan.command import out_words, registry_words, training_command, words_of
from tandem.plan.dashes import dash_doubt
from tandem.plan.folders import Folder, folder_of
from tandem.plan.model import Background, Size, Training

AUTO = "auto"


@dataclass(frozen=True)
class Resolved:
    """A training of which every part exists: what to draw, what to pass, where it runs.

    `auto` is the hyperparameter whose largest fitting size is to be found, if there is one; among
    the given values it has its largest.
    """

    repository: Repository
    model: str
    drawn: tuple[Hyperparameter, ...]
    given: Mapping[str, Value]
    work_dir: Path
    auto: Hyperparameter | None = None


class Resolver:
    """Looks up the trainings of one settings file, named `file` in the problems.

    Where `is_strict`, a value of a hyperparameter that is not known is an error.
    """

    def __init__(
        self, registry: Registry, root: Path, file: str, *, is_strict: bool = False
    ) -> None:
        self._registry = registry
        self._root = root
        self._file = file
        self._is_strict = is_strict
        self._folders: dict[str, Folder] = {}

    def repository(self, name: str | None) -> Repository | None:
        """The repository of that name, if there is one."""
        return None if name is None else self._registry.repos.get(name)

    def resolve(
        self, entry: TrainingEntry, *, is_background: bool = False
    ) -> tuple[Resolved | None, list[Problem]]:
        """The training, or None where it cannot run; and everything found on the way.

        `is_background` says that it is a background, for which a size may be found.
        """
        if entry.repo is None:
            return None, []
        repository = self._registry.repos.get(entry.repo)
        if repository is None:
            return None, [self.error(entry.places["repo"], self._unknown(entry.repo))]
        problems = self._model(entry, repository) + self._folder(entry, repository)
        drawn: list[Hyperparameter] = []
        given: dict[str, Value] = {}
        auto = None
        if entry.mode == "mutation":
            drawn, more = self._drawn(entry, repository)
        else:
            auto, more = self._auto(entry, repository, is_background)
            problems += more
            given, more = self._given(entry, repository)
        problems += more
        if entry.model is None or has_errors(problems):
            return None, problems
        folder = self._folders[repository.name]
        parts = tuple(drawn), given, folder.path, auto
        return Resolved(folder.repository, entry.model, *parts), problems

    def shared(self, other: Resolved, background: Resolved, place: str) -> list[Problem]:
        """A warning, at `place`, where both write into one folder."""
        pair = other.repository, background.repository
        first, second = (self._folders[repository.name].real for repository in pair)
        if first != second or all(repository.safe_to_share for repository in pair):
            return []
        message = (
            f"shares the folder {quote_path(background.work_dir)} with another training beside it:"
            " each may overwrite files of the other (take another repository, or put"
            ' "safe_to_share": true into the registry if trainings write nothing there)'
        )
        return [Problem("warning", place, message, self._file)]

    def error(self, path: str, message: str) -> Problem:
        """An error at a place in the settings."""
        return Problem("error", path, message, self._file)

    def _unknown(self, name: str) -> str:
        if name in self._registry.broken:
            hint = f"fix this in {printable(str(self._registry.file_of[name]))}"
            return f"the registry's entry of {quote(name)} is wrong ({hint})"
        return f"{quote(name)} is not in the registry{suggestion(name, self._registry.repos)}"

    def _model(self, entry: TrainingEntry, repository: Repository) -> list[Problem]:
        if entry.model is None or entry.model in repository.models:
            return []
        near = suggestion(entry.model, repository.models)
        message = f"{quote(entry.model)} is not a model of {word(repository.name)}{near}"
        return [self.error(entry.places["model"], message)]

    def _folder(self, entry: TrainingEntry, repository: Repository) -> list[Problem]:
        if repository.name not in self._folders:
            self._folders[repository.name] = folder_of(repository, self._root)
        found, place = self._folders[repository.name], entry.places["repo"]
        errors = [self.error(place, flaw) for flaw in found.flaws]
        return errors + [Problem("warning", place, doubt, self._file) for doubt in found.doubts]

    def _drawn(
        self, entry: TrainingEntry, repository: Repository
    ) -> tuple[list[Hyperparameter], list[Problem]]:
        """What to draw, in the registry's order."""
        supported, of = repository.hyperparameters, word(repository.name)
        problems = []
        for name, place in entry.mutate.items():
            if name not in supported:
                problems.append(self.error(place, unknown_name(name, repository)))
            elif not supported[name].can_be_drawn:
                hint = "add one, or choices, to the registry"
                message = f"{quote(name)} of {of} has no range to draw from ({hint})"
                problems.append(self.error(place, message))
            elif entry.draws_all:
                message = f'{quote(name)} is drawn with all others, because "all" is given'
                problems.append(Problem("warning", place, message, self._file))
        drawn = [supported[name] for name in supported if name in entry.mutate]
        if entry.draws_all:
            drawn, more = self._all(entry, repository)
            problems += more
        for found in drawn:
            problems += self.doubts(entry.places["mutate"], found)
        return drawn, problems

    def doubts(self, place: str, found: Hyperparameter, *values: Value) -> list[Problem]:
        """What may become of the values on the way to the training; of all drawn, without any."""
        problems = []
        if doubt := dash_doubt(found, *values):
            severity, message = doubt
            problems.append(Problem(severity, place, message, self._file))
        if message := next(filter(None, map(value_doubt, values)), ""):
            problems.append(Problem("warning", place, message, self._file))
        return problems

    def _all(
        self, entry: TrainingEntry, repository: Repository
    ) -> tuple[list[Hyperparameter], list[Problem]]:
        place, supported = entry.places["mutate"], repository.hyperparameters.values()
        problems = [
            Problem("remark", place, f"{quote(found.name)} has no range: not drawn", self._file)
            for found in supported
            if not found.can_be_drawn
        ]
        drawn = [found for found in supported if found.can_be_drawn]
        if not drawn:
            message = f"{word(repository.name)} has nothing with a range to draw from"
            problems.append(self.error(place, message))
        return drawn, problems

    def _auto(
        self, entry: TrainingEntry, repository: Repository, is_background: bool
    ) -> tuple[Hyperparameter | None, list[Problem]]:
        """The hyperparameter whose value is to be found, if there is one."""
        found = [
            known
            for name, value in entry.hyperparameters.items()
            if (known := repository.hyperparameters.get(name)) and _is_auto(known, value)
        ]
        problems = []
        for place, known in enumerate(found):
            message = _auto_flaw(known, repository, is_background=is_background)
            if not message and place > 0:
                message = f'"auto" beside {quote(found[0].name)}: one can be found (give a number)'
            if message:
                where = join(entry.places["hyperparameters"], known.name)
                problems.append(self.error(where, message))
        return (found[0] if found and not problems else None), problems

    def _given(
        self, entry: TrainingEntry, repository: Repository
    ) -> tuple[dict[str, Value], list[Problem]]:
        """The values to pass, each of its type."""
        given: dict[str, Value] = {}
        problems = []
        for name, value in entry.hyperparameters.items():
            place = join(entry.places["hyperparameters"], name)
            hyperparameter = repository.hyperparameters.get(name)
            if hyperparameter is None:
                if is_annotation(name):
                    continue
                if self._is_strict:
                    problems.append(self.error(place, unknown_name(name, repository)))
                    continue
                near = _near(name, repository.hyperparameters)
                message = f"not a hyperparameter of {word(repository.name)}, not passed{near}"
                problems.append(Problem("warning", place, message, self._file, is_ignored=True))
                continue
            if _is_auto(hyperparameter, value):
                given[name] = max(hyperparameter.sizes, default=0)
                continue
            try:
                given[name] = given_value(hyperparameter, value)
                words_of(hyperparameter, given[name])
            except UsageError as error:
                is_form = isinstance(value, Mapping) and not self._is_strict
                hint = OF_VERSION_2 if is_form else ""
                problems.append(Problem("error", place, str(error), self._file, hint=hint))
            else:
                problems += self.doubts(place, hyperparameter, given[name])
        return given, problems


def unknown_name(name: str, repository: Repository) -> str:
    """What is wrong with a hyperparameter that the repository does not have."""
    near = _near(name, repository.hyperparameters)
    return f"{quote(name)} is not a hyperparameter of {word(repository.name)}{near}"


def _near(name: str, supported: Mapping[str, Hyperparameter]) -> str:
    """The suggestion for a name: people write the flag, or the initials, for the name itself."""
    for known in supported.values():
        initials = "".join(part[:1] for part in known.name.split("_"))
        if name in (known.flag.lstrip("-"), initials):
            return suggestion(known.name, [known.name])
    return suggestion(name, supported)


def _is_auto(hyperparameter: Hyperparameter, value: object) -> bool:
    """Whether a value says that it is to be found; as text it may be the training's own word."""
    return value == AUTO and hyperparameter.kind != "str"


def _auto_flaw(
    hyperparameter: Hyperparameter, repository: Repository, *, is_background: bool
) -> str:
    if not is_background:
        return '"auto" is for a background: a foreground\'s values are its own (give a number)'
    if not hyperparameter.sizes:
        name = word(repository.name)
        why = f'{name} lists no "sizes" for it (add them to the registry)'
        return f'"auto" has nothing to choose from: {why}'
    return ""


def background_of(resolved: Resolved, given: BackgroundEntry) -> Background:
    """The background, with the command of each size where one is to be found."""
    training = training_of(resolved, resolved.given, given.training.gpus)
    auto = resolved.auto
    if auto is None:
        return Background(training, given.dose)
    sizes = []
    for size in reversed(auto.sizes):
        values = {**resolved.given, auto.name: size}
        command = training_command(resolved.repository, resolved.model, values)
        sizes.append(Size(auto.name, size, command))
    return Background(training, given.dose, tuple(sizes))


def training_of(
    resolved: Resolved, hyperparameters: Mapping[str, Value], gpus: str | None
) -> Training:
    """The training with these values; `gpus` as CUDA_VISIBLE_DEVICES takes them, None: no word."""
    repository = resolved.repository
    return Training(
        repo=repository.name,
        model=resolved.model,
        hyperparameters=hyperparameters,
        mutated=tuple(hyperparameter.name for hyperparameter in resolved.drawn),
        command=training_command(repository, resolved.model, hyperparameters),
        out_words=out_words(registry_words(repository, resolved.model)),
        work_dir=resolved.work_dir,
        log=repository.log,
        environment={**repository.environment, **({} if gpus is None else {VISIBLE: gpus})},
        commit=repository.commit,
        memory_limit=repository.memory_limit,
        device=repository.device,
        helpers=repository.helpers,
    )
