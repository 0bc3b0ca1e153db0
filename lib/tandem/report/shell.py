"""Commands and values as a shell reads them."""

from __future__ import annotations

import shlex
from collections.abc import Iterable


def shell_line(command: Iterable[str]) -> str:
    """The command as one line that bash reads back as exactly these arguments."""
    return " ".join(map(shell_word, command))


def shell_word(argument: str) -> str:
    if argument.isprintable():
        return shlex.quote(argument)
    # $'...' keeps line breaks and escape sequences away from the terminal.
    return "$'" + "".join(map(_escaped, argument)) + "'"


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{byte:03o}" for byte in character.encode(errors="surrogateescape"))
