"""The command line of a training, as a tuple of arguments; no shell takes part."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from decimal import Decimal

from tandem.base.errors import UsageError
from tandem.base.text import quote
from tandem.config.hyperparameter import SWITCH, Hyperparameter, Value
from tandem.config.program import LINE_BUFFERED, of_tandem
from tandem.config.registry import Repository

# The kernel takes no single argument longer than this, its closing NUL included.
MAX_ARGUMENT_BYTES = 128 * 1024

OUT = "{out}"
"""What the registry's words have where the folder of the training's log is meant."""

_PLAIN = 1e-15, 1e16  # the smallest and the largest float that is spelt without an exponent


def text_of(value: Value) -> str:
    """The value as an argument: text that reads back as the same number, in any program.

    A float is a plain decimal (0.00001), beyond 1e-15 to 1e16 one with a dot and an exponent with
    its sign (1.0e-20): argparse takes -1e-05 for an option, and YAML takes 1e-05 for text.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if not isinstance(value, float):
        return str(value)
    if is_plain(value):
        digits = format(Decimal(repr(value)), "f")
        return digits if "." in digits else f"{digits}.0"
    mantissa, _, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}e{exponent}"


def is_plain(value: float) -> bool:
    """Whether a number is spelt without an exponent."""
    return isinstance(value, int) or value == 0 or _PLAIN[0] <= abs(value) <= _PLAIN[1]


def words_of(hyperparameter: Hyperparameter, value: Value) -> tuple[str, ...]:
    """The arguments that pass a value: flag and value, joined where the flag ends in "=".

    A switch is its flag alone, or, where it is off, its other flag or nothing. Raises UsageError
    where no program can be given them.
    """
    flag = hyperparameter.flag
    if hyperparameter.kind == SWITCH:
        off_flag = hyperparameter.off_flag
        return (flag,) if value else () if off_flag is None else (off_flag,)
    text = text_of(value)
    words = (f"{flag}{text}",) if flag.endswith("=") else (flag, text)
    _refuse_unusable(words[-1])
    return words


def _refuse_unusable(argument: str) -> None:
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
    buffered = LINE_BUFFERED if repository.line_buffered else ()
    script, path = repository.train_script, repository.environment.get("PATH")
    if script is not None:
        # Without a slash the system would look for it in PATH instead of in the folder.
        words = [script if "/" in script else f"./{script}"]
    else:
        program, *others = map(of_tandem, repository.train_command)
        words = [_found(program, path), *others]
    return (*(_found(word, path) for word in buffered), *words)


def _found(program: str, path: str | None) -> str:
    """Return where a program is, the name itself where it has a slash or is not on the PATH."""
    found = None if "/" in program else shutil.which(program, path=path)
    return os.path.abspath(found) if found else program


def registry_words(repository: Repository, model: str) -> tuple[str, ...]:
    """The arguments of a training that the registry and the model's name decide."""
    words = [*beginning(repository), *repository.required_args]
    flag = repository.model_flag
    if flag is not None and model != "default":
        words += [f"{flag}{model}"] if flag.endswith("=") else [flag, model]
    return (*words, *repository.model_args.get(model, ()))


def out_words(words: tuple[str, ...]) -> int:
    """How many of these words, from the first, may have {out} in them; 0: none has."""
    return len(words) if any(OUT in word for word in words) else 0


def training_command(
    repository: Repository, model: str, hyperparameters: Mapping[str, Value]
) -> tuple[str, ...]:
    """The arguments that start a training in the repository's folder.

    In this order: train script or command, required arguments, model flag and model (unless the
    model is "default" or there is no flag), the model's own arguments, then flag and value of each
    hyperparameter in the registry's order. A value arrives as written. Raises UsageError naming a
    value that cannot be passed.
    """
    command = list(registry_words(repository, model))
    for name, hyperparameter in repository.hyperparameters.items():
        if name in hyperparameters:
            try:
                command += words_of(hyperparameter, hyperparameters[name])
            except UsageError as error:
                raise UsageError(f"{quote(name)} {error}") from None
    return tuple(command)
