"""Fill a Bash template: every '{{ name }}' becomes shell-quoted data. Standard library only.

    render.py TEMPLATE OUTPUT [NAME=VALUE ...] [NAME[]=WORD ...] [-- COMMAND ...]

NAME[]= adds one word to an array; the words after -- are the array `command`. Exit code 2 and
one line on stderr where something does not fit.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# The quotes belong to the placeholder, so that the template itself parses and lints as Bash.
PLACEHOLDER = re.compile(r"(\(?)'\{\{ (\w+) \}\}'")

Values = Mapping[str, "str | Sequence[str]"]


class TemplateError(ValueError):
    """The template and the values do not fit each other."""


def render(template: str, values: Values) -> str:
    """Return the template with each `'{{ name }}'` replaced by its shell-quoted value.

    `NAME='{{ x }}'` takes a string, `NAME=('{{ x }}')` a sequence of strings.
    TemplateError: a value is missing, unused, of the wrong kind or holds a NUL, or a brace is
    left over in the template.
    """
    names = [match[2] for match in PLACEHOLDER.finditer(template)]
    for problem, which in (
        ("no value for", set(names) - set(values)),
        ("no place in the template for", set(values) - set(names)),
        ("more than one place in the template for", {n for n in names if names.count(n) > 1}),
    ):
        if which:
            raise TemplateError(f"{problem} {', '.join(sorted(which))}")
    rest = PLACEHOLDER.sub("", template)
    if "{{" in rest or "}}" in rest:
        line = next(
            i for i, text in enumerate(rest.splitlines(), 1) if "{{" in text or "}}" in text
        )
        raise TemplateError(f"line {line}: a brace is left over")
    return PLACEHOLDER.sub(lambda match: match[1] + quoted(match, values[match[2]]), template)


def quoted(place: re.Match[str], value: str | Sequence[str]) -> str:
    is_array, name = bool(place[1]), place[2]
    if is_array == isinstance(value, str):
        raise TemplateError(f"{name} must be {'a list of words' if is_array else 'one string'}")
    words = [value] if isinstance(value, str) else value
    if any("\0" in word for word in words):
        raise TemplateError(f"{name} holds a NUL character, which no argument can")
    return " ".join(map(shlex.quote, words))


def render_file(template: Path, output: Path, values: Values) -> None:
    """Render into an executable file, complete or not at all."""
    text = render(template.read_text(encoding="utf-8"), values)
    temporary = output.with_name(f".{output.name}.{os.getpid()}.tmp")
    temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
    temporary.chmod(0o755)
    temporary.rename(output)


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
