"""From what the settings give and the registry knows to trainings with their commands."""

from __future__ import annotations

from collections.abc import Mapping

from tandem.config.entries import BackgroundEntry
from tandem.plan.command import Value, training_command
from tandem.plan.model import Background, Size, Training
from tandem.plan.resolve import Resolved
from tandem.processes.proc import VISIBLE


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
        work_dir=resolved.work_dir,
        log_patterns=repository.log_patterns,
        environment={**repository.environment, **({} if gpus is None else {VISIBLE: gpus})},
        required_metrics=repository.required_metrics,
        commit=repository.commit,
        memory_limit=repository.memory_limit,
    )
