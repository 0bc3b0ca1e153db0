"""The arguments of a program: read and checked once; a mistake is told in three lines.

tandem: error: unknown option "--sed" (did you mean "--seed"?)
usage: tandem run [OPTION ...] [CONFIG]
tandem run --help for more
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NoReturn

from tandem.base.output import complain
from tandem.base.text import nearest, quote, quote_path, suggestion

OPTIONS = "OPTIONS"  # the metavar of an option that takes options of another program
_REQUIRED = "the following arguments are required: "


class Parser(argparse.ArgumentParser):
    """Reads arguments. Options have one name each: none may be shortened.

    The type of an option is a function such as those in `option_values`, whose error says what the
    option takes.
    """

    def __init__(self, **given: Any) -> None:
        super().__init__(**{**given, "allow_abbrev": False, "exit_on_error": False})

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Return the options; the second is empty, for what is not known is a mistake."""
        words = self._joined(sys.argv[1:] if args is None else list(args))
        self._refuse_unknown_options(words)
        try:
            found, rest = super().parse_known_args(words, namespace)
        except argparse.ArgumentError as error:
            self.error(_in_words(error))
        if rest:
            self.error(f"unknown argument {quote(rest[0])}")
        return found, []

    def _joined(self, words: Sequence[str]) -> list[str]:
        """Return the words, with the value of an option joined to it where it takes OPTIONS."""
        joined = list[str]()
        for word in words:
            action = self._option_string_actions.get(joined[-1]) if joined else None
            if action and action.metavar == OPTIONS and "--" not in joined:
                joined[-1] += f"={word}"
            else:
                joined.append(word)
        return joined

    def error(self, message: str) -> NoReturn:
        """End the program because of how it was called."""
        message = message.replace(_REQUIRED, "give ")
        complain(f"{self.prog.split()[0]}: error: {message}\nusage: {self.usage_line()}")
        complain(f"{self.prog} --help for more")
        sys.exit(2)

    def usage_line(self) -> str:
        """How it is called: `tandem compare [OPTION ...] RUN [RUN ...]`."""
        words = [self.prog]
        options = [action for action in self._actions if action.option_strings]
        for action in options:
            if action.required:
                words += [action.option_strings[-1], str(action.metavar or action.dest.upper())]
        if self._subparsers is None and not all(action.required for action in options):
            words.append("[OPTION ...]")
        forms: dict[object, str] = {
            None: "{0}",
            "?": "[{0}]",
            "*": "[{0} ...]",
            "+": "{0} [{0} ...]",
        }
        for action in self._actions:
            if not action.option_strings:
                form = forms.get(action.nargs, "{0} ...")
                words.append(form.format(action.metavar or action.dest.upper()))
        return " ".join(words)

    def _refuse_unknown_options(self, words: Sequence[str]) -> None:
        known = self._option_string_actions
        for word in words:
            if word == "--" or (self._subparsers and not word.startswith("-")):
                break
            name = word.partition("=")[0]
            is_plain = not word.startswith("-") or " " in word or word == "-"
            if is_plain or name in known or self._negative_number_matcher.match(word):
                continue
            if not name.startswith("--") and name[:2] in known:  # its value is joined to it
                continue
            if self._subparsers:
                self.error(f"unknown option {quote(name)} (options stand behind the command)")
            self.error(f"unknown option {quote(name)}{nearest_option(name, known)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse what is not among the choices of an action; choices are commands, too."""
        if action.choices is None or value in action.choices:
            return
        known = [str(choice) for choice in action.choices]
        if isinstance(action, argparse._SubParsersAction):
            near = suggestion(value, known) if nearest(value, known) else ""
            self.error(f"unknown command {quote(value)}{near}")
        near = f" (did you mean {quote(match)}?)" if (match := nearest(value, known)) else ""
        raise argparse.ArgumentError(action, f"{', '.join(known)}, not {quote(value)}{near}")


class Arguments(Parser):
    """Reads the arguments of a program in bin/, whose help is its header."""

    def __init__(self, program: Path) -> None:
        super().__init__(prog=program.name, add_help=False)
        self.program = program

    def usage_line(self) -> str:
        lines = header(self.program).splitlines()
        usage = next((line for line in lines if line.startswith("Usage: ")), self.prog)
        return usage.removeprefix("Usage: ")

    def refuse(self, message: str) -> NoReturn:
        """End the program because of a value that it was given."""
        complain(f"{self.prog}: error: {message}")
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


def nearest_option(name: str, known: Collection[str]) -> str:
    """' (did you mean "--seed"?)' for --sed, and for what begins the name of an option, or ''."""
    words = [option.lstrip("-") for option in known if option.startswith("--")]
    word = name.lstrip("-")
    longer = sorted(each for each in words if word and each.startswith(word))
    match = longer[0] if longer else nearest(word, words)
    return f' (did you mean "--{match}"?)' if match else ""


def header(program: Path) -> str:
    """Return the comment at the beginning of a script, which is its help."""
    lines = program.read_text(encoding="utf-8").splitlines()[1:]
    comment = [line.startswith("#") for line in lines]
    return "".join(f"{line[2:]}\n" for line in lines[: comment.index(False)])


def _in_words(error: argparse.ArgumentError) -> str:
    name, message = error.argument_name, error.message
    if name is None:
        return message
    if message.startswith("expected "):
        return f"{name} takes a value"
    if message.startswith("ignored explicit argument"):
        return f"{name} takes no value"
    if message.startswith("not allowed with argument"):
        return f"{name} and {message.split()[-1]} do not go together"
    return f"{name} takes {message}"
