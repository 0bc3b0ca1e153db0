"""What `list` shows: the repositories of the registry."""

from __future__ import annotations

from pathlib import Path

from tandem.base.text import aligned, printable, word
from tandem.config.hyperparameter import Hyperparameter
from tandem.config.registry import Registry, Repository
from tandem.plan.command import text_of
from tandem.report.problems import problem_blocks
from tandem.report.shell import shell_line, shell_word


def text_of_registry(registry: Registry) -> str:
    """The repositories for people, with models and hyperparameters, then what is wrong."""
    several = len(registry.files) > 1
    blocks = [
        _repository_text(repository, registry.file_of[name] if several else None)
        for name, repository in registry.repos.items()
    ]
    return "\n\n".join(blocks + problem_blocks(registry.problems))


def _repository_text(repository: Repository, file: Path | None) -> str:
    rows: list[tuple[str, ...]] = [
        ("hyperparameter", "flag", "type", "range", "distribution", "default")
    ]
    rows += [_hyperparameter_row(it) for it in repository.hyperparameters.values()]
    lines = [
        word(repository.name),
        *([f"  file    {printable(str(file))}"] if file else []),
        f"  path    {shell_line([repository.path])}",
        f"  {_how(repository)}",
        f"  models  {', '.join(map(word, repository.models))}",
    ]
    table = [f"  {line}" for line in aligned(rows)] if len(rows) > 1 else []
    return "\n".join(lines + table)


def _how(repository: Repository) -> str:
    if repository.train_script is None:
        return f"command {shell_line([*repository.train_command, *repository.required_args])}"
    return f"script  {shell_line([repository.train_script, *repository.required_args])}"


def _hyperparameter_row(hyperparameter: Hyperparameter) -> tuple[str, ...]:
    low, high = hyperparameter.low, hyperparameter.high
    zero = hyperparameter.zero_probability
    chance = f", 0 with probability {zero:g}" if zero else ""
    default = hyperparameter.default
    values = ", ".join(shell_word(text_of(choice)) for choice in hyperparameter.choices)
    flags = filter(None, (hyperparameter.flag, hyperparameter.off_flag))
    return (
        word(hyperparameter.name),
        " / ".join(map(shell_word, flags)),
        hyperparameter.kind,
        f"{low} to {high}" if hyperparameter.has_range else values or "-",
        hyperparameter.distribution + chance if hyperparameter.can_be_drawn else "-",
        "-" if default is None else shell_word(text_of(default)),
    )
