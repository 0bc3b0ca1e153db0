"""Fill a Bash template: every '{{ name }}' becomes shell-quoted data. Standard library only."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from tandem.base.files import temporary_name

# The quotes belong to the placeholder, so that the template itself parses and lints as Bash.
PLACEHOLDER = re.compile(r"(\(|#SBATCH (?=')|)'\{\{ (\w+) \}\}'")

Values = Mapping[str, "str | Sequence[str]"]


class TemplateError(ValueError):
    """The template and the values do not fit each other."""


def render(template: str, values: Values) -> str:
    """Return the template with each `'{{ name }}'` replaced by its shell-quoted value.

    `NAME='{{ x }}'` takes a string, `NAME=('{{ x }}')` a sequence of strings. So does
    `#SBATCH '{{ x }}'`, a line of options for Slurm's sbatch, which reads a shell's quotes.
    TemplateError: a value is missing, unused, of the wrong kind or holds what cannot stand there,
    or a brace is left over in the template.
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
    if place[1].startswith("#") and any("\n" in word for word in words):
        raise TemplateError(f"{name} holds a line break, which no line of sbatch's can")
    return " ".join(map(shlex.quote, words))


def render_file(template: Path, output: Path, values: Values) -> None:
    """Render into an executable file, complete or not at all."""
    text = render(template.read_text(encoding="utf-8"), values)
    temporary = Path(temporary_name(str(output)))
    temporary.write_text(text, encoding="utf-8", errors="surrogateescape")
    temporary.chmod(0o755)
    temporary.rename(output)
