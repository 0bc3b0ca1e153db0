"""Look the trainings of the settings up in the registry and on the disk."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tandem.command import Value, refuse_unusable, typed_value
from tandem.errors import UsageError
from tandem.jsonfile import is_annotation
from tandem.problems import Problem, has_errors, join, quote, suggestion, word
from tandem.registry import Hyperparameter, Registry, Repository
from tandem.settings import TrainingEntry


@dataclass(frozen=True)
class Resolved:
    """A training of which every part exists: what to draw, what to pass, where it runs."""

    repository: Repository
    model: str
    drawn: tuple[Hyperparameter, ...]
    given: Mapping[str, Value]
    work_dir: Path


@dataclass(frozen=True)
class _Folder:
    """Where a repository lies, also behind links, and why it cannot be used there, or ""."""

    path: Path
    real: str
    flaw: str


class Resolver:
    """Looks up the trainings of one settings file, named `file` in the problems."""

    def __init__(self, registry: Registry, root: Path, file: str) -> None:
        self._registry = registry
        self._root = root
        self._file = file
        self._folders: dict[str, _Folder] = {}

    def resolve(self, entry: TrainingEntry) -> tuple[Resolved | None, list[Problem]]:
        """The training, or None where it cannot run; and everything found on the way."""
        if entry.repo is None:
            return None, []
        repository = self._registry.repos.get(entry.repo)
        if repository is None:
            return None, [self._error(entry.places["repo"], self._unknown(entry.repo))]
        problems = self._model(entry, repository) + self._folder(entry, repository)
        drawn: list[Hyperparameter] = []
        given: dict[str, Value] = {}
        if entry.mode == "mutation":
            drawn, more = self._drawn(entry, repository)
        else:
            given, more = self._given(entry, repository)
        problems += more
        if entry.model is None or has_errors(problems):
            return None, problems
        work_dir = self._folders[repository.name].path
        return Resolved(repository, entry.model, tuple(drawn), given, work_dir), problems

    def shared(self, foreground: Resolved, background: Resolved, place: str) -> list[Problem]:
        """A warning, at `place`, where both write into one folder."""
        pair = foreground.repository, background.repository
        one, other = (self._folders[repository.name].real for repository in pair)
        if one != other or all(repository.safe_to_share for repository in pair):
            return []
        message = (
            f"shares the foreground's folder {_shown(background.work_dir)}: each may overwrite"
            ' files of the other (take another repository, or put "safe_to_share": true into the'
            " registry if trainings write nothing there)"
        )
        return [Problem("warning", place, message, self._file)]

    def _error(self, path: str, message: str) -> Problem:
        return Problem("error", path, message, self._file)

    def _unknown(self, name: str) -> str:
        if name in self._registry.broken:
            return f"the registry's entry of {quote(name)} is wrong (mend it there)"
        return f"{quote(name)} is not in the registry{suggestion(name, self._registry.repos)}"

    def _model(self, entry: TrainingEntry, repository: Repository) -> list[Problem]:
        if entry.model is None or entry.model in repository.models:
            return []
        near = suggestion(entry.model, repository.models)
        message = f"{quote(entry.model)} is not a model of {word(repository.name)}{near}"
        return [self._error(entry.places["model"], message)]

    def _folder(self, entry: TrainingEntry, repository: Repository) -> list[Problem]:
        if repository.name not in self._folders:
            folder = Path(os.path.abspath(self._root / repository.path))
            flaw = folder_flaw(folder, repository.train_script)
            self._folders[repository.name] = _Folder(folder, os.path.realpath(folder), flaw)
        message = self._folders[repository.name].flaw
        return [self._error(entry.places["repo"], message)] if message else []

    def _drawn(
        self, entry: TrainingEntry, repository: Repository
    ) -> tuple[list[Hyperparameter], list[Problem]]:
        """What to draw, in the registry's order."""
        supported, of = repository.hyperparameters, word(repository.name)
        problems = []
        for name, place in entry.mutate.items():
            if name not in supported:
                near = _near(name, supported)
                message = f"{quote(name)} is not a hyperparameter of {of}{near}"
                problems.append(self._error(place, message))
            elif not supported[name].has_range:
                message = f"{quote(name)} of {of} has no range to draw from (add it there)"
                problems.append(self._error(place, message))
            elif entry.draws_all:
                message = f'{quote(name)} is drawn with all others, because "all" is given'
                problems.append(Problem("warning", place, message, self._file))
        if entry.draws_all:
            drawn, more = self._all(entry, repository)
            return drawn, problems + more
        return [supported[name] for name in supported if name in entry.mutate], problems

    def _all(
        self, entry: TrainingEntry, repository: Repository
    ) -> tuple[list[Hyperparameter], list[Problem]]:
        place, supported = entry.places["mutate"], repository.hyperparameters.values()
        problems = [
            Problem("remark", place, f"{quote(found.name)} has no range: not drawn", self._file)
            for found in supported
            if not found.has_range
        ]
        drawn = [found for found in supported if found.has_range]
        if not drawn:
            message = f"{word(repository.name)} has nothing with a range to draw from"
            problems.append(self._error(place, message))
        return drawn, problems

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
                near = _near(name, repository.hyperparameters)
                message = f"not a hyperparameter of {word(repository.name)}, not passed{near}"
                problems.append(Problem("warning", place, message, self._file))
                continue
            message = _value_flaw(hyperparameter, value)
            if message:
                problems.append(self._error(place, message))
            else:
                given[name] = typed_value(hyperparameter, value)
        return given, problems


def _near(name: str, supported: Mapping[str, Hyperparameter]) -> str:
    """The suggestion for a name: people write the flag, or the initials, for the name itself."""
    for known in supported.values():
        initials = "".join(part[:1] for part in known.name.split("_"))
        if name in (known.flag.lstrip("-"), initials):
            return suggestion(known.name, [known.name])
    return suggestion(name, supported)


def _value_flaw(hyperparameter: Hyperparameter, value: object) -> str:
    try:
        refuse_unusable(typed_value(hyperparameter, value))
    except UsageError as error:
        return str(error)
    return ""


def folder_flaw(folder: Path, train_script: str) -> str:
    """Why the training's script cannot be started in the folder, or ""."""
    # os.path rather than Path: it answers False to names that are too long, too.
    if not os.path.isdir(folder):
        return f"its folder {_shown(folder)} does not exist (check --root and the registry)"
    script = folder / train_script
    if not os.path.isfile(script):
        return f"its train script {_shown(script)} does not exist (check the registry)"
    if not os.access(script, os.X_OK):
        return f"its train script {_shown(script)} is not executable (chmod +x it)"
    return ""


def _shown(path: Path) -> str:
    return quote(str(path), most=500)
