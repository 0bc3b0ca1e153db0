"""The registry: which repositories and models exist, and how their trainings are started."""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tandem.base.text import printable, quote, suggestion
from tandem.config.expansion import expanded, required_texts, shell_flaws, split_words
from tandem.config.hyperparameter import Hyperparameter, read_hyperparameter
from tandem.config.hyperparameter_checks import hyperparameter_flaws
from tandem.config.jsonfile import JsonFile, is_annotation
from tandem.config.pattern_checks import pattern_flaws
from tandem.config.problems import Flaw, Problem, ProblemsError, is_within, join, problem_of
from tandem.config.registry_checks import foreign_flaws
from tandem.config.registry_files import copy_of, read_files
from tandem.config.schema import schema, sift
from tandem.log.rules import LogRules


@dataclass(frozen=True)
class Repository:
    """A repository, what trains its models, and how to read its log.

    Either `train_script` or `train_command` is given, the latter the first words of the command.
    `model_args` are the arguments by model, `environment` the variables that its trainings get.
    `log` says how to read its log. `device` is what its trainings are meant to run on: "gpu", "cpu"
    or "auto". `helpers` are the names of programs that may go on for a moment when the training has
    ended. `line_buffered` says that its output is to be written line by line. `url` and `commit`
    say where it comes from. `safe_to_share` says that several trainings may run in its folder at
    once, `memory_limit` which frameworks can be told of a limit of the GPU's memory in ways that
    older versions of them refuse. `python` is the environment of its trainings: "venv" or "conda"
    and which. `needs_modules` and `needs_files`: what they cannot run without, and how to get it.
    """

    name: str
    path: str
    train_script: str | None
    models: tuple[str, ...]
    hyperparameters: Mapping[str, Hyperparameter]
    model_flag: str | None
    required_args: tuple[str, ...]
    log: LogRules
    safe_to_share: bool = False
    train_command: tuple[str, ...] = ()
    model_args: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    url: str | None = None
    commit: str | None = None
    memory_limit: tuple[str, ...] = ()
    device: str = "auto"
    helpers: tuple[str, ...] = ()
    line_buffered: bool = False
    python: Mapping[str, str] = field(default_factory=dict)
    needs_modules: Mapping[str, str] = field(default_factory=dict)
    needs_files: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_fetched(self) -> bool:
        """Whether it is known where to get it, and as it was when."""
        return self.url is not None and self.commit is not None


@dataclass(frozen=True)
class Registry:
    """The repositories by name; `broken` are the names of those that cannot be used.

    `files` are those that it was read from, the one named last as the last, and `file_of` says
    which of them each name comes from. `root` is what paths are relative to. `copy` is what a run
    keeps of it; `sha256` is the digest of that, None where it came from a pipe.
    """

    files: tuple[Path, ...]
    root: Path
    repos: Mapping[str, Repository]
    broken: tuple[str, ...]
    problems: tuple[Problem, ...]
    file_of: Mapping[str, Path]
    copy: bytes
    sha256: str | None


def load_registry(*paths: Path, root: Path | None = None) -> Registry:
    """Read a registry of one or more files; of two entries of one name the later file's counts.

    Paths are relative to `root`, without one to the folder above the folder of the file that holds
    them. What is wrong with single repositories is told in `problems`. Raises ProblemsError when a
    file as a whole cannot be used.
    """
    files = read_files(paths)
    main_root = root_of(paths[-1], root)
    parts = [_read_part(file) for file in files]
    entries = {name: part for part in parts for name in part.names}
    problems = [it for part in parts for it in part.problems if part.is_asked(it, entries)]
    problems += _replacements(parts)
    repos = {}
    for name, part in entries.items():
        if name in part.repos:
            own_root = root_of(part.path, root)
            repos[name] = _at(part.repos[name], own_root, main_root)
    copy = copy_of(files, {name: main_root / each.path for name, each in repos.items()})
    return Registry(
        files=tuple(file.path for file in files),
        root=main_root,
        repos=repos,
        broken=tuple(name for name in entries if name not in repos),
        problems=tuple(problems),
        file_of={name: part.path for name, part in entries.items()},
        copy=copy,
        sha256=files[0].sha256 if len(files) == 1 else hashlib.sha256(copy).hexdigest(),
    )


def _at(repository: Repository, own_root: Path, root: Path) -> Repository:
    """Return the repository with a path that is right from `root`."""
    if own_root == root:
        return repository
    return replace(repository, path=str(own_root / repository.path))


@dataclass(frozen=True)
class _Part:
    """What one file of a registry says; `names` are all that it has an entry of."""

    path: Path
    names: tuple[str, ...]
    repos: Mapping[str, Repository]
    problems: tuple[Problem, ...]

    def is_asked(self, problem: Problem, entries: Mapping[str, _Part]) -> bool:
        """Whether a problem of this file concerns what counts of it."""
        replaced = (name for name in self.names if entries[name] is not self)
        return not any(is_within(problem.path, join("models", name)) for name in replaced)


def _replacements(parts: Sequence[_Part]) -> Iterator[Problem]:
    """Say where an entry counts in place of an earlier file's."""
    earlier: dict[str, Path] = {}
    for part in parts:
        for name in part.names:
            if name in earlier:
                message = f"counts in place of that in {printable(str(earlier[name]))}"
                yield Problem("remark", join("models", name), message, str(part.path))
            earlier[name] = part.path


def _read_part(file: JsonFile) -> _Part:
    """Read one file; ProblemsError: it cannot be used as a whole."""
    path = file.path
    value, problems = sift(_without_comments(file.value), "registry", str(path))
    if not isinstance(value, dict) or not isinstance(value.get("models"), dict):
        raise ProblemsError(problems)
    problems += [problem_of(flaw, str(path)) for flaw in _flaws(value, value["models"])]
    wrong = [problem.path for problem in problems if problem.severity == "error"]
    repos: dict[str, Repository] = {}
    for name, raw in value["models"].items():
        if not any(is_within(place, join("models", name)) for place in wrong):
            repos[name] = _repository(name, raw)
    return _Part(path, tuple(value["models"]), repos, tuple(problems))


def _without_comments(value: Any) -> Any:
    """The registry without the texts that annotate a list of named objects."""
    value = _without_texts(value, "models")
    models = value.get("models") if isinstance(value, dict) else None
    if not isinstance(models, dict):
        return value
    named = {name: _without_texts(raw, "supported_hyperparams") for name, raw in models.items()}
    return value | {"models": named}


def _without_texts(value: Any, key: str) -> Any:
    if not isinstance(value, dict) or not isinstance(value.get(key), dict):
        return value
    kept = {
        name: item
        for name, item in value[key].items()
        if not (is_annotation(name) and isinstance(item, str))
    }
    return value | {key: kept}


def _flaws(value: Mapping[str, Any], models: Mapping[str, Any]) -> Iterator[Flaw]:
    shape = schema("registry")
    yield from _unknown_keys("", value, shape)
    for name, raw in models.items():
        place = join("models", name)
        yield from _unknown_keys(place, raw, shape["$defs"]["repository"])
        yield from _model_flaws(place, raw)
        yield from _argument_flaws(place, raw)
        yield from pattern_flaws(place, raw)
        yield from foreign_flaws(place, raw)
        yield from shell_flaws(place, raw)
        for key, parameter in raw.get("supported_hyperparams", {}).items():
            where = join(join(place, "supported_hyperparams"), key)
            yield from _unknown_keys(where, parameter, shape["$defs"]["hyperparameter"])
            yield from hyperparameter_flaws(where, parameter)


def _unknown_keys(place: str, raw: Mapping[str, Any], shape: Mapping[str, Any]) -> Iterator[Flaw]:
    known = shape["properties"]
    for key in raw:
        if key not in known and not is_annotation(key):
            message = f"unknown key, ignored{suggestion(key, known)}"
            yield "ignored", join(place, key), message


def _model_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    flag, arguments = raw.get("model_flag"), raw.get("model_args")
    if len(raw.get("models", ())) > 1 and flag is None and not arguments:
        message = 'all of them run the same command, because there is no "model_flag" (add it)'
        yield "warning", join(place, "models"), message


def _argument_flaws(place: str, raw: Mapping[str, Any]) -> Iterator[Flaw]:
    for path, text in required_texts(place, raw).items():
        try:
            shlex.split(text)
        except ValueError as error:
            message = f"{quote(text)} cannot be split as a shell would: {error} (fix it)"
            yield "error", path, message


def _repository(name: str, raw: Mapping[str, Any]) -> Repository:
    texts = required_texts(name, raw).values()
    return Repository(
        name=name,
        path=expanded(raw["path"]),
        train_script=raw.get("train_script"),
        models=tuple(raw["models"]),
        hyperparameters={
            key: read_hyperparameter(key, parameter)
            for key, parameter in raw.get("supported_hyperparams", {}).items()
        },
        model_flag=raw.get("model_flag"),
        required_args=tuple(word for text in texts for word in split_words(text)),
        log=_log_rules(raw),
        safe_to_share=raw.get("safe_to_share", False),
        train_command=tuple(map(expanded, raw.get("train_command", ()))),
        model_args={
            model: tuple(map(expanded, words)) for model, words in raw.get("model_args", {}).items()
        },
        environment={name: expanded(text) for name, text in raw.get("env", {}).items()},
        url=raw.get("url"),
        commit=raw.get("commit"),
        memory_limit=tuple(raw.get("memory_limit", ())),
        device=raw.get("device", "auto"),
        helpers=tuple(raw.get("helpers", ())),
        line_buffered=raw.get("line_buffered", False),
        python=dict(raw.get("python", {})),
        needs_modules=_needs(raw.get("needs_modules", {})),
        needs_files=_needs(raw.get("needs_files", {})),
    )


def _needs(given: Any) -> dict[str, str]:
    """Return what is needed with how to get it, "" where the registry does not say."""
    return dict(given) if isinstance(given, dict) else dict.fromkeys(given, "")


def _log_rules(raw: Mapping[str, Any]) -> LogRules:
    return LogRules(
        patterns=dict(raw.get("performance_metrics", {}).get("log_patterns", {})),
        required=tuple(raw.get("required_metrics", ())),
        epoch_pattern=raw.get("epoch_pattern"),
        early_stopping=raw.get("early_stopping", False),
        decimal_comma=raw.get("decimal_comma", False),
        failure_patterns=dict(raw.get("failure_patterns", {})),
    )


def root_of(registry_file: Path, root: Path | None) -> Path:
    """The folder that the registry's paths are relative to, where none is given the usual one."""
    return absolute(root or absolute(registry_file).parent.parent)


def absolute(path: Path) -> Path:
    # Not resolve: a link's own place is what its owner means.
    return Path(os.path.abspath(path))
