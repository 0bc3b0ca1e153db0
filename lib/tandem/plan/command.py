"""The command line of a training, as a tuple of arguments; no shell takes part."""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from tandem.base.errors import UsageError
from tandem.base.text import quote, show
from tandem.config.program import of_tandem
from tandem.config.registry import Hyperparameter, Repository

# The kernel takes no single argument longer than this, its closing NUL included.
MAX_ARGUMENT_BYTES = 128 * 1024

Value = int | float | str


def text_of(value: Value) -> str:
    """The value as an argument: the shortest text that reads back as the same number."""
    return value if isinstance(value, str) else repr(value)


def typed_value(hyperparameter: Hyperparameter, value: Any) -> Value:
    """The value, given by a person, as the hyperparameter's type. Numbers lose nothing.

    A whole number for a float becomes that float, and 10.0 for an int becomes 10. Raises
    UsageError for everything else that is not of the type, and for NaN and infinity.
    """
    kind = hyperparameter.kind
    if kind == "str":
        if isinstance(value, str):
            return value
        raise UsageError(f"must be text, not {show(value)} (write it in quotes)")
    number = None
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with suppress(OverflowError, ValueError):  # infinity or NaN as an int, an int as a float
            number = int(value) if kind == "int" else float(value)
    if number is None or number != value or number in (math.inf, -math.inf):
        wanted = "a whole number" if kind == "int" else "a number that a float can hold"
        raise UsageError(f"must be {wanted}, not {show(value)}")
    return number


def refuse_unusable(value: Value) -> None:
    """Raises UsageError for a value that no program can be given as an argument."""
    argument = text_of(value)
    if "\0" in argument:
        raise UsageError("has a NUL character, which no argument can hold (remove it)")
    length = len(argument.encode())
    if length >= MAX_ARGUMENT_BYTES:
        limit = f"an argument holds fewer than {MAX_ARGUMENT_BYTES}"
        raise UsageError(f"is {length} bytes long, and {limit} (pass the name of a file instead)")


def beginning(repository: Repository) -> tuple[str, ...]:
    """Return the first arguments of its trainings: the script, or the words of `train_command`.

    A program without a slash is looked for in PATH now, so that the plan says which one it is (the
    training's own PATH, where its environment has one); the name itself where there is none.
    """
    script, path = repository.train_script, repository.environment.get("PATH")
    if script is not None:
        # Without a slash the system would look for it in PATH instead of in the folder.
        return (script if "/" in script else f"./{script}",)
    program, *words = map(of_tandem, repository.train_command)
    if "/" not in program and (found := shutil.which(program, path=path)):
        program = os.path.abspath(found)
    return (program, *words)


def training_command(
    repository: Repository, model: str, hyperparameters: Mapping[str, Value]
) -> tuple[str, ...]:
    """The arguments that start a training in the repository's folder.

    In this order: train script or command, required arguments, model flag and model (unless the
    model is "default" or there is no flag), the model's own arguments, then flag and value of each
    hyperparameter in the registry's order. Flag and value are always two arguments, so that a value
    arrives as written; one that begins with a dash is for the training's own parser to accept
    (argparse takes negative numbers). Raises UsageError naming a value that cannot be passed.
    """
    command = [*beginning(repository), *repository.required_args]
    if repository.model_flag is not None and model != "default":
        command += [repository.model_flag, model]
    command += repository.model_args.get(model, ())
    for name, hyperparameter in repository.hyperparameters.items():
        if name in hyperparameters:
            command += [hyperparameter.flag, text_of(hyperparameters[name])]
            _refuse_by_name(name, hyperparameters[name])
    return tuple(command)


def _refuse_by_name(name: str, value: Value) -> None:
    try:
        refuse_unusable(value)
    except UsageError as error:
        raise UsageError(f"{quote(name)} {error}") from None
