"""Fill a Bash template: every '{{ name }}' becomes shell-quoted data.

    render.py TEMPLATE OUTPUT [NAME=VALUE ...] [NAME[]=WORD ...] [-- COMMAND ...]

NAME[]= adds one word to an array; the words after -- are the array `command`. Exit code 2 and
one line on stderr where something does not fit.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tandem.base.templates import render_file


def values_from(arguments: Sequence[str]) -> dict[str, str | list[str]]:
    """Read NAME=VALUE, NAME[]=WORD and -- COMMAND from a command line."""
    values: dict[str, str | list[str]] = {}
    for position, argument in enumerate(arguments):
        if argument == "--":
            values["command"] = list(arguments[position + 1 :])
            break
        name, _, value = argument.partition("=")
        if name.endswith("[]"):
            words = values.setdefault(name[:-2], [])
            if isinstance(words, list) and value:
                words.append(value)
        else:
            values[name] = value
    return values


def main() -> None:
    try:
        template, output = map(Path, sys.argv[1:3])
        render_file(template, output, values_from(sys.argv[3:]))
    except (ValueError, OSError) as error:
        print(f"render: error: {' '.join(sys.argv[1:3])}: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
