"""The options of a program in bin/: read and checked once, in the words of its header."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from tandem.base.text import quote, quote_path

_PROCESS_ID = re.compile(r"[1-9][0-9]{0,9}")


class Arguments(argparse.ArgumentParser):
    """Reads the arguments of a program in bin/.

    What is wrong is one line on stderr, and exit code 2; after a mistake in the usage the help
    follows, which is the header of the program. The type of an option is a function such as
    `seconds`, whose error begins with "takes".
    """

    def __init__(self, program: Path) -> None:
        super().__init__(prog=program.name, add_help=False, allow_abbrev=False, exit_on_error=False)
        self.program = program

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        """Return the options by name; ends the program where one is wrong or not known."""
        try:
            options, unknown = self.parse_known_args(words)
        except argparse.ArgumentError as error:
            if error.message.startswith("takes "):
                self.refuse(f"{error.argument_name} {error.message}")
            self.error(f"{error.argument_name} takes a value")
        if unknown:
            kind = "option" if unknown[0].startswith("-") else "argument"
            self.error(f"unknown {kind} {quote(unknown[0])}")
        return options

    def error(self, message: str) -> NoReturn:
        """End the program because of how it was called."""
        print(f"{self.prog}: error: {message}\n{header(self.program)}", end="", file=sys.stderr)
        sys.exit(2)

    def refuse(self, message: str) -> NoReturn:
        """End the program because of a value that it was given."""
        print(f"{self.prog}: error: {message}", file=sys.stderr)
        sys.exit(2)

    def folder(self, option: str, path: str) -> str:
        """Return the full path of a folder, which is made if it is not there."""
        folder = os.path.abspath(path)
        try:
            os.makedirs(folder, exist_ok=True)
        except OSError as error:
            self.refuse(
                f"{option}: cannot create directory {quote_path(Path(folder))}: {error.strerror}"
            )
        return folder


def header(program: Path) -> str:
    """Return the comment at the beginning of a script, which is its help."""
    lines = program.read_text(encoding="utf-8").splitlines()[1:]
    comment = [line.startswith("#") for line in lines]
    return "".join(f"{line[2:]}\n" for line in lines[: comment.index(False)])


def number(text: str) -> float:
    value = _number(text)
    if value is None:
        raise argparse.ArgumentTypeError(f"takes a number, not {quote(text)}")
    return value


def seconds(text: str) -> float:
    value = _number(text)
    if value is None or value < 0:
        raise argparse.ArgumentTypeError(f"takes a number of seconds, not {quote(text)}")
    return value


def process_id(text: str) -> int:
    if not _PROCESS_ID.fullmatch(text):
        raise argparse.ArgumentTypeError(f"takes a process id, not {quote(text)}")
    return int(text)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None
