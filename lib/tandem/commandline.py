"""The command line: which commands there are, in the order in which people need them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module

from tandem.base.arguments import Parser
from tandem.base.text import aligned

# A command is a file in commands/, and its name here.
COMMANDS = {
    "before": ("run", "check", "list"),
    "during": ("status", "watch"),
    "cluster": ("submit", "work"),
    "after": ("show", "report", "compare", "table"),
    "files": ("record", "verify", "prune"),
    "setup": ("repos", "doctor", "completion"),
}


class TandemParser(Parser):
    """Reads `tandem COMMAND ...`. Its help is one screen: the commands, by when they are needed."""

    summaries: Mapping[str, str]  # by command
    closing: str

    def format_help(self) -> str:
        rows = [
            (when if name == names[0] else "", name, self.summaries[name])
            for when, names in COMMANDS.items()
            for name in names
        ]
        lines = [f"usage: {self.usage_line()}", self.description or "", "", *aligned(rows), ""]
        return "\n".join(lines) + self.closing


def parser(description: str) -> Parser:
    """Return the reader of the command line, with a subcommand for each file of commands/.

    The first line of `description` is the program's help, the rest stands below the commands. What
    a command's docstring says before a colon or semicolon stands beside its name.
    """
    title, _, closing = description.partition("\n")
    top = TandemParser(prog="tandem", description=title)
    top.summaries, top.closing = {}, closing
    subcommands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for names in COMMANDS.values():
        for name in names:
            module = import_module(f"tandem.commands.{name}")
            text = (module.__doc__ or "").strip()
            top.summaries[name] = text.replace(";", ":").partition(":")[0]
            command = subcommands.add_parser(name, help=text, description=text)
            command.set_defaults(function=module.run)
            module.add_options(command)
            command.usage = command.usage_line().replace("%", "%%")
    return top
