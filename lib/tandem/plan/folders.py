"""The folder of a repository, what its trainings find there, and why they cannot be started."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

from tandem.base.errors import UsageError
from tandem.base.git import git_state
from tandem.base.text import quote
from tandem.config.environments import environment_of
from tandem.config.needs import missing_files, missing_modules, python_of
from tandem.config.program import folder_flaw
from tandem.config.registry import Repository
from tandem.plan.command import beginning


@dataclass(frozen=True)
class Folder:
    """Where a repository lies, also behind links, and what of it is wrong there.

    `repository` is that of the registry with all variables that its trainings get. With `flaws` its
    trainings cannot be started; `doubts` are what may be another than was meant.
    """

    repository: Repository
    path: Path
    real: str
    flaws: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def folder_of(repository: Repository, root: Path) -> Folder:
    """Look at the folder of a repository; starts git, and the Python that is to have modules."""
    path = Path(os.path.abspath(root / repository.path))
    real = os.path.realpath(path)
    try:
        own = environment_of(repository.python, repository.environment, path)
    except UsageError as error:
        return Folder(repository, path, real, flaws=(str(error),))
    started = replace(repository, environment=own)
    command = (*beginning(started), *started.required_args)
    fetched = repository.is_fetched
    flaw = folder_flaw(path, command, path=own.get("PATH"), is_fetched=fetched)
    if flaw:
        return Folder(started, path, real, flaws=(flaw,))
    flaws = missing_files(path, repository.needs_files)
    modules, is_certain = _module_flaws(started, path, command)
    doubts = [commit_doubt(path, repository.commit), *([] if is_certain else modules)]
    flaws += modules if is_certain else []
    return Folder(started, path, real, tuple(flaws), tuple(filter(None, doubts)))


def _module_flaws(
    repository: Repository, folder: Path, command: tuple[str, ...]
) -> tuple[list[str], bool]:
    """The sentences on its modules, and whether they are about the Python that it really takes."""
    needed = repository.needs_modules
    if not needed:
        return [], True
    python, is_certain = python_of(folder, command, repository.environment)
    if python is None:
        names = ", ".join(map(quote, needed))
        return [f"whether its Python has {names} is not known: there is none on its PATH"], False
    found = missing_modules(folder, python, repository.environment, needed)
    return found, is_certain or bool(repository.python)


def commit_doubt(folder: Path, commit: str | None) -> str:
    """Why the folder may not be at the commit that the registry names, or ""."""
    if commit is None:
        return ""
    state = git_state(folder)
    if state["commit"] is None:
        return f"whether its folder is at commit {commit[:12]} is not known: {state['reason']}"
    if state["commit"] == commit:
        return ""
    return f"its folder is at commit {state['commit'][:12]}, the registry names {commit[:12]}"
