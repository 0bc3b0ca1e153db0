"""The command line: which commands there are, in the order in which people need them."""

from __future__ import annotations

import argparse
from importlib import import_module

COMMANDS = {
    "what to run": ("run", "check", "list"),
    "while it runs": ("status", "watch"),
    "what came out": ("report", "show", "compare", "table"),
    "the files of runs": ("record", "verify", "prune"),
    "this installation": ("repos", "doctor"),
}


def parser(description: str) -> argparse.ArgumentParser:
    """Return the reader of the command line, with a subcommand for each file of commands/.

    The first line of `description` is the program's help, the rest stands below the options.
    """
    title, _, epilog = description.partition("\n")
    top = argparse.ArgumentParser(
        prog="tandem",
        description=title,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    subcommands = top.add_subparsers(required=True, metavar="COMMAND")
    for names in COMMANDS.values():
        for name in names:
            module = import_module(f"tandem.commands.{name}")
            text = (module.__doc__ or "").strip()
            command = subcommands.add_parser(name, help=text, description=text)
            command.set_defaults(function=module.run)
            module.add_options(command)
    return top
