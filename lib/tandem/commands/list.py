"""print the registry: its repositories, models and hyperparameters"""

from __future__ import annotations

import argparse

from tandem.base.errors import UsageError
from tandem.base.output import say
from tandem.commands.options import add_registry, registries


def add_options(parser: argparse.ArgumentParser) -> None:
    add_registry(parser)


def run(arguments: argparse.Namespace) -> int:
    from tandem.config.problems import has_errors
    from tandem.config.registry import load_registry
    from tandem.report.registry import text_of_registry

    registry = load_registry(*registries(arguments))
    say(text_of_registry(registry))
    return UsageError.exit_code if has_errors(registry.problems) else 0
